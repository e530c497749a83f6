"""Completion of withdrawals from the store: hashes of images, names of entities, and keys of values.

All withdrawals are looked up together: those of a source of own knowledge can be thousands.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

import pyarrow as pa

from factory.reference.properties import IMAGE_PROPERTIES
from factory.store.store import Store
from pangea_cultural.dataset.titles import normalized
from pangea_cultural.dataset.withdrawal import Withdrawn, WithdrawnClaim, WithdrawnEntity, WithdrawnImage, name_hash
from pangea_cultural.errors import UserError

# Titles as Commons compares them. A renamed file has the title of the claim beside its own.
IMAGES = """
WITH named AS (
    SELECT image, sha1, file AS title FROM image
    UNION SELECT e.image, i.sha1, e.title FROM entity_image e JOIN image i USING (image)
)
SELECT l.name, n.image, n.sha1 FROM named n
JOIN listed l ON upper(left(replace(n.title, '_', ' '), 1)) || substr(replace(n.title, '_', ' '), 2) = l.name
"""
NAMES = """
SELECT value, text FROM value_text SEMI JOIN listed ON value = listed.name
UNION SELECT entity, text FROM label SEMI JOIN listed ON entity = listed.name
"""
PATHS = """
SELECT DISTINCT c.value, i.entity || ' ' || a.property
FROM item i JOIN asked a USING (asked) JOIN claim c ON c.entity = i.entity AND c.property = a.first_step
SEMI JOIN listed ON c.value = listed.name
WHERE a.second_step IS NOT NULL
"""
VALUES = """
SELECT DISTINCT entity || ' ' || property AS claims, value, value_type FROM claim
SEMI JOIN listed ON entity || ' ' || property = listed.name ORDER BY ALL
"""
MAX_VALUES = 5
"""Values of a property to name in an error."""
_DATE = re.compile(r"([+-]?)(\d{1,16})(?:-(\d\d))?(?:-(\d\d))?")
Found = dict[str, list[tuple[str, ...]]]
"""Rows of a query by their first column, which they lack."""


def completed(store: Store, items: Sequence[Withdrawn], *, strict: bool) -> list[Withdrawn]:
    """Return withdrawals with the hashes that the store knows. A value as a user writes it can be several claims.

    Args:
        store: the store.
        items: the withdrawals.
        strict: whether a value must be in the store, if its property is.

    Raises:
        UserError: an entity has the property, but not the value.
    """
    valued = [item for item in items if isinstance(item, WithdrawnClaim) and item.value]
    known = _listed(store, VALUES, [f"{item.entity} {item.property}" for item in valued])
    types = {claims: {row[0]: row[1] for row in rows} for claims, rows in known.items()}
    items = [found for item in items for found in _with_keys(item, types, strict=strict)]
    files = _listed(store, IMAGES, [item.file for item in items if isinstance(item, WithdrawnImage) and item.file])
    entities = [item.entity for item in items if isinstance(item, WithdrawnEntity)]
    values = [item.value for item in items if isinstance(item, WithdrawnClaim) and item.value]
    names = _listed(store, NAMES, [*entities, *values])
    paths = _listed(store, PATHS, entities)
    return [_completed(item, files, names, paths) for item in items]


def _listed(store: Store, sql: str, names: Iterable[str]) -> Found:
    """Return the rows of a query about the table `listed`, by the name that they begin with."""
    found: Found = defaultdict(list)
    if listed := sorted(set(names)):
        store.connection.register("listed", pa.table({"name": pa.array(listed, pa.string())}))
        for name, *rest in store.rows(sql):
            found[name].append(tuple(rest))
        store.connection.unregister("listed")
    return found


def _completed(item: Withdrawn, files: Found, names: Found, paths: Found) -> Withdrawn:
    update: dict[str, Iterable[str]] = {}
    if isinstance(item, WithdrawnImage):
        rows = files.get(item.file, ())
        update["images"] = {*item.images, *(image for image, _ in rows)}
        update["sha1"] = {*item.sha1, *(sha1 for _, sha1 in rows if sha1)}
    elif isinstance(item, WithdrawnEntity):
        update["names"] = {*item.names, *(name_hash(text) for (text,) in names.get(item.entity, ()))}
        update["paths"] = {*item.paths, *(path for (path,) in paths.get(item.entity, ()))}
    elif isinstance(item, WithdrawnClaim) and item.value:
        update["names"] = {*item.names, *(name_hash(text) for (text,) in names.get(item.value, ()))}
    return item.model_copy(update={key: tuple(sorted(values)) for key, values in update.items()})


def _with_keys(item: Withdrawn, types: dict[str, dict[str, str]], *, strict: bool) -> list[Withdrawn]:
    """Return a withdrawal for each value that a text means. Without the property in the store, the text is the key.

    Args:
        item: the withdrawal.
        types: types of values by entity and property, then by key.
        strict: whether the value must be among them.
    """
    if not isinstance(item, WithdrawnClaim) or not item.value:
        return [item]
    values = types.get(f"{item.entity} {item.property}", {})
    if item.value in values:
        return [item]
    found = [value for value, value_type in values.items() if _means(item, value, value_type)]
    if values and not found and strict:
        some = ", ".join([*values][:MAX_VALUES])
        raise UserError(f"{item.entity} has no {item.property} with the value {item.value}. Choose one of: {some}.")
    return [item.model_copy(update={"value": value}) for value in found] or [item]


def _means(item: WithdrawnClaim, value: str, value_type: str) -> bool:
    if item.property in IMAGE_PROPERTIES:
        return normalized(item.value) == normalized(value)
    if value_type == "quantity":
        return item.value == value.rpartition("/")[0]
    if value_type == "time" and (match := _DATE.fullmatch(item.value)):
        sign, year, month, day = match.groups()
        return value.startswith(f"{sign or '+'}{int(year):04d}-{month or '00'}-{day or '00'}T")
    return False
