"""Training data: from source files to a corpus on disk."""
