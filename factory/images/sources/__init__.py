"""Image sources, one module or package each."""
