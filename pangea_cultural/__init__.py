"""CulturalPangea: shared records and tables, the model and its training, and the `pcult` command."""

__version__ = "0.1.0"
