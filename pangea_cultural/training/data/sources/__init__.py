"""Readers of training data, one per format, and the corpora that they fill."""
