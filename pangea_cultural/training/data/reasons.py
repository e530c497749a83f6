"""Reasons for rows that a training leaves out, besides those of their format (`dataset/sources/reasons.py`)."""

EXCLUDED_LANGUAGE = "language not in the recipe"
EXCLUDED_REGION = "region not in the recipe"
EXCLUDED_QUESTION_TYPE = "question type not in the recipe"

BROKEN_IMAGE = "image missing or broken"
TOO_LONG = "longer than max_length"
