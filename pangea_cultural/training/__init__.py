"""Training: from data sources to a checkpoint, with mixture, packing, resume and validation."""
