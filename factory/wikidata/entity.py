"""An entity document of Wikidata, read into rows."""

from dataclasses import dataclass, field
from typing import Any

from factory.wikidata import values

RANKS = ("preferred", "normal", "deprecated")


class MalformedDocumentError(ValueError):
    """A document that is not an entity; the message is the rejection's reason."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement with a value."""

    property: str
    ordinal: int
    best: bool
    rank: str
    value: str
    value_type: str


@dataclass(frozen=True, slots=True)
class Entity:
    """A document's content, as far as the factory uses it."""

    id: str
    revision: int | None
    labels: dict[str, str]
    claims: list[Claim]
    dropped: list[tuple[str, str]] = field(default_factory=list)
    """Claims that were not taken: property, reason."""

    def best(self, name: str) -> list[str]:
        """The best-rank values of a property, in the document's order."""
        return [claim.value for claim in self.claims if claim.property == name and claim.best]


def read(document: Any, wanted: frozenset[str] | None = None) -> Entity:
    """Read an entity document (of a dump, of the API, or of Special:EntityData).

    Args:
        document: the parsed JSON.
        wanted: properties whose claims are read; all where None.

    Raises:
        MalformedDocumentError: it is no item document.
    """
    if not isinstance(document, dict) or not isinstance(document.get("id"), str):
        raise MalformedDocumentError("not an entity document")
    if "missing" in document:
        raise MalformedDocumentError("missing on Wikidata")
    if not values.ITEM.fullmatch(document["id"]):
        raise MalformedDocumentError("not an item")
    revision = document.get("lastrevid")
    claims, dropped = _claims(_mapping(document, "claims"), wanted)
    return Entity(
        id=document["id"],
        revision=revision if isinstance(revision, int) else None,
        labels=_labels(_mapping(document, "labels")),
        claims=claims,
        dropped=dropped,
    )


def _mapping(document: dict, name: str) -> dict:
    """A field that holds an object; before 2019 an empty one was written as []."""
    content = document.get(name) or {}
    if not isinstance(content, dict):
        raise MalformedDocumentError(f"{name} is not an object")
    return content


def _labels(labels: dict) -> dict[str, str]:
    found = {}
    for language, label in labels.items():
        text = label.get("value") if isinstance(label, dict) else None
        if isinstance(text, str) and text.strip():
            found[language] = " ".join(text.split())
    return found


def _claims(statements_by_property: dict, wanted: frozenset[str] | None) -> tuple[list[Claim], list[tuple[str, str]]]:
    claims: list[Claim] = []
    dropped: list[tuple[str, str]] = []
    for name, statements in statements_by_property.items():
        if wanted is not None and name not in wanted:
            continue
        if not isinstance(statements, list):
            dropped.append((name, "statements are not a list"))
            continue
        for claim in _ranked(name, statements, dropped):
            claims.append(claim)
    return claims, dropped


def _ranked(name: str, statements: list, dropped: list[tuple[str, str]]) -> list[Claim]:
    """The claims of one property; best rank is preferred where there is any, else normal, never deprecated."""
    # novalue and somevalue hold their rank: a preferred "unknown" means that no normal value is the best one.
    ranks = [s.get("rank") if isinstance(s, dict) else None for s in statements]
    best_rank = "preferred" if "preferred" in ranks else "normal"
    claims = []
    for ordinal, (statement, rank) in enumerate(zip(statements, ranks, strict=True)):
        if rank not in RANKS:
            dropped.append((name, "statement without a rank"))
            continue
        try:
            value_type, value = _value(statement)
        except values.MalformedValueError as error:
            dropped.append((name, str(error)))
            continue
        claims.append(Claim(name, ordinal, rank == best_rank, rank, value, value_type))
    return claims


def _value(statement: dict) -> tuple[str, str]:
    snak = statement.get("mainsnak")
    if not isinstance(snak, dict):
        raise values.MalformedValueError("statement without a main snak")
    if snak.get("snaktype") in ("novalue", "somevalue"):
        raise values.MalformedValueError(snak["snaktype"])
    if not isinstance(snak.get("datavalue"), dict):
        raise values.MalformedValueError("snak without a value")
    return values.key(snak["datavalue"])
