"""Entity documents in Wikidata's JSON, as in `Special:EntityData` and the dumps, reduced to the sample's needs."""

import uuid
from typing import Any

Document = dict[str, Any]
Statement = dict[str, Any]

GREGORIAN = "http://www.wikidata.org/entity/Q1985727"
PRECISION_BY_PARTS = {1: 9, 2: 10, 3: 11}
"""Wikidata's precision by the number of given parts: year, month, day."""
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://www.wikidata.org/entity/")


def document(qid: str, labels: dict[str, str]) -> Document:
    """Return an item without statements. `labels` are by Wikidata's language codes."""
    return {
        "type": "item",
        "id": qid,
        "labels": {code: {"language": code, "value": labels[code]} for code in sorted(labels)},
        "descriptions": {},
        "aliases": {},
        "claims": {},
        "sitelinks": {},
    }


def add(entity: Document, snak: dict[str, Any], *, rank: str = "normal", start: str = "", end: str = "") -> None:
    """Append a statement.

    Args:
        entity: the document, changed in place.
        snak: main snak, from one of the functions below.
        rank: preferred, normal or deprecated.
        start: start of validity (P580): YYYY, YYYY-MM or YYYY-MM-DD.
        end: end of validity (P582).
    """
    name = snak["property"]
    statements: list[Statement] = entity["claims"].setdefault(name, [])
    key = uuid.uuid5(_NAMESPACE, f"{entity['id']} {name} {len(statements)}")
    statement: Statement = {"mainsnak": snak, "type": "statement", "id": f"{entity['id']}${key}", "rank": rank}
    qualifiers = {p: [time(p, when)] for p, when in (("P580", start), ("P582", end)) if when}
    if qualifiers:
        statement |= {"qualifiers": qualifiers, "qualifiers-order": list(qualifiers)}
    statements.append(statement)


def item(name: str, qid: str) -> dict[str, Any]:
    """Return a snak whose value is an item."""
    value = {"entity-type": "item", "numeric-id": int(qid.removeprefix("Q")), "id": qid}
    return _snak(name, "wikibase-item", "wikibase-entityid", value)


def string(name: str, value: str, datatype: str) -> dict[str, Any]:
    """Return a snak whose value is text: an external id, a Commons file, a Commons category."""
    return _snak(name, datatype, "string", value)


def time(name: str, when: str) -> dict[str, Any]:
    """Return a snak whose value is a date in the precision of its text."""
    parts = when.split("-")
    value = {
        "time": f"+{'-'.join([*parts, '00', '00'][:3])}T00:00:00Z",
        "timezone": 0,
        "before": 0,
        "after": 0,
        "precision": PRECISION_BY_PARTS[len(parts)],
        "calendarmodel": GREGORIAN,
    }
    return _snak(name, "time", "time", value)


def unknown(name: str) -> dict[str, Any]:
    """Return a snak of an unknown value."""
    return {"snaktype": "somevalue", "property": name, "datatype": "wikibase-item"}


def _snak(name: str, datatype: str, value_type: str, value: Any) -> dict[str, Any]:
    datavalue = {"value": value, "type": value_type}
    return {"snaktype": "value", "property": name, "datavalue": datavalue, "datatype": datatype}
