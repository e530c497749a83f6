"""Markdown of texts that others wrote: labels, authors, titles and URLs are never markup."""

import html
import re
import unicodedata
from collections.abc import Iterable, Sequence
from urllib.parse import quote, urlsplit

MAX_CHARACTERS = 300
"""Length of a text in a table; the rest is in images.parquet."""
SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|~^$:@])")
URL_SAFE = "/:?&=%;,+~#!*'@$-._"


def escape(text: str) -> str:
    """Return a text as one line of Markdown that shows it as it is, without controls of any kind."""
    plain = "".join(character for character in " ".join(text.split()) if not _is_control(character))
    if len(plain) > MAX_CHARACTERS:
        plain = plain[: MAX_CHARACTERS - 3] + "..."
    return SPECIAL.sub(r"\\\1", html.escape(plain, quote=False))


def _is_control(character: str) -> bool:
    """Whether a character is a control, also one that reverses the direction of a whole line."""
    category = unicodedata.category(character)
    # Joiners are needed in Persian, Sinhala and the languages of India.
    return category in ("Cc", "Cs", "Cn", "Zl", "Zp") or (category == "Cf" and character not in "\u200c\u200d")


def link(text: str, url: str) -> str:
    """Return a link, or only the text if the URL is not one of the web."""
    label = escape(text) or escape(url)
    try:
        parts = urlsplit(url.strip())
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_web = False
    return f"[{label}](<{quote(url.strip(), safe=URL_SAFE)}>)" if is_web else label


def table(columns: Sequence[str], rows: Iterable[Sequence[str | int]]) -> str:
    """Return a table of texts that are escaped already, and of numbers."""
    lines = [_line(columns), _line(["---"] * len(columns))]
    return "\n".join([*lines, *map(_line, rows)]) + "\n"


def _line(cells: Sequence[str | int]) -> str:
    return "| " + " | ".join(f"{cell:,}" if isinstance(cell, int) else cell for cell in cells) + " |"
