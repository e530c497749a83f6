"""The embedded sample: entity documents of flags and cultural objects, drawings, and synthetic chat data."""
