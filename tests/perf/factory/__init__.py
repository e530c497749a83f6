"""Benchmarks of the data factory."""
