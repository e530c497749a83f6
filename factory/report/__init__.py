"""The report of a data set: one HTML page about an export."""
