"""Sources of images, one module or package each."""
