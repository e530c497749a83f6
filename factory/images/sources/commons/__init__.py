"""Images of Wikimedia Commons, or of another wiki with its API."""
