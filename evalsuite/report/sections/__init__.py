"""Sections of a report as data: what its page, its Markdown file and its JSON file have in common."""
