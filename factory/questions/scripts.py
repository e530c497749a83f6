"""Which script a text is written in: a Latin label is no answer to a question in Thai."""

import regex

# ISO 15924 codes to what Unicode calls the scripts that a language's text consists of.
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
    """Whether a text is written in a script.

    Args:
        text: any text; digits, punctuation and marks count for nothing, and a text without letters fits every script.
        script: ISO 15924 code.
        foreign_share: largest share of letters of other scripts ("iPhone 15 в Москве" is Russian).
    """
    letters = _LETTER.findall(text)
    if not letters:
        return True
    own = regex.compile("|".join(rf"\p{{Script={name}}}" for name in SCRIPTS[script]))
    foreign = sum(1 for letter in letters if not own.match(letter))
    return foreign / len(letters) <= foreign_share
