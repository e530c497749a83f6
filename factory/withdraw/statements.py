"""Withdrawals of own knowledge by source or license: every image, claim and name that its rows state."""

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow.compute as pc

from factory.knowledge.files import TITLE
from factory.reference.properties import OWN_NAME, PHOTO_PROPERTIES
from factory.store.store import Store
from factory.withdraw import apply
from pangea_cultural import config
from pangea_cultural.dataset import withdrawn_statements
from pangea_cultural.dataset.export import Export
from pangea_cultural.dataset.withdrawal import (
    Withdrawn,
    WithdrawnClaim,
    WithdrawnEntity,
    WithdrawnImage,
    WithdrawnLicense,
)
from pangea_cultural.errors import UserError

OF_SOURCE = "SELECT DISTINCT entity, property, value FROM statement WHERE source = ? ORDER BY ALL"
OF_LICENSES = """
SELECT DISTINCT entity, property, value FROM statement
WHERE property <> $photo AND list_contains($licenses, license_code || chr(31) || license) ORDER BY ALL
"""
NEAR = """
SELECT source FROM statement WHERE source <> '' GROUP BY source ORDER BY jaro_winkler_similarity(source, ?) DESC, source
LIMIT 3
"""
PHOTO = PHOTO_PROPERTIES[0]


def of_source(store: Store | None, export: Export | None, source: str, reason: str, date: str) -> list[Withdrawn]:
    """Return the withdrawals of all rows with a source, such as an interview whose consent has ended.

    An entity whose name has the source is withdrawn as a whole.

    Args:
        store: the store, if there is one.
        export: an export, which may be older than the store.
        source: the source.
        reason: reason of the withdrawals; by default the source.
        date: their date.

    Raises:
        UserError: no row has the source.
    """
    more = {"reason": reason or f"source: {source}"[:1000], "date": date}
    found = list(_withdrawn(store.rows(OF_SOURCE, [source]), more)) if store else []
    found += [item.model_copy(update=more) for item in _in_export(export, source)] if export else []
    if not found:
        near = [name for (name,) in store.rows(NEAR, [source])] if store else []
        hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else "Check its name."
        raise UserError(f"No statement in the {'store' if store else 'export'} has the source {source!r}. {hint}")
    return found


def of_license(store: Store, item: WithdrawnLicense) -> list[Withdrawn]:
    """Return the withdrawals of all statements under a license. Images under it are withdrawn by the license itself."""
    rows = store.rows(OF_LICENSES, {"photo": PHOTO, "licenses": apply.licenses(store, [item])})
    return list(_withdrawn(rows, {"reason": item.reason or item.name, "date": item.date}))


def _withdrawn(rows: Iterable[tuple[str, str, str]], more: dict[str, Any]) -> Iterator[Withdrawn]:
    for entity, name, value in rows:
        if name == PHOTO:
            yield config.parse(WithdrawnImage, {"file": value, **more}, where=value)
        elif name == OWN_NAME:
            yield config.parse(WithdrawnEntity, {"entity": entity, **more}, where=entity)
        else:
            content = {"entity": entity, "property": name, "value": value, **more}
            yield config.parse(WithdrawnClaim, content, where=entity)


def _in_export(export: Export, source: str) -> Iterator[Withdrawn]:
    """Yield what the rows of an export with a source state, and its own images with the source."""
    table = export.statements()
    numbers = pc.indices_nonzero(pc.equal(table["source"], source)).to_pylist()
    yield from withdrawn_statements.stated(table, numbers)
    for row in export.images().to_pylist():
        if row.get("source") == source and (row.get("file") or "").startswith(TITLE):
            yield config.parse(WithdrawnImage, {"file": row["file"]}, where=row["file"])
