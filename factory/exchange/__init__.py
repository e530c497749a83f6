"""Formats that data sets leave and enter in."""
