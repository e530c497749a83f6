"""Words of 39 languages that introduce or give an answer (`answer_words.toml`)."""

import functools
import tomllib
import unicodedata
from importlib import resources

FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
"""Full-width ASCII letters, digits and punctuation. NFKC would also fold characters such as the circled digit one."""


@functools.cache
def words(kind: str) -> tuple[str, ...]:
    """Return the words of a kind (`cues`, `yes`, `no`, `not`, `unsure`) in all languages, the longest first."""
    table = tomllib.loads((resources.files("evalsuite.metrics") / "answer_words.toml").read_text("utf-8"))
    found = {fold(word) for row in table.values() for word in row[kind]}
    return tuple(sorted(found, key=lambda word: (-len(word), word)))


def fold_width(text: str) -> str:
    """Return a text with full-width ASCII characters as ordinary ones, and composed characters (NFC)."""
    return unicodedata.normalize("NFC", text.translate(FULL_WIDTH))


def fold(text: str) -> str:
    """Return a text without differences of width and case."""
    return fold_width(text).casefold()


def fold_letters(text: str) -> str:
    """Return a text without differences of width and case, in which each character keeps its place ("ß" stays)."""
    folded = fold(text)
    # Case folding never shortens a text. Without a longer character, all have kept their places.
    if len(folded) == len(text) and unicodedata.is_normalized("NFC", text):
        return folded
    return "".join(one if len(one := fold(character)) == 1 else character for character in text)
