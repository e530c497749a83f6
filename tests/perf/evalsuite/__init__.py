"""Benchmarks of the evaluation."""
