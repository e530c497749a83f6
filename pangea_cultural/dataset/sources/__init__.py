"""Readers of published data sets, one per format, shared by training and import."""
