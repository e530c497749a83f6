"""The stage `export`, and the formats of data sets."""
