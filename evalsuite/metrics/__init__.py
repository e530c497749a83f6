"""Metrics over model answers: exact match, accuracy, standard error."""
