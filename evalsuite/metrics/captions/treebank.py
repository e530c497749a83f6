"""Words of captions as the Penn Treebank tokenizer of the reference splits them, without Java.

pycocoevalcap calls Stanford's PTBTokenizer, a Java program with hundreds of rules. The rules here give the same words
for the captions that tests compare: English contractions, common abbreviations, punctuation of other scripts. Rare
forms can differ.
"""

import re
import unicodedata

import regex

PUNCTUATION = frozenset(
    ("''", "'", "``", "`", "-LRB-", "-RRB-", "-LCB-", "-RCB-", ".", "?", "!", ",", ":", "-", "--", "...", ";")
)
"""Words that pycocoevalcap removes. Brackets stay, because they are in lower case by then."""
BRACKETS = {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}
QUOTES = frozenset("\"'`“”‘’„«»‹›「」『』")
CURRENCY = {"€": "$", "£": "#"}
_WORD = regex.compile(
    r"""
    (?:mr|mrs|ms|dr|prof|st|jr|sr|vs|etc|gen|col|lt|sgt|rev|hon|capt|ave|blvd|inc|ltd|corp|co)\.   # abbreviations
    | no\.(?=\s*\d)                                 # "No. 12"
    | (?:\p{L}\.){2,}                               # "U.S."
    | \d+(?:[.,:/-]\d+)*\p{L}*                      # "1,000", "24/7", "12-15", "5th"
    | \p{L}[\p{L}\p{N}]*(?:-\p{L}[\p{L}\p{N}]*)+(?!\p{L})   # hyphens between letters without marks
    | [\p{L}\p{N}][\p{L}\p{M}\p{N}_\u200c\u200d]*
    | \p{M}[\p{L}\p{M}]*                            # a mark behind a word with a hyphen
    | \.\.\.|--|\S
    """,
    regex.VERBOSE,
)
_CONTRACTION = re.compile(r"(?:(?<=[^\W\d_])|(?<=[^\W\d_]\s))(n['’]t|['’](?:s|m|d|re|ve|ll))(?![^\W\d_])")
_JOINED = {"cannot": "can not", "gonna": "gon na", "gotta": "got ta", "wanna": "wan na"}
_JOINED_WORDS = re.compile(r"\b(" + "|".join(_JOINED) + r")\b")
_VOICING = re.compile("[\u3099\u309a]")
"""Marks of kana that are characters of their own, which the tokenizer deletes."""
_MARK = "\ue000"
"""Private character that stands for a contraction while words are split."""


def treebank_words(caption: str) -> list[str]:
    """Return the words of a caption, in lower case and without punctuation."""
    text = _VOICING.sub(" ", caption.replace("\n", " ").lower())
    contractions: list[str] = []

    def keep(match: re.Match[str]) -> str:
        contractions.append(match[1].replace("’", "'"))
        return f" {_MARK} "

    text = _JOINED_WORDS.sub(lambda match: _JOINED[match[1]], text)
    text = _CONTRACTION.sub(keep, text)
    words = []
    for word in _WORD.findall(text):
        if word == _MARK:
            words.append(contractions.pop(0))
        elif word not in QUOTES and not _is_unknown(word):
            words.append(BRACKETS.get(word) or CURRENCY.get(word) or word)
    return [word for word in words if word not in PUNCTUATION]


def _is_unknown(word: str) -> bool:
    """Return whether the tokenizer deletes a character: emoji and other symbols outside of the basic plane."""
    return len(word) == 1 and ord(word) > 0xFFFF and unicodedata.category(word)[0] in "SC"
