"""Bias: how unevenly the questions of a store are spread."""
