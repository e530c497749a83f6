"""The audit: what the text of an export gives away, without its images."""
