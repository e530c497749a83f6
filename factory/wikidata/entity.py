"""Entity documents of Wikidata, read into the same claims and labels from every source.

SPARQL has no order of statements, so claims are sorted and numbered by property, rank and value.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Self

from factory.wikidata import qualifiers, references, values

RANKS = ("preferred", "normal", "deprecated")
COMMONS = "commonswiki"
"""Site whose sitelink to a category is read as a claim. It has the meaning of P373."""
CATEGORY = "Category:"
MAX_REVISION = 2**63 - 1
LAST_YEAR = 9999
"""A year after all ends, so that every end counts."""
ANSWER_TRUNCATED = "answer truncated"
"""Value of the key `error` in a document that its source could not get, and the reason to reject it."""
# Reasons to reject a document.
MISSING = "missing on Wikidata"
NOT_AN_ENTITY = "not an entity document"
NOT_AN_ITEM = "not an item"
NOT_AN_OBJECT = "{} is not an object"
# Reasons to reject a claim or a label.
LABEL_WITHOUT_TEXT = "label without text"
NOT_A_LANGUAGE = "not a language code"
NOT_A_PROPERTY = "not a property"
NOT_A_LIST = "statements are not a list"
SITELINK_WITHOUT_TITLE = "sitelink without a title"
STATEMENT_WITHOUT_RANK = "statement without a rank"
STATEMENT_WITHOUT_SNAK = "statement without a main snak"
SNAK_WITHOUT_VALUE = "snak without a value"
UNKNOWN_VALUE = "somevalue"


class MalformedDocumentError(ValueError):
    """A document that is not an entity. The message is the rejection's reason."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement with a value."""

    property: str
    ordinal: int
    """Position among the entity's claims of the property, by rank, then by value."""
    best: bool
    """Whether the claim has the best rank of its property."""
    rank: str
    value: str
    value_type: str
    bounds: str = ""
    """Bounds of a quantity, such as `329.5/330.5`, or empty."""
    qualified: str = ""
    """Limit by qualifiers: a word of `qualifiers.WORDS`, or empty."""
    referenced: bool = False
    """Whether a reference names a source. It is read for times and quantities only (see references.py)."""

    def without_reference(self) -> Self:
        """Return the claim as values have it: a dump's values are cut out without their references."""
        return replace(self, referenced=False) if self.referenced else self


@dataclass(frozen=True, slots=True)
class Entity:
    """Content of a document that the factory uses."""

    id: str
    revision: int | None
    labels: dict[str, str]
    claims: list[Claim]
    dropped: list[tuple[str, str]] = field(default_factory=list)
    """Rejected claims and labels: the property, or `label` with its code, and the reason."""
    unknown: frozenset[str] = frozenset()
    """Properties with an unknown value (`somevalue`), such as a date of death."""
    regions: tuple[str, ...] = ()
    """Slugs of regions that own knowledge states. Entities of Wikidata have claims that link them."""
    entity_type: str = ""
    """Type that own knowledge states. Entities of Wikidata have classes."""

    def best(self, name: str) -> list[str]:
        """Return the best-rank values of a property, sorted."""
        return [claim.value for claim in self.claims if claim.property == name and claim.best]

    def current(self, name: str) -> list[str]:
        """Return the best-rank values of a property without those of another time, sorted."""
        past = (qualifiers.ENDED, qualifiers.NOT_STARTED, qualifiers.OTHER_TIME)
        claims = (claim for claim in self.claims if claim.property == name and claim.best)
        return [claim.value for claim in claims if claim.qualified not in past]


def read_entity(
    document: Any,
    properties: frozenset[str] | None = None,
    codes: frozenset[str] | None = None,
    *,
    as_of: int = LAST_YEAR,
) -> Entity:
    """Read an entity document from a dump, the API, Special:EntityData or SPARQL.

    Args:
        document: the parsed JSON.
        properties: properties whose claims are read, or None for all.
        codes: languages whose labels are read, or None for all.
        as_of: the year that counts as today.

    Raises:
        MalformedDocumentError: the document is not an item.
    """
    if not isinstance(document, dict) or not isinstance(document.get("id"), str):
        raise MalformedDocumentError(NOT_AN_ENTITY)
    if "missing" in document:
        raise MalformedDocumentError(MISSING)
    if "error" in document:
        raise MalformedDocumentError(ANSWER_TRUNCATED)
    if not values.ITEM.fullmatch(document["id"]) or document.get("type", "item") != "item":
        raise MalformedDocumentError(NOT_AN_ITEM)
    dropped: list[tuple[str, str]] = []
    labels = read_labels(_mapping(document, "labels"), dropped, codes)
    claims = _claims(_mapping(document, "claims"), properties, dropped, as_of)
    claims += _commons_category(_mapping(document, "sitelinks"), dropped)
    return Entity(
        id=document["id"],
        revision=revision(document.get("lastrevid")),
        labels=labels,
        claims=claims,
        dropped=sorted(dropped),
        unknown=frozenset(name for name, reason in dropped if reason == UNKNOWN_VALUE),
    )


