"""Benchmarks of cultural knowledge, one module each."""
