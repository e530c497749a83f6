"""The data set browser: a page to look at rows with their images and facts, and to mark wrong ones."""
