"""The dry run: memory, FLOPs and hours of a training run."""
