"""Own knowledge: entities, images and statements from CSV and Parquet files of the user."""
