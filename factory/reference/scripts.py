"""Check of the script of a text: a Latin label does not answer a question in Thai."""

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
    # No shipped language has the following ones, but an own one may. Python's and DuckDB's patterns know all of them.
    "Adlm": ("Adlam",),
    "Bali": ("Balinese",),
    "Batk": ("Batak",),
    "Bopo": ("Bopomofo",),
    "Bugi": ("Buginese",),
    "Buhd": ("Buhid",),
    "Cakm": ("Chakma",),
    "Cans": ("Canadian_Aboriginal",),
    "Cham": ("Cham",),
    "Cher": ("Cherokee",),
    "Copt": ("Coptic",),
    "Hano": ("Hanunoo",),
    "Hira": ("Hiragana",),
    "Hmnp": ("Nyiakeng_Puachue_Hmong",),
    "Hang": ("Hangul",),
    "Hani": ("Han",),
    "Java": ("Javanese",),
    "Kali": ("Kayah_Li",),
    "Kana": ("Katakana",),
    "Lana": ("Tai_Tham",),
    "Lepc": ("Lepcha",),
    "Limb": ("Limbu",),
    "Lisu": ("Lisu",),
    "Mong": ("Mongolian",),
    "Mtei": ("Meetei_Mayek",),
    "Nagm": ("Nag_Mundari",),
    "Newa": ("Newa",),
    "Nkoo": ("Nko",),
    "Olck": ("Ol_Chiki",),
    "Osge": ("Osage",),
    "Rohg": ("Hanifi_Rohingya",),
    "Saur": ("Saurashtra",),
    "Sund": ("Sundanese",),
    "Sylo": ("Syloti_Nagri",),
    "Syrc": ("Syriac",),
    "Tagb": ("Tagbanwa",),
    "Tale": ("Tai_Le",),
    "Talu": ("New_Tai_Lue",),
    "Tavt": ("Tai_Viet",),
    "Tfng": ("Tifinagh",),
    "Tglg": ("Tagalog",),
    "Thaa": ("Thaana",),
    "Tibt": ("Tibetan",),
    "Toto": ("Toto",),
    "Vaii": ("Vai",),
    "Wcho": ("Wancho",),
    "Yiii": ("Yi",),
}
FOREIGN_SHARE = 0.5
"""Maximum share of letters of other scripts: "iPhone 15 в Москве" is Russian."""


def letters_of(script: str) -> str:
    r"""Return characters for a class in regular expressions: `\p{Latin}\p{Common}`.

    Letters common to all scripts are part of it, such as the long vowel mark of Japanese.
    """
    return "".join(rf"\p{{{name}}}" for name in (*SCRIPTS[script], "Common"))


@functools.cache
def _pattern(characters: str) -> "regex.Pattern[str]":
    # Every recipe reads the table above. Only texts need the library.
    import regex

    return regex.compile(characters)


def fits_script(text: str, script: str, *, foreign_share: float = FOREIGN_SHARE) -> bool:
    """Return whether a text is written in a script. A text without letters fits every script.

    Args:
        text: any text. Digits, punctuation and marks are ignored.
        script: ISO 15924 code.
        foreign_share: maximum share of letters of other scripts.
    """
    letters = _pattern(r"\p{L}").findall(text)
    own = _pattern(f"[{letters_of(script)}]")
    foreign = sum(1 for letter in letters if not own.match(letter))
    return foreign <= foreign_share * len(letters)
