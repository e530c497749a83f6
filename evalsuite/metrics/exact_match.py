"""Exact match after normalization, for all scripts."""

import re
import unicodedata

from evalsuite.metrics.whole_words import writes_no_spaces

_VOWEL_SIGNS = re.compile("[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u0652\u0670]")
"""Signs that Hebrew and Arabic write or leave out, and the Arabic stroke that only lengthens a word."""
_SIGN = re.compile(r"(?<![\w])[-\u2212](?=\d)")
"""A minus, not a hyphen."""
_BLANK = re.compile("(.) (?=(.))")


def normalized(text: str) -> str:
    """Return a text without differences of width and composition (NFKC), case, punctuation and spaces.

    Spaces do not count in scripts that separate no words by them, nor do signs for vowels in Hebrew and Arabic. A minus
    before a number does.
    """
    # The lower case of the Turkish capital is two characters. Composed, it is an ordinary letter with a dot.
    folded = unicodedata.normalize("NFKC", text).casefold().replace("i\u0307", "i")
    folded = _SIGN.sub("\ue000", _VOWEL_SIGNS.sub("", folded))
    kept = "".join(" " if unicodedata.category(c)[0] in "PZC" and c != "\ue000" else c for c in folded)
    joined = " ".join(kept.split()).replace("\ue000", "-")
    return _BLANK.sub(lambda match: match[1] + ("" if _joins(match[1], match[2]) else " "), joined)


def _joins(before: str, after: str) -> bool:
    return writes_no_spaces(before) or writes_no_spaces(after)


def exact_match(answer: str, right: list[str]) -> bool:
    """Return whether an answer equals one of the right answers after normalization.

    Answers of punctuation only are compared as they are.
    """
    text = normalized(answer)
    if not text:
        return bool(answer.strip()) and answer.strip() in {other.strip() for other in right}
    return text in {normalized(other) for other in right}
