"""An entity document of Wikidata, read into rows that are the same through every source.

SPARQL knows no order of statements: claims are sorted by property, rank and value, and numbered so.
"""

from dataclasses import dataclass, field
from typing import Any

from factory.wikidata import values

RANKS = ("preferred", "normal", "deprecated")
COMMONS = "commonswiki"
"""The site whose link is read as a claim, where it leads to a category: with Commons categories it is what P373 is."""
CATEGORY = "Category:"
LARGEST_REVISION = 2**63 - 1


class MalformedDocumentError(ValueError):
    """A document that is not an entity; the message is the rejection's reason."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement with a value."""

    property: str
    ordinal: int
    """Place among the entity's claims of the property: by rank, then by value."""
    best: bool
    rank: str
    value: str
    value_type: str
    bounds: str = ""
    """Of a quantity that has them: `329.5/330.5`."""


@dataclass(frozen=True, slots=True)
class Entity:
    """A document's content, as far as the factory uses it."""

    id: str
    revision: int | None
    labels: dict[str, str]
    claims: list[Claim]
    dropped: list[tuple[str, str]] = field(default_factory=list)
    """Claims and labels that were not taken: the property, or `label` with its code; the reason."""

    def best(self, name: str) -> list[str]:
        """The best-rank values of a property, sorted."""
        return [claim.value for claim in self.claims if claim.property == name and claim.best]


def read(document: Any, wanted: frozenset[str] | None = None, codes: frozenset[str] | None = None) -> Entity:
    """Read an entity document (of a dump, of the API, of Special:EntityData, or rebuilt from SPARQL).

    Args:
        document: the parsed JSON.
        wanted: properties whose claims are read; all where None.
        codes: languages whose labels are read; all where None.

    Raises:
        MalformedDocumentError: it is no item document.
    """
    if not isinstance(document, dict) or not isinstance(document.get("id"), str):
        raise MalformedDocumentError("not an entity document")
    if "missing" in document:
        raise MalformedDocumentError("missing on Wikidata")
    if "error" in document:
        # A source that could not get the document says so in our own words (lookup.py).
        raise MalformedDocumentError("answer cut off")
    if not values.ITEM.fullmatch(document["id"]) or document.get("type", "item") != "item":
        raise MalformedDocumentError("not an item")
    dropped: list[tuple[str, str]] = []
    labels = read_labels(_mapping(document, "labels"), dropped, codes)
    claims = _claims(_mapping(document, "claims"), wanted, dropped)
    claims += _commons_category(_mapping(document, "sitelinks"), dropped)
    return Entity(
        id=document["id"],
        revision=revision(document.get("lastrevid")),
        labels=labels,
        claims=claims,
        dropped=sorted(dropped),
    )


def _mapping(document: dict[str, Any], name: str) -> dict[str, Any]:
    """A field that holds an object; before 2019 an empty one was written as []."""
    content = document.get(name) or {}
    if not isinstance(content, dict):
        raise MalformedDocumentError(f"{name} is not an object")
    return content


def revision(number: Any) -> int | None:
    """A revision's number; None for what is none."""
    known = isinstance(number, int) and not isinstance(number, bool) and 0 < number <= LARGEST_REVISION
    return number if known else None


def read_labels(
    labels: dict[str, Any], dropped: list[tuple[str, str]], codes: frozenset[str] | None = None
) -> dict[str, str]:
    """Texts by language code; what is wrong is added to `dropped`."""
    found = {}
    if codes is None:
        known = sorted(key for key in labels if isinstance(key, str) and values.LANGUAGE.fullmatch(key))
        dropped.extend([("label", "not a language code")] * (len(labels) - len(known)))
    else:
        known = sorted(codes & labels.keys())  # a document has hundreds: only those that are needed are looked at
    for language in known:
        label = labels[language]
        try:
            found[language] = " ".join(values.text(label.get("value") if isinstance(label, dict) else None).split())
        except ValueError:
            dropped.append((f"label {language}", "label without text"))
    return found


def _claims(by_property: dict[str, Any], wanted: frozenset[str] | None, dropped: list[tuple[str, str]]) -> list[Claim]:
    claims: list[Claim] = []
    known = sorted(key for key in by_property if isinstance(key, str) and values.PROPERTY.fullmatch(key))
    dropped.extend([("claims", "not a property")] * (len(by_property) - len(known)))
    for name in known:
        if wanted is not None and name not in wanted:
            continue
        statements = by_property[name]
        if isinstance(statements, list):
            claims.extend(_ranked(name, statements, dropped))
        else:
            dropped.append((name, "statements are not a list"))
    return claims


def _ranked(name: str, statements: list[Any], dropped: list[tuple[str, str]]) -> list[Claim]:
    """The claims of one property; best rank is preferred where there is any, else normal, never deprecated."""
    # novalue and somevalue hold their rank: a preferred "unknown" means that no normal value is the best one.
    ranks = [s.get("rank") if isinstance(s, dict) else None for s in statements]
    best_rank = "preferred" if "preferred" in ranks else "normal"
    found = []
    for statement, rank in zip(statements, ranks, strict=True):
        if rank not in RANKS:
            dropped.append((name, "statement without a rank"))
            continue
        try:
            value_type, value, bounds = _value(statement)
        except values.MalformedValueError as error:
            dropped.append((name, str(error)))
            continue
        found.append((RANKS.index(rank), value, value_type, bounds))
    return [
        Claim(name, ordinal, RANKS[rank] == best_rank, RANKS[rank], value, value_type, bounds)
        for ordinal, (rank, value, value_type, bounds) in enumerate(sorted(found))
    ]


def _commons_category(sitelinks: dict[str, Any], dropped: list[tuple[str, str]]) -> list[Claim]:
    """The link to Commons; one to a gallery, a page of prose and chosen images, is none."""
    if COMMONS not in sitelinks:
        return []
    link = sitelinks[COMMONS]
    try:
        title = values.text(link.get("title") if isinstance(link, dict) else None)
        name = values.text(title.removeprefix(CATEGORY))
    except ValueError:
        dropped.append((COMMONS, "sitelink without a title"))
        return []
    return [Claim(COMMONS, 0, True, "normal", name, "string")] if title.startswith(CATEGORY) else []


def _value(statement: dict[str, Any]) -> tuple[str, str, str]:
    snak = statement.get("mainsnak")
    if not isinstance(snak, dict):
        raise values.MalformedValueError("statement without a main snak")
    if snak.get("snaktype") in ("novalue", "somevalue"):
        raise values.MalformedValueError(snak["snaktype"])
    datavalue = snak.get("datavalue")
    if not isinstance(datavalue, dict):
        raise values.MalformedValueError("snak without a value")
    value_type, value = values.key(datavalue)
    return value_type, value, values.bounds(datavalue)
