"""The data factory: one DuckDB store, small stages over it."""
