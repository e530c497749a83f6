"""Withdrawals of own knowledge by source or license: every image, claim and name that its rows state."""

from collections.abc import Iterable, Iterator
from typing import Any

from factory.reference.properties import OWN_NAME, PHOTO_PROPERTIES
from factory.store.store import Store
from pangea_cultural import config
from pangea_cultural.dataset.withdrawal import (
    Withdrawn,
    WithdrawnClaim,
    WithdrawnEntity,
    WithdrawnImage,
    WithdrawnLicense,
)
from pangea_cultural.errors import UserError

OF_SOURCE = "SELECT DISTINCT entity, property, value FROM statement WHERE source = ? ORDER BY ALL"
LICENSES = "SELECT DISTINCT license_code, license FROM statement WHERE property <> ?"
OF_LICENSE = """
SELECT DISTINCT entity, property, value FROM statement
WHERE property <> ? AND license_code = ? AND license = ? ORDER BY ALL
"""
NEAR = """
SELECT source FROM statement WHERE source <> '' GROUP BY source ORDER BY jaro_winkler_similarity(source, ?) DESC, source
LIMIT 3
"""
PHOTO = PHOTO_PROPERTIES[0]


def of_source(store: Store | None, source: str, reason: str, date: str) -> list[Withdrawn]:
    """Return the withdrawals of all rows with a source, such as an interview whose consent has ended.

    An entity whose name has the source is withdrawn as a whole.

    Raises:
        UserError: no row has the source.
    """
    rows = store.rows(OF_SOURCE, [source]) if store else []
    if not rows:
        near = [name for (name,) in store.rows(NEAR, [source])] if store else []
        hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else "Check its name."
        raise UserError(f"No statement in the store has the source {source!r}. {hint}")
    return list(_withdrawn(rows, {"reason": reason or f"source: {source}"[:1000], "date": date}))


def of_license(store: Store, item: WithdrawnLicense) -> list[Withdrawn]:
    """Return the withdrawals of all statements under a license. Images under it are withdrawn by the license itself."""
    found = [names for names in store.rows(LICENSES, [PHOTO]) if item.covers(*names)]
    rows = [row for names in found for row in store.rows(OF_LICENSE, [PHOTO, *names])]
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
