"""Columns of own knowledge, and the cells of a row."""

import difflib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

from factory.knowledge.errors import CONTROL, FORMULA, NOT_UTF8, TOO_LONG, RowError
from pangea_cultural.errors import UserError

COLUMNS = ("entity", "image", "type", "region", "relation", "value", "language", "author", "source", "license")
"""Columns that are read. Others, such as notes, are ignored."""
MAX_CHARACTERS = 500
"""Longest cell: an option of a choice question is much shorter."""
_FORMULA = re.compile(r"[=@]|#(REF|NAME|VALUE|DIV/0|N/A|NULL|NUM|SPILL|CALC)[!?]?")
_SURROGATES = re.compile("[\ud800-\udfff]")
"""Bytes that are not UTF-8, as they are read."""
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters, and marks of direction that let a text look like another one."""
Cells = Mapping[str, str]


def places(header: Sequence[str], path: Path) -> dict[str, int]:
    """Return the position of each known column.

    Raises:
        UserError: a column is missing, occurs twice, or resembles a known one: its values would be lost.
    """
    names = [" ".join(name.split()).casefold() for name in header]
    for name in names:
        near = difflib.get_close_matches(name, COLUMNS, n=1, cutoff=0.8)
        if name not in COLUMNS and near:
            raise UserError(f"{path}: unknown column {name!r}. Write {near[0]}, or choose a name that differs more.")
        if name in COLUMNS and names.count(name) > 1:
            raise UserError(f"{path}: the column {name} occurs {names.count(name)} times. Rename or remove one.")
    found = {name: names.index(name) for name in COLUMNS if name in names}
    if not {"entity", "image"} & found.keys() or not {"relation", "image"} & found.keys():
        raise UserError(f"{path} lacks columns ({', '.join(found) or 'none is known'}). Write {', '.join(COLUMNS)}.")
    return found


def cell(text: str) -> str:
    """Return the content of a cell: in NFC, with single blanks.

    Raises:
        RowError: it cannot be used.
    """
    if not text or text.isspace():
        return ""
    if _SURROGATES.search(text):
        raise RowError(NOT_UTF8, text.encode("ascii", "backslashreplace").decode())
    text = unicodedata.normalize("NFC", " ".join(text.split()))
    if len(text) > MAX_CHARACTERS:
        raise RowError(TOO_LONG, f"{len(text)} characters, at most {MAX_CHARACTERS}")
    if _CONTROLS.search(text):
        raise RowError(CONTROL, text.encode("ascii", "backslashreplace").decode())
    if _FORMULA.match(text):
        raise RowError(FORMULA, text)
    return text
