"""Verdicts about two runs: which is better, where, and how large a difference could have been missed."""
