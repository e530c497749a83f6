"""The report of evaluation runs, as HTML and in the terminal."""
