"""What values are called in each language: labels of items, and times and quantities in words."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from factory.questions.scripts import fits_script
from factory.scope import Scope
from factory.store.store import Store
from factory.wikidata.value_text import CannotRenderError, render
from pangea_cultural.reference.languages import language

MUL = "mul"
"""Wikidata's label for all languages: Latin in most cases, so it passes only where it fits the language's script."""


def write(store: Store, scope: Scope) -> None:
    """Fill `value_text` for every best value that is asked for, in every language of the recipe."""
    # Along a path the last step's values are the answers; names of the steps before are not needed, but do no harm.
    values = store.rows(
        """SELECT DISTINCT value, value_type FROM claim WHERE best AND value_type IN ('item', 'time', 'quantity')
           UNION SELECT entity, 'item' FROM entity WHERE selected"""
    )
    labels: dict[str, dict[str, str]] = {}
    for entity, code, text in store.rows("SELECT entity, language, text FROM label"):
        labels.setdefault(entity, {})[code] = text
    regions = scope.regions
    texts: list[dict[str, Any]] = []
    rejections: list[dict[str, Any]] = []
    for value, value_type in sorted(values):
        for code in scope.languages:
            text, source = _name(value, value_type, code, labels.get(value, {}))
            row = {"value": value, "language": code, "region": "", "text": text, "source": source}
            rows = [row] if text else []
            rows += _elsewhere(row, labels.get(value, {}), regions) if value_type == "item" else ()
            texts += rows
            if not rows:
                rejections.append({"stage": "questions", "item": f"{value} {code}", "reason": source})
    if texts:
        store.append("value_text", pa.Table.from_pylist(texts))
    if rejections:
        store.append("rejection", pa.Table.from_pylist(rejections))


def _name(value: str, value_type: str, code: str, labels: dict[str, str]) -> tuple[str, str]:
    """Text and where it comes from; or '' and the reason why there is none."""
    if value_type != "item":
        try:
            return render(value_type, value, code), "babel"
        except CannotRenderError as error:
            return "", f"value: {error}"
    row = language(code)
    text, source = _first(labels, (*row.labels, MUL), row.script)
    if text:
        return text, source
    known = any(label_code in labels for label_code in row.labels)
    return "", "value: label in a foreign script" if known else "value: no label in the language"


def _elsewhere(row: dict[str, Any], labels: dict[str, str], regions: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """What the same value is called in regions that write the language in other characters, where that differs."""
    known = language(row["language"])
    for region in known.regional_labels.keys() & set(regions):
        text, source = _first(labels, known.regional_labels[region], known.script)
        if text and text != row["text"]:
            yield row | {"region": region, "text": text, "source": source}


def _first(labels: dict[str, str], codes: tuple[str, ...], script: str) -> tuple[str, str]:
    """The first label that fits the script, and its code; or ''."""
    found = ((labels[code], code) for code in codes if code in labels and fits_script(labels[code], script))
    return next(found, ("", ""))
