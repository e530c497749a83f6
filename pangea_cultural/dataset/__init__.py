"""The question record, the export reader and the export check."""
