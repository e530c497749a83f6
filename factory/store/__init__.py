"""The DuckDB store, its schema and statistics."""
