"""Files of pairs that a person has labeled: whether an image shows an entity."""

import csv
import io
import re
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from factory.relevance.pairs import Pair
from factory.store.store import Store
from pangea_cultural.errors import UserError

COLUMNS = ("image", "entity", "label")
VALUES = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
_PREFIX = re.compile(r"^file:", re.IGNORECASE)


class Labeled(NamedTuple):
    """A pair with the label of a person."""

    pair: Pair
    shows: bool


def read(store: Store, path: Path) -> tuple[list[Labeled], list[str]]:
    """Read a CSV or JSON Lines file with the columns image, entity and label.

    Args:
        store: has the images and entities.
        path: the file. `image` is the file name at the source, as on Commons, or the SHA-256 of the store.

    Returns:
        The pairs, and one line for each row that cannot be used.

    Raises:
        UserError: the file cannot be read, or no row can be used.
    """
    try:
        rows = _rows(path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"Cannot read {path} ({error}). Check the path.") from error
    images, entities = _images(store, rows), _entities(store, rows)
    labeled, problems = [], []
    for number, row in enumerate(rows, 1):
        try:
            labeled.append(_labeled(row, images, entities))
        except ValueError as error:
            problems.append(f"row {number}: {error}")
    if not labeled:
        hint = f"{problems[0]}. Correct it." if problems else "Add rows with image, entity and label."
        raise UserError(f"{path} has no pair that can be used: {hint}")
    return labeled, problems


def _rows(path: Path) -> list[Any]:
    text = path.read_text("utf-8-sig")
    if path.suffix == ".csv":
        return list(csv.DictReader(io.StringIO(text)))
    rows: list[Any] = []
    for line in filter(str.strip, text.splitlines()):
        try:
            rows.append(orjson.loads(line))
        except orjson.JSONDecodeError:
            rows.append(None)
    return rows


def _images(store: Store, rows: list[Any]) -> dict[str, tuple[str, str]]:
    """Return the hash and the path of the images that rows name, by file name at the source and by hash."""
    names = {name for value in _values(rows, "image") for name in (value, _title(value))}
    found = store.rows(
        """SELECT unnest([file, image]) AS name, image, path FROM image
           WHERE file IN (SELECT unnest($names::VARCHAR[])) OR image IN (SELECT unnest($names::VARCHAR[]))
           ORDER BY image DESC""",
        {"names": sorted(names)},
    )
    return {name: (image, path) for name, image, path in found}


def _entities(store: Store, rows: list[Any]) -> set[str]:
    """Return the selected entities that rows name."""
    sql = "SELECT entity FROM entity WHERE selected AND entity IN (SELECT unnest(?::VARCHAR[]))"
    return {entity for (entity,) in store.rows(sql, [sorted(_values(rows, "entity"))])}


def _values(rows: list[Any], column: str) -> set[str]:
    return {str(row.get(column) or "").strip() for row in rows if isinstance(row, dict)}


def _title(name: str) -> str:
    """Return the file name in a title of Commons: `File:A_b.jpg` is `A b.jpg`."""
    return _PREFIX.sub("", name).replace("_", " ").strip()


def _labeled(row: Any, images: dict[str, tuple[str, str]], entities: set[str]) -> Labeled:
    """Return a row as a pair. Raise ValueError if it cannot be used."""
    if not isinstance(row, dict):
        raise ValueError("not a JSON object")
    missing = [name for name in COLUMNS if row.get(name) in (None, "")]
    if missing:
        raise ValueError(f"no {missing[0]}")
    name, entity, label = (str(row[column]).strip() for column in COLUMNS)
    found = images.get(name) or images.get(_title(name))
    if found is None:
        raise ValueError(f"the store has no image {name}")
    if entity not in entities:
        raise ValueError(f"the store has no entity {entity}")
    if label.lower() not in VALUES:
        raise ValueError(f"label {label!r} is neither yes nor no")
    image, path = found
    return Labeled(Pair(image, entity, path), VALUES[label.lower()])
