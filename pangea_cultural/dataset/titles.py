"""File titles and category names, as Commons writes them."""

import re
import unicodedata

MAX_BYTES = 240
"""MediaWiki's limit of a title in UTF-8."""
_NAMESPACE = re.compile(r"^\s*(?:file|image|category)\s*:\s*", re.IGNORECASE)
_BLANKS = re.compile(r"[ _\u00a0\u1680\u180e\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
_INVISIBLE = re.compile(r"[\u200e\u200f\u202a-\u202e]")
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f#<>\[\]|{}]")


def normalized(title: str) -> str:
    """Return a title as Commons writes it: NFC, without `File:`, single blanks, a capital first letter."""
    title = unicodedata.normalize("NFC", _INVISIBLE.sub("", title))
    title = _BLANKS.sub(" ", _NAMESPACE.sub("", title)).strip()
    first = title[:1].upper()
    # "ß" becomes two letters in Python and stays one in MediaWiki.
    capital = first if len(first) == 1 else title[:1]
    # A capital may combine with the mark behind it, where the small letter does not: i with U+0307 becomes U+0130.
    return unicodedata.normalize("NFC", capital + title[1:])


def is_valid(title: str) -> bool:
    """Return whether a normalized title can name a file. A `|` would split a batch of titles."""
    return bool(title) and not _FORBIDDEN.search(title) and len(title.encode("utf-8", "replace")) <= MAX_BYTES
