"""Helpers that two or more packages share."""
