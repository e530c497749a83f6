"""Source files to a corpus on disk."""