def _mapping(document: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a field with an object. Documents from before 2019 have [] for an empty one."""
    content = document.get(name) or {}
    if not isinstance(content, dict):
        raise MalformedDocumentError(NOT_AN_OBJECT.format(name))
    return content


def revision(number: Any) -> int | None:
    """Return a revision's number, or None if it is not one."""
    valid = isinstance(number, int) and not isinstance(number, bool) and 0 < number <= MAX_REVISION
    return number if valid else None


def read_labels(
    labels: dict[str, Any], dropped: list[tuple[str, str]], codes: frozenset[str] | None = None
) -> dict[str, str]:
    """Return texts by language code. Rejected labels are added to `dropped`."""
    texts = {}
    if codes is None:
        known = sorted(key for key in labels if isinstance(key, str) and values.LANGUAGE.fullmatch(key))
        dropped.extend([("label", NOT_A_LANGUAGE)] * (len(labels) - len(known)))
    else:
        known = sorted(codes & labels.keys())  # a document has hundreds of labels
    for language in known:
        label = labels[language]
        try:
            texts[language] = " ".join(values.text(label.get("value") if isinstance(label, dict) else None).split())
        except ValueError:
            dropped.append((f"label {language}", LABEL_WITHOUT_TEXT))
    return texts


def _claims(
    by_property: dict[str, Any], properties: frozenset[str] | None, dropped: list[tuple[str, str]], as_of: int
) -> list[Claim]:
    claims: list[Claim] = []
    known = sorted(key for key in by_property if isinstance(key, str) and values.PROPERTY.fullmatch(key))
    dropped.extend([("claims", NOT_A_PROPERTY)] * (len(by_property) - len(known)))
    for name in known:
        if properties is not None and name not in properties:
            continue
        statements = by_property[name]
        if isinstance(statements, list):
            claims.extend(_ranked(name, statements, dropped, as_of))
        else:
            dropped.append((name, NOT_A_LIST))
    return claims


def _ranked(name: str, statements: list[Any], dropped: list[tuple[str, str]], as_of: int) -> list[Claim]:
    """Return the claims of one property. The best rank is preferred if there is any, else normal, never deprecated."""
    # novalue and somevalue count: if the preferred value is unknown, no normal value has the best rank.
    ranks = [s.get("rank") if isinstance(s, dict) else None for s in statements]
    best_rank = "preferred" if "preferred" in ranks else "normal"
    ordered = []
    for statement, rank in zip(statements, ranks, strict=True):
        if rank not in RANKS:
            dropped.append((name, STATEMENT_WITHOUT_RANK))
            continue
        try:
            value_type, value, bounds = _value(statement)
        except values.MalformedValueError as error:
            dropped.append((name, str(error)))
            continue
        limit = qualifiers.limit(name, rank, statement.get("qualifiers"), as_of)
        referenced = value_type in references.REFERENCED_TYPES and references.name_source(statement.get("references"))
        ordered.append((RANKS.index(rank), value, value_type, bounds, limit, referenced))
    return [
        Claim(name, ordinal, RANKS[rank] == best_rank, RANKS[rank], value, value_type, bounds, limit, referenced)
        for ordinal, (rank, value, value_type, bounds, limit, referenced) in enumerate(sorted(ordered))
    ]


def _commons_category(sitelinks: dict[str, Any], dropped: list[tuple[str, str]]) -> list[Claim]:
    """Return the sitelink to a Commons category as a claim. Galleries, pages of text and chosen images, are ignored."""
    if COMMONS not in sitelinks:
        return []
    link = sitelinks[COMMONS]
    try:
        title = values.text(link.get("title") if isinstance(link, dict) else None)
        name = values.text(title.removeprefix(CATEGORY))
    except ValueError:
        dropped.append((COMMONS, SITELINK_WITHOUT_TITLE))
        return []
    return [Claim(COMMONS, 0, True, "normal", name, "string")] if title.startswith(CATEGORY) else []


def _value(statement: dict[str, Any]) -> tuple[str, str, str]:
    snak = statement.get("mainsnak")
    if not isinstance(snak, dict):
        raise values.MalformedValueError(STATEMENT_WITHOUT_SNAK)
    if snak.get("snaktype") in ("novalue", "somevalue"):
        raise values.MalformedValueError(snak["snaktype"])
    datavalue = snak.get("datavalue")
    if not isinstance(datavalue, dict):
        raise values.MalformedValueError(SNAK_WITHOUT_VALUE)
    value_type, value = values.key(datavalue)
    return value_type, value, values.bounds(datavalue)
