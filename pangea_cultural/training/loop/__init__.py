"""The training run: stages, trainer, checkpoints, resume, metrics, validation."""
