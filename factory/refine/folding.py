"""Texts in a form in which spellings of the same words are equal, and the search for words in it."""

import functools
import re
import unicodedata
from typing import Any

import regex

UNSPACED = frozenset({"Hans", "Hant", "Jpan", "Thai", "Khmr", "Laoo", "Mymr"})
"""Scripts without spaces between words."""
CASED = frozenset({"Latn", "Cyrl", "Grek", "Armn"})
"""Scripts with capitals. A name in them is compared from end to end."""
PREFIXED = frozenset({"Arab", "Hebr", "Ethi"})
"""Scripts that write prepositions together with the next word. A name in the other scripts begins where a word begins,
and particles or case endings may follow it."""
_IGNORED = regex.compile(
    # Marks of direction, joiners, soft hyphens; vowel points of Arabic and Hebrew, and the stretched line of Arabic.
    r"[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff"
    r"\u064b-\u0652\u0670\u0640\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7]"
)
_DIGITS = {chr(code): str(unicodedata.decimal(chr(code))) for code in range(0x600, 0x1FC00) if chr(code).isdecimal()}
_SAME = str.maketrans(
    {
        **_DIGITS,
        **dict.fromkeys("’‘ʼʻ`´′", "'"),
        **dict.fromkeys("“”„«»″״", '"'),
        **dict.fromkeys("‐‑‒–—−", "-"),
        **dict.fromkeys("أإآٱ", "ا"),
        **dict.fromkeys("ىی", "ي"),
        "ک": "ك",
        "ہ": "ه",
        "٫": ".",
        "٬": ",",
        "ё": "е",
    }
)
_SPACES = re.compile(r"\s+")
_TOKEN = regex.compile(r"[\p{L}\p{M}\p{N}]+(?:[.,]\p{N}+)*")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@functools.cache
def _simplified() -> Any:
    import opencc

    return opencc.OpenCC("t2s")


@functools.lru_cache(maxsize=1 << 14)
def fold(text: str, script: str) -> str:
    """Return a text without differences of letter case, digits, vowel points, spaces, quotes and dashes.

    Digits of all scripts become those of ASCII, and Traditional Chinese characters become Simplified ones.

    Args:
        text: any text.
        script: ISO 15924 code of its language's script.
    """
    text = unicodedata.normalize("NFKC", text).translate(_SAME).casefold().translate(_SAME)
    text = _IGNORED.sub("", text)
    if script in ("Hans", "Hant"):
        text = _simplified().convert(text)
    return _SPACES.sub(" ", text).strip()


def tokens(folded: str) -> list[str]:
    """Return the words and numbers of a folded text."""
    return _TOKEN.findall(folded)


def numbers(folded: str) -> set[str]:
    """Return the numbers of a folded text."""
    return set(_NUMBER.findall(folded))


def contains(text: str, name: str, script: str) -> bool:
    """Return whether a folded text contains a folded name.

    A name with a number, such as a date, is contained if all its words are: their order differs by style.
    """
    if not name:
        return False
    if numbers(name) and script not in UNSPACED:
        words = set(tokens(text))
        return all(word in words for word in tokens(name))
    start = text.find(name)
    while start >= 0:
        if _begins(text, start, script) and _ends(text, start + len(name), script):
            return True
        start = text.find(name, start + 1)
    return False


def _begins(text: str, start: int, script: str) -> bool:
    """Return whether a name can begin at a position: no digit stands before a digit, nor a letter before a word."""
    if start == 0:
        return True
    if script in UNSPACED or script in PREFIXED:
        return not (text[start].isdecimal() and text[start - 1].isdecimal())
    return not _is_in_word(text[start - 1])


def _ends(text: str, end: int, script: str) -> bool:
    if end == len(text):
        return True
    if script in CASED:
        return not _is_in_word(text[end])
    return not (text[end].isdecimal() and text[end - 1].isdecimal())


def _is_in_word(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character)[0] == "M"


def without(text: str, names: list[str]) -> str:
    """Return a text without names, also at the beginning of a sentence: longest names first."""
    for name in sorted(filter(None, names), key=len, reverse=True):
        for form in {name, name[0].upper() + name[1:], name[0].lower() + name[1:]}:
            text = text.replace(form, " ")
    return text
