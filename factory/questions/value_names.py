"""Names of values in each language: labels of items, and texts of times and quantities."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from factory.questions.scripts import fits_script
from factory.scope import Scope
from factory.store.store import Rejection, Store
from factory.wikidata.value_text import CannotRenderError, render
from pangea_cultural.reference.languages import language

MUL = "mul"
"""Wikidata's label for all languages. It is Latin in most cases, so its script is checked as well."""
NO_LABEL = "value: no label in the language"
FOREIGN_SCRIPT = "value: label in a foreign script"


def write(store: Store, scope: Scope) -> None:
    """Fill the table `value_text` with names of all best values, in every language of the scope."""
    # The values of the first step of a path need no name, but excluding them would complicate the query.
    values = store.rows(
        """SELECT DISTINCT value, value_type FROM claim WHERE best AND value_type IN ('item', 'time', 'quantity')
           UNION SELECT entity, 'item' FROM entity WHERE selected"""
    )
    labels: dict[str, dict[str, str]] = {}
    for entity, code, text in store.rows("SELECT entity, language, text FROM label"):
        labels.setdefault(entity, {})[code] = text
    texts: list[dict[str, Any]] = []
    rejections: list[Rejection] = []
    for value, value_type in sorted(values):
        for code in scope.languages:
            text, source = _name(value, value_type, code, labels.get(value, {}))
            row = {"value": value, "language": code, "region": "", "text": text, "source": source}
            rows = [row] if text else []
            if value_type == "item":
                rows += _regional_rows(row, labels.get(value, {}), scope.regions)
            texts += rows
            if not rows:
                rejections.append(Rejection(f"{value} {code}", source))
    if texts:
        store.append("value_text", pa.Table.from_pylist(texts))
    store.reject_all("questions", rejections)


def _name(value: str, value_type: str, code: str, labels: dict[str, str]) -> tuple[str, str]:
    """Return a value's text and its origin, or an empty text and the rejection reason."""
    if value_type != "item":
        try:
            return render(value_type, value, code), "babel"
        except CannotRenderError as error:
            return "", f"value: {error}"
    row = language(code)
    text, source = _first_label(labels, (*row.labels, MUL), row.script)
    if text:
        return text, source
    has_label = any(label_code in labels for label_code in row.labels)
    return "", FOREIGN_SCRIPT if has_label else NO_LABEL


def _regional_rows(row: dict[str, Any], labels: dict[str, str], regions: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Yield the different names of a value in regions that write the language in other characters."""
    name_language = language(row["language"])
    for region in name_language.regional_labels.keys() & set(regions):
        text, source = _first_label(labels, name_language.regional_labels[region], name_language.script)
        if text and text != row["text"]:
            yield row | {"region": region, "text": text, "source": source}


def _first_label(labels: dict[str, str], codes: tuple[str, ...], script: str) -> tuple[str, str]:
    """Return the first label that fits the script and its code, or two empty strings."""
    matches = ((labels[code], code) for code in codes if code in labels and fits_script(labels[code], script))
    return next(matches, ("", ""))
