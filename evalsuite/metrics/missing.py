"""The mark of a question without an answer, for lighteval, which wants a text for each."""

NO_ANSWER = "\x00no answer"
"""It has a NUL character, so that no model can give it."""
