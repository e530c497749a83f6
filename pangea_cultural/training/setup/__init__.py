"""Base model, adapters and training objectives."""
