"""Formats of data sets: each module writes an export in another layout."""
