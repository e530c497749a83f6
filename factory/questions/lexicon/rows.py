"""The lexicon as one table: names from CLDR, checked names, and names that a model wrote."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import babel
import pyarrow as pa

from factory.questions.lexicon import cldr, written

CLDR, CHECKED, MODEL = "cldr", "lexicon", "lexicon-model"
PRIORITIES = {CLDR: 200, CHECKED: 210, MODEL: 220}
"""Order of the sources among the labels of an item: after its labels in the language, before the one for all."""


TERRITORY_PRIORITY = 0
"""Priority before the labels: CLDR says "United Kingdom" where labels have the long name, or "country of" in front."""


class Name(NamedTuple):
    """The name of an item in a language."""

    value: str
    language: str
    text: str
    source: str


_SCHEMA = pa.schema([(name, pa.string()) for name in Name._fields] + [("priority", pa.int32())])


def names(languages: Iterable[str]) -> Iterator[Name]:
    """Yield at most one name per item and language: the first source counts.

    Args:
        languages: codes of languages.toml, and `zh-hant`.
    """
    for code in languages:
        found: dict[str, Name] = {}
        for item, text in cldr.names(code):
            found.setdefault(item, Name(item, code, text, CLDR))
        for item, text in written.checked(code).items():
            found.setdefault(item, Name(item, code, text, CHECKED))
        for item, text in written.by_model(code).items():
            found.setdefault(item, Name(item, code, text, MODEL))
        yield from found.values()


def inputs(languages: Iterable[str]) -> list[Any]:
    """Return everything that the names depend on. Listing all of CLDR's names would take half a second."""
    return [babel.__version__, cldr.items(), written.items(), [written.file(code) for code in languages]]


def table(languages: Iterable[str]) -> pa.Table:
    """Return the names in languages, with the priority of their source."""
    first = cldr.territories()
    rows = [
        name._asdict() | {"priority": TERRITORY_PRIORITY if name.value in first else PRIORITIES[name.source]}
        for name in names(languages)
    ]
    return pa.Table.from_pylist(rows, schema=_SCHEMA)
