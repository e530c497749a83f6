"""Check of the script of a text: a Latin label does not answer a question in Thai."""

import functools

import regex

# Unicode scripts of the letters in a text, by ISO 15924 code.
SCRIPTS = {
    "Arab": ("Arabic",),
    "Armn": ("Armenian",),
    "Beng": ("Bengali",),
    "Cyrl": ("Cyrillic",),
    "Deva": ("Devanagari",),
    "Ethi": ("Ethiopic",),
    "Geor": ("Georgian",),
    "Grek": ("Greek",),
    "Gujr": ("Gujarati",),
    "Guru": ("Gurmukhi",),
    "Hans": ("Han",),
    "Hant": ("Han",),
    "Hebr": ("Hebrew",),
    "Jpan": ("Han", "Hiragana", "Katakana"),
    "Khmr": ("Khmer",),
    "Knda": ("Kannada",),
    "Kore": ("Hangul", "Han"),
    "Laoo": ("Lao",),
    "Latn": ("Latin",),
    "Mlym": ("Malayalam",),
    "Mymr": ("Myanmar",),
    "Orya": ("Oriya",),
    "Sinh": ("Sinhala",),
    "Taml": ("Tamil",),
    "Telu": ("Telugu",),
    "Thai": ("Thai",),
}
FOREIGN_SHARE = 0.5
"""Maximum share of letters of other scripts: "iPhone 15 в Москве" is Russian."""
_LETTER = regex.compile(r"\p{L}")


def letters_of(script: str) -> str:
    r"""Return characters for a class in regular expressions: `\p{Latin}\p{Common}`.

    Letters common to all scripts are part of it, such as the long vowel mark of Japanese.
    """
    return "".join(rf"\p{{{name}}}" for name in (*SCRIPTS[script], "Common"))


@functools.cache
def _pattern(script: str) -> regex.Pattern[str]:
    return regex.compile(f"[{letters_of(script)}]")


def fits_script(text: str, script: str, *, foreign_share: float = FOREIGN_SHARE) -> bool:
    """Return whether a text is written in a script. A text without letters fits every script.

    Args:
        text: any text. Digits, punctuation and marks are ignored.
        script: ISO 15924 code.
        foreign_share: maximum share of letters of other scripts.
    """
    letters = _LETTER.findall(text)
    foreign = sum(1 for letter in letters if not _pattern(script).match(letter))
    return foreign <= foreign_share * len(letters)
