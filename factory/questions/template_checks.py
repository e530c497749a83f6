"""Checks of the form of templates: script, marks at the end, blanks around a value. Own templates get warnings."""

import re
import unicodedata
from collections.abc import Iterable, Iterator

import regex

from factory.questions import templates
from factory.questions.templates import SLOTS, Template
from factory.reference.scripts import SCRIPTS
from pangea_cultural.reference import own_tables

QUESTION_MARKS = {"ar": "؟", "fa": "؟", "ur": "؟", "zh": "？", "ja": "？", "el": ";", "th": "", "am": "?፧"}
"""Marks at the end of a question by language, where they are not `?`. Empty: a letter."""
FULL_STOPS = {"hi": "।", "bn": "।", "ur": "۔", "am": "።", "zh": "。", "ja": "。", "th": ""}
NEIGHBORS_ALLOWED = {"ja": "はの：です。", "zh": "是叫為为：。", "ko": "입니다.", "th": "คือ"}
"""Characters that may touch a value without a blank, in scripts that are written without blanks or with a copula."""
_GLUED = ("Mn", "Mc", "Pd")
"""Categories of characters that join a value: marks and hyphens."""


def own_templates() -> dict[str, list[Template]]:
    """Return the texts of the user's own template files by file name."""
    folder = own_tables.current().templates
    if folder is None:
        return {}
    with own_tables.using(own_tables.SHIPPED):
        shipped = {name: {row.text for row in templates.load(name).templates} for name in templates.file_names()}
    names = sorted(path.stem for path in folder.glob("*.toml"))
    rows = {name: templates.load(name).templates for name in names}
    return {name: [row for row in rows[name] if row.text not in shipped.get(name, ())] for name in names}


def problems(name: str, rows: Iterable[Template]) -> list[str]:
    """Return what is wrong with the form of templates, one line each.

    Args:
        name: name of the file: a language code, or `zh-hant`.
        rows: its templates.
    """
    code = templates.language_of(name).code
    foreign = _foreign_letters(code)
    return [
        f"{row.id}: {problem}: {row.text}" for row in rows for problem in (*_script(row, foreign), *_marks(row, code))
    ]


def _foreign_letters(code: str) -> regex.Pattern[str]:
    """Return the pattern of a letter that the language is not written in."""
    scripts = "".join(rf"\p{{Script={script}}}" for script in SCRIPTS[templates.language_of(code).script])
    return regex.compile(rf"[^\P{{L}}{scripts}\p{{Script=Common}}\p{{Script=Inherited}}]")


def _script(row: Template, foreign: regex.Pattern[str]) -> Iterator[str]:
    text = re.sub(r"\{values?\}", "", row.text)
    if match := foreign.search(text):
        yield f"{match[0]} is a letter of another script"
    if unicodedata.normalize("NFC", row.text) != row.text:
        yield "not in Unicode NFC"
    if row.text != row.text.strip() or re.search(r"\s\s|[\n\t\u200b\u00ad]", row.text):
        yield "blanks at an end, doubled blanks or invisible characters"


def _marks(row: Template, code: str) -> Iterator[str]:
    marks, stop, last = QUESTION_MARKS.get(code, "?"), FULL_STOPS.get(code, "."), row.text[-1]
    if row.kind == "ask":
        if not (last in marks if marks else unicodedata.category(last) in ("Lo", "Mn", "Mc")):
            yield f"a question ends with {marks or 'a letter'}"
        if code == "es" and "¿" not in row.text:
            yield "a question begins with ¿"
        return
    if not row.text.endswith("}") and not (last == stop or (not stop and last.isalpha())):
        yield f"a sentence ends with {stop or 'a letter'} or with the value"
    before, after = row.text.split(SLOTS[row.kind])
    for neighbor in (before[-1:], after[:1]):
        letter = neighbor.isalpha() or unicodedata.category(neighbor or " ") in _GLUED
        if letter and neighbor not in NEIGHBORS_ALLOWED.get(code, ""):
            yield f"{neighbor} touches the value"
