"""Whole words in texts of all scripts, also of those that write no spaces."""

import functools
import unicodedata

_WITHOUT_SPACES = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "BOPOMOFO", "FULLWIDTH")


@functools.cache
def writes_no_spaces(character: str) -> bool:
    """Return whether a character is of a script that does not separate words by spaces."""
    return unicodedata.category(character)[0] in "LM" and unicodedata.name(character, "").startswith(_WITHOUT_SPACES)


@functools.cache
def needs_boundary(character: str) -> bool:
    """Return whether a character is part of a word in a script that separates words by spaces."""
    return unicodedata.category(character)[0] in "LMN" and not writes_no_spaces(character)


def whole_words(text: str, words: str) -> list[int]:
    """Return the positions where words occur in a text and do not continue on either side.

    In scripts without spaces, every occurrence counts.
    """
    found = []
    start = text.find(words) if words else -1
    while start >= 0:
        end = start + len(words)
        before = text[start - 1] if start else " "
        after = text[end] if end < len(text) else " "
        continues = (needs_boundary(before) and needs_boundary(words[0])) or (
            needs_boundary(after) and needs_boundary(words[-1])
        )
        if not continues:
            found.append(start)
        start = text.find(words, start + 1)
    return found


def contains_words(text: str, words: str) -> bool:
    """Return whether words occur in a text as whole words."""
    return bool(whole_words(text, words))


def ends_with_words(text: str, words: str) -> bool:
    """Return whether a text ends with words as whole words."""
    return text.endswith(words) and len(text) - len(words) in whole_words(text, words)
