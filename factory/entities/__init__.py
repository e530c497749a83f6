"""Stage `select`: entity documents from sources to rows of the store."""
