"""Agreement of an answer with the known ones, by simple rules that can say that they cannot tell."""

import difflib
import re
import unicodedata
from collections.abc import Sequence

from pangea_cultural.reference.languages import language

AGREES, DIFFERS, UNCLEAR = "agrees", "differs", "unclear"
SIMILAR = 0.7
"""Similarity from which on a word may be another form of the known one."""
MOST_WORDS = 12
"""Longest answer that can differ. A longer one may say the same in other words."""
WITHOUT_SPACES = frozenset({"Hans", "Hant", "Hani", "Jpan", "Kore", "Thai"})
_WORDS = re.compile(r"\w+")


def verdict(answer: str, known: Sequence[str], code: str) -> str:
    """Return whether an answer names one of the known answers: `agrees`, `differs` or `unclear`.

    Args:
        answer: text of the model.
        known: right answers.
        code: language of both.
    """
    joined = "" if language(code).script in WITHOUT_SPACES else " "
    said = _words(answer)
    found = [_words(text) for text in known]
    if not said or not any(found):
        return UNCLEAR
    whole = f"{joined}{joined.join(said)}{joined}"
    if any(words and f"{joined}{joined.join(words)}{joined}" in whole for words in found):
        return AGREES
    if len(said) > MOST_WORDS or any(_is_similar(words, said) for words in found):
        return UNCLEAR
    return DIFFERS


def _words(text: str) -> list[str]:
    """Return the words of a text without case, accents and vowel signs."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    return _WORDS.findall(unicodedata.normalize("NFKC", plain))


def _is_similar(known: list[str], said: list[str]) -> bool:
    """Return whether as many words of an answer are similar, such as an inflected name."""
    number, text = len(known), " ".join(known)
    windows = (" ".join(said[start : start + number]) for start in range(max(1, len(said) - number + 1)))
    return bool(known) and any(difflib.SequenceMatcher(None, text, part).ratio() >= SIMILAR for part in windows)
