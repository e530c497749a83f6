"""Image source for Wikimedia Commons, or another wiki with its API."""
