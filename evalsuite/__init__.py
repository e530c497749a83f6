"""Evaluation with lighteval: benchmarks, controls, report."""
