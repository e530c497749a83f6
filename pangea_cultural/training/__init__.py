"""Training: from exports to a checkpoint, with mixture, packing, resume and validation."""
