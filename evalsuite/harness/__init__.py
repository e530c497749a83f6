"""The evaluation of a model through lighteval."""
