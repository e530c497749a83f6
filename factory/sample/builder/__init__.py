"""Scripts that write the embedded sample. They are run by hand and not installed."""
