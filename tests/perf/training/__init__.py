"""Benchmarks of training and of checkpoints."""
