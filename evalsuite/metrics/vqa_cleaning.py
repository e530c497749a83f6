"""The cleaning of answers in the evaluation of VQA (Antol et al., 2015).

The harness of MaXM applies it to the text of a Python list.
"""

import functools
import re
import tomllib
from importlib import resources

PUNCTUATION = (";", "/", "[", "]", '"', "{", "}", "(", ")", "=", "+", "\\", "_", "-", ">", "<", "@", "`", ",", "?", "!")
ARTICLES = ("a", "an", "the")
_COMMA = re.compile(r"(\d)(\,)(\d)")
_PERIOD = re.compile(r"(?!<=\d)(\.)(?!\d)")
_MOST_PERIODS = int(re.UNICODE)
"""The reference passes a flag as the largest number of replacements."""


@functools.cache
def replacements(kind: str) -> dict[str, str]:
    """Return the words to replace: `numbers`, or `contractions` without their apostrophe."""
    table = tomllib.loads((resources.files("evalsuite.metrics") / "vqa_cleaning.toml").read_text("utf-8"))
    words: dict[str, str] = table[kind]
    return words


def cleaned(text: str) -> str:
    """Return a text without punctuation and articles, with digits and apostrophes, as the evaluation of VQA does it."""
    text = text.strip()
    without = text
    for mark in PUNCTUATION:
        deleted = f"{mark} " in text or f" {mark}" in text or _COMMA.search(text)
        without = without.replace(mark, "" if deleted else " ")
    without = _PERIOD.sub("", without, count=_MOST_PERIODS)
    numbers, contractions = replacements("numbers"), replacements("contractions")
    words = [numbers.get(word, word) for word in without.lower().split()]
    return " ".join(contractions.get(word, word) for word in words if word not in ARTICLES)
