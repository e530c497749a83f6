"""The data factory: stages that fill one DuckDB store."""
