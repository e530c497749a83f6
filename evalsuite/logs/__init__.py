"""Answers that are on disk: those of runs, and those that other harnesses have logged."""
