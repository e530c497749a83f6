"""CulturalPangea: what every other room speaks (languages, regions, questions, workspace), and the model."""

__version__ = "0.1.0"
