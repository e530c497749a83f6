"""Evaluation with lighteval: benchmarks, metrics, report."""
