"""Sources of entity documents, one module or package each."""
