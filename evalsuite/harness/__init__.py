"""lighteval as the host of our benchmarks."""
