"""Benchmarks without a cultural focus, one module each."""
