"""Check of the script of a text: a Latin label does not answer a question in Thai."""

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
_LETTER = regex.compile(r"\p{L}")


def fits_script(text: str, script: str, *, foreign_share: float = 0.5) -> bool:
    """Return whether a text is written in a script. A text without letters fits every script.

    Args:
        text: any text. Digits, punctuation and marks are ignored.
        script: ISO 15924 code.
        foreign_share: maximum share of letters of other scripts ("iPhone 15 в Москве" is Russian).
    """
    letters = _LETTER.findall(text)
    if not letters:
        return True
    expected = regex.compile("|".join(rf"\p{{Script={name}}}" for name in SCRIPTS[script]))
    foreign = sum(1 for letter in letters if not expected.match(letter))
    return foreign / len(letters) <= foreign_share
