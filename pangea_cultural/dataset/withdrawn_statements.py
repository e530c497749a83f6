"""Statements of own knowledge in an export that withdrawals concern: their credits, and what else goes with them."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pangea_cultural import config
from pangea_cultural.dataset import withdrawal
from pangea_cultural.dataset.tables import STATEMENTS
from pangea_cultural.dataset.withdrawal import Key, Withdrawn, WithdrawnClaim, WithdrawnEntity, WithdrawnLicense

NAME = "name"
"""Property of the statements that name an entity."""
COLUMNS = ["entity", "property", "value", "text"]


def staying_statements(table: pa.Table, items: Iterable[Withdrawn]) -> pa.Table:
    """Return the statements of an export that stay."""
    return table.filter(pc.invert(_among(table, withdrawals(table, items))))


def withdrawals(table: pa.Table, items: Iterable[Withdrawn]) -> dict[int, str]:
    """Return the statements that withdrawals concern: the name of one withdrawal by the number of the row."""
    items = list(items)
    by_entity: dict[str, list[Withdrawn]] = defaultdict(list)
    for item in items:
        if isinstance(item, WithdrawnEntity | WithdrawnClaim):
            by_entity[item.entity].append(item)
    found = _under_licenses(table, items)
    entities = pa.array(by_entity, pa.string())
    mask = pc.or_(pc.is_in(table["entity"], value_set=entities), pc.is_in(table["value"], value_set=entities))
    for row in _rows(table, mask):
        for item in (*by_entity.get(row["entity"], ()), *by_entity.get(row["value"], ())):
            if isinstance(item, WithdrawnEntity) or _states(row, item):
                found[row["row"]] = item.name
    return found


def _states(row: dict[str, Any], claim: Withdrawn) -> bool:
    assert isinstance(claim, WithdrawnClaim)
    is_about = (row["entity"], row["property"]) == (claim.entity, claim.property)
    return is_about and claim.value in ("", row["value"])


def _under_licenses(table: pa.Table, items: Iterable[Withdrawn]) -> dict[int, str]:
    """Return the statements under withdrawn licenses: the name of the license by the number of the row."""
    found: dict[int, str] = {}
    for item in items:
        if isinstance(item, WithdrawnLicense):
            for column in ("license_code", "license"):
                covered = [text for text in pc.unique(table[column]).to_pylist() if item.covers(text)]
                mask = pc.is_in(table[column], value_set=pa.array(covered, pa.string()))
                found |= dict.fromkeys(_numbers(table).filter(mask).to_pylist(), item.name)
    return found


def of_licenses(table: pa.Table, items: Iterable[Withdrawn]) -> list[tuple[Withdrawn, str]]:
    """Return what statements under withdrawn licenses state, with the names of the licenses.

    Raises:
        UserError: an id is not valid, in a table of others.
    """
    numbers = _under_licenses(table, items)
    return [
        (item, name)
        for name in sorted(set(numbers.values()))
        for item in stated(table, [number for number, other in numbers.items() if other == name])
    ]


def stated(table: pa.Table, numbers: Iterable[int]) -> list[Withdrawn]:
    """Return withdrawals of what rows state: of the entity as a whole if a row names it, otherwise of the claim.

    Claims have no names, because those of a value are cleaned and differ from the text of the row.

    Raises:
        UserError: an id is not valid, in a table of others.
    """
    found: dict[Key, Withdrawn] = {}
    for row in _rows(table, _among(table, numbers)):
        item: Withdrawn
        if row["property"] == NAME:
            item = config.parse(WithdrawnEntity, {"entity": row["entity"]}, where=STATEMENTS)
        else:
            claim = {name: row[name] for name in ("entity", "property", "value")}
            item = config.parse(WithdrawnClaim, claim, where=STATEMENTS)
        found[item.key] = item
    names = _names(table, [item.entity for item in found.values() if isinstance(item, WithdrawnEntity)])
    return [
        item.model_copy(update={"names": names[item.entity]}) if isinstance(item, WithdrawnEntity) else item
        for item in found.values()
    ]


def _names(table: pa.Table, entities: list[str]) -> dict[str, tuple[str, ...]]:
    """Return the hashes of all names of entities."""
    about = pc.is_in(table["entity"], value_set=pa.array(entities, pa.string()))
    names: dict[str, set[str]] = defaultdict(set)
    for row in _rows(table, pc.and_(about, pc.equal(table["property"], NAME))):
        names[row["entity"]].add(withdrawal.name_hash(row["text"]))
    return {entity: tuple(sorted(hashes)) for entity, hashes in names.items()}


def _numbers(table: pa.Table) -> pa.Array:
    return pa.array(range(table.num_rows), pa.int64())


def _among(table: pa.Table, numbers: Iterable[int]) -> pa.Array:
    """Return for each row whether its number is among some."""
    return pc.is_in(_numbers(table), value_set=pa.array(list(numbers), pa.int64()))


def _rows(table: pa.Table, mask: pa.Array | pa.ChunkedArray) -> list[dict[str, Any]]:
    """Return rows with their numbers: few, so that Python can look at each."""
    return table.select(COLUMNS).append_column("row", _numbers(table)).filter(mask).to_pylist()
