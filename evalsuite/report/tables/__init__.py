"""Tables of a report as text: its page and its Markdown file have the same ones."""
