"""Written names of materials, styles, occupations and the like, one file of names per language.

items.toml lists the items by vocabulary with their English names. names/CODE.toml has the names in a language:

    reviewed = "A. Reader, 2027-01-31"    # optional: the model's names count as checked

    [checked]
    Q1028181 = "Maler"

    [model]
    Q40348 = "Rechtsanwalt"
"""

import functools
import re
import tomllib
import unicodedata
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, NamedTuple

from factory.reference.scripts import fits_script
from factory.wikidata.values import ITEM
from pangea_cultural.errors import UserError
from pangea_cultural.reference.languages import languages

FOLDER = resources.files("factory.questions.lexicon")
KINDS = ("checked", "model")
TRADITIONAL = "zh-hant"
_UNCLEAN = re.compile(r"[()（）;/|\x00-\x1f\u00ad\u200e\u200f]|^\s|\s$|\s\s|,$")
"""Characters of alternatives and notes, which belong into no name."""


@functools.cache
def vocabularies() -> dict[str, dict[str, str]]:
    """Return the English names by vocabulary and item."""
    return _read(FOLDER / "items.toml")


@functools.cache
def items() -> dict[str, str]:
    """Return the English names by item.

    Raises:
        UserError: an item occurs twice, or is not an item.
    """
    found: dict[str, str] = {}
    for vocabulary, rows in vocabularies().items():
        for item, name in rows.items():
            if not ITEM.fullmatch(item) or item in found:
                raise UserError(f"items.toml, {vocabulary}: {item} is not an item, or occurs twice. Correct the row.")
            found[item] = name
    return found


@functools.cache
def checked(code: str) -> dict[str, str]:
    """Return the names that a person has checked, by item."""
    if code == "en":
        return items()
    content = file(code)
    return content.checked | (content.model if content.reviewed else {})


@functools.cache
def by_model(code: str) -> dict[str, str]:
    """Return the unchecked names that a model wrote, by item."""
    content = file(code)
    return {} if content.reviewed else content.model


class NameFile(NamedTuple):
    """The content of a language's file."""

    checked: dict[str, str]
    model: dict[str, str]
    reviewed: str
    """Name of the reader and date, or empty."""


@functools.cache
def file(code: str) -> NameFile:
    """Return the content of a language's file. Without a file all is empty.

    Raises:
        UserError: the file has a fault; the message names all faults.
    """
    path = FOLDER / "names" / f"{code}.toml"
    content = _read(path) if path.is_file() else {}
    faults = _faults(code, content)
    if faults:
        raise UserError(f"names/{code}.toml: {'; '.join(faults)}. Correct the names.")
    return NameFile(content.get("checked", {}), content.get("model", {}), content.get("reviewed", ""))


def _read(path: Traversable) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        # Among others a key that occurs twice.
        raise UserError(f"{path}: {error}. Correct the file.") from error


def _faults(code: str, content: dict[str, Any]) -> list[str]:
    """Return what is wrong with a language's names."""
    faults = [f"unknown key {key}" for key in content if key not in (*KINDS, "reviewed")]
    faults += [f"{item} occurs twice" for item in content.get("checked", {}).keys() & content.get("model", {}).keys()]
    for kind in KINDS:
        for item, name in content.get(kind, {}).items():
            fault = _fault(code, item, name)
            if fault:
                faults.append(f"{item} {name!r}: {fault}")
    return faults


def _fault(code: str, item: str, name: Any) -> str:
    if item not in items():
        return "not in items.toml"
    if not isinstance(name, str) or not name or _UNCLEAN.search(name):
        return "not a plain name"
    if name != unicodedata.normalize("NFC", name):
        return "not in Unicode's normal form NFC"
    script = "Hant" if code == TRADITIONAL else languages()[code].script
    if not fits_script(name, script, foreign_share=0):
        return "letters of another script"
    return ""
