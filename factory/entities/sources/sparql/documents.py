"""Entity documents in Wikidata's JSON format, rebuilt from the rows of a SPARQL endpoint.

They are read like the documents of a dump (entity.py) and give the same rows.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from factory.entities.sources.sparql import queries, rdf_values
from factory.entities.sources.sparql.rdf_values import Term
from factory.wikidata import values
from factory.wikidata.entity import COMMONS

Row = dict[str, Term]
"""A binding of SPARQL's JSON results. An unbound variable has no key."""
Ask = Callable[[str], list[Row]]
"""Function that sends a query and returns its rows."""

REDIRECTED = "redirected from"
"""Key of a redirected document for the requested id."""
MAX_REDIRECTS = 4
_REVISION = re.compile("[0-9]{1,18}")
RANKS = {
    f"{queries.ONTOLOGY}PreferredRank": "preferred",
    f"{queries.ONTOLOGY}NormalRank": "normal",
    f"{queries.ONTOLOGY}DeprecatedRank": "deprecated",
}


@dataclass(slots=True)
class Head:
    """Revision, redirect and Commons title of an item."""

    revisions: list[int] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    titles: set[str] = field(default_factory=set)
    """Titles of its page on Commons."""


@dataclass(slots=True)
class Statement:
    """Parts of a statement node, collected from rows."""

    item: str
    property: str
    ranks: set[str] = field(default_factory=set)
    simple: dict[tuple[tuple[str, str], ...], Term] = field(default_factory=dict)
    nodes: set[str] = field(default_factory=set)
    no_value: bool = False
    qualifiers: dict[str, dict[tuple[tuple[str, str], ...], Term]] = field(default_factory=dict)
    """Values of the qualifiers that limit a statement. `No value` is not among them: it does not limit."""
    sources: set[str] = field(default_factory=set)
    """Properties by which its references name a source."""

    def add(self, part: str, term: Term) -> None:
        """Add a row. Other qualifiers and normalized values are ignored."""
        if part == f"{queries.ONTOLOGY}rank":
            self.ranks.add(RANKS.get(term["value"], ""))
        elif part == queries.SIMPLE + self.property:
            self.simple[tuple(sorted(term.items()))] = term
        elif part == queries.DEEP + self.property and term["value"].startswith(queries.NODE):
            self.nodes.add(term["value"].removeprefix(queries.NODE))
        elif part.startswith(queries.QUALIFIER):
            terms = self.qualifiers.setdefault(part.removeprefix(queries.QUALIFIER), {})
            terms[tuple(sorted(term.items()))] = term
        elif part == queries.TYPE and term["value"] == queries.NO_VALUE + self.property:
            self.no_value = True


def documents(
    ask: Ask, ids: Sequence[str], properties: Sequence[str], codes: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Return the documents of ids, with the claims of some properties and the labels in some languages.

    An unknown id gives `{"id": ..., "missing": ""}`. A redirect gives its target's document with the key
    `redirected from`. An id of something other than an item gives a document without content.

    Raises:
        KeyError, TypeError, AttributeError: rows that do not answer the queries.
    """
    heads = _all_heads(ask, [name for name in ids if values.ITEM.fullmatch(name)])
    targets = {name: _follow(name, heads) for name in ids}
    bodies = _bodies(ask, sorted({target for target in targets.values() if target}), properties, codes)
    by_id = {}
    for name, target in targets.items():
        if not values.ITEM.fullmatch(name):
            by_id[name] = {"id": name}
        elif target is None:
            by_id[name] = {"id": name, "missing": ""}
        else:
            head = heads[target]
            document = {"type": "item", "id": target} | _version(head) | bodies[target] | _sitelinks(head)
            by_id[name] = document if target == name else document | {REDIRECTED: name}
    return by_id


def _all_heads(ask: Ask, items: Sequence[str]) -> dict[str, Head]:
    """Return the heads of items and of their redirects' targets. An item without triples has no head."""
    heads: dict[str, Head] = {}
    asked: set[str] = set()
    new = sorted(set(items))
    for _ in range(MAX_REDIRECTS):
        if not new:
            break
        asked.update(new)
        _add_heads(heads, ask(queries.heads(new)), asked)
        targets = {target for head in heads.values() for target in head.targets}
        new = sorted(target for target in targets - asked if values.ITEM.fullmatch(target))
    return heads


def _add_heads(heads: dict[str, Head], rows: Iterable[Row], asked: set[str]) -> None:
    for row in rows:
        name = local_name(row["item"])
        if name not in asked:
            raise KeyError(name)
        head = heads.setdefault(name, Head())
        if "target" in row:
            head.targets.append(local_name(row["target"]))
        if "title" in row:
            head.titles.add(row["title"]["value"])
        if "revision" in row and _REVISION.fullmatch(row["revision"]["value"]):
            head.revisions.append(int(row["revision"]["value"]))


def _follow(name: str, heads: dict[str, Head]) -> str | None:
    """Return the target of an id's redirects, or None if it does not exist or the redirects are circular."""
    for _ in range(MAX_REDIRECTS):
        head = heads.get(name)
        if head is None:
            return None
        if not head.targets:
            return name
        name = min(head.targets)
    return None


def _version(head: Head) -> dict[str, int]:
    # A server that lags behind can hold two versions for a moment.
    return {"lastrevid": max(head.revisions)} if head.revisions else {}


def _sitelinks(head: Head) -> dict[str, dict[str, Any]]:
    if not head.titles:
        return {}
    # If the server holds an old and a new title, neither can be trusted. The same applies to labels.
    title = next(iter(head.titles)) if len(head.titles) == 1 else None
    return {"sitelinks": {COMMONS: {"site": COMMONS, "title": title}}}


def _bodies(
    ask: Ask, items: Sequence[str], properties: Sequence[str], codes: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Return the labels and claims of existing items."""
    bodies: dict[str, dict[str, Any]] = {name: {"labels": {}, "claims": {}} for name in items}
    if items and codes:
        _add_labels(bodies, ask(queries.labels(items, codes)))
    if items and properties:
        statements = _statements(ask(queries.statements(items, properties)))
        nodes = _nodes(ask, sorted({node for row in statements.values() for node in row.nodes}))
        _add_references(ask, statements)
        for _, statement in sorted(statements.items()):
            claims = bodies[statement.item]["claims"].setdefault(statement.property, [])
            claims.append(_as_json(statement, nodes))
    return bodies


def _add_labels(bodies: dict[str, dict[str, Any]], rows: Iterable[Row]) -> None:
    for row in rows:
        labels, code = bodies[local_name(row["item"])]["labels"], row["label"].get("xml:lang", "").lower()
        text = row["label"]["value"]
        # Two labels in one language are an old and a new one in unknown order: neither is used.
        value = text if labels.get(code, {"value": text})["value"] == text else None
        labels[code] = {"language": code, "value": value}


def _statements(rows: Iterable[Row]) -> dict[str, Statement]:
    statements: dict[str, Statement] = {}
    for row in rows:
        node = row["statement"]["value"]
        if node not in statements:
            name = row["claim"]["value"].removeprefix(queries.CLAIM)
            statements[node] = Statement(local_name(row["item"]), name)
        statements[node].add(row["part"]["value"], row["value"])
    return statements


def _add_references(ask: Ask, statements: dict[str, Statement]) -> None:
    """Ask for the references of statements with a value node: of times and quantities, but not of items."""
    deep = [statement for statement in statements.values() if statement.nodes]
    if not deep:
        return
    query = queries.references(sorted({row.item for row in deep}), sorted({row.property for row in deep}))
    for row in ask(query):
        # The server may have got a new statement since the other query.
        if statement := statements.get(row["statement"]["value"]):
            statement.sources.add(row["part"]["value"].removeprefix(queries.REFERENCE))


def _nodes(ask: Ask, hashes: Sequence[str]) -> dict[str, dict[str, Term]]:
    """Return the parts of value nodes by name, by the last part of the node's IRI."""
    known = [name for name in hashes if name.isascii() and name.isalnum()]
    nodes: dict[str, dict[str, Term]] = {name: {} for name in hashes}
    for row in ask(queries.nodes(known)) if known else ():
        parts = nodes[row["node"]["value"].removeprefix(queries.NODE)]
        parts[row["part"]["value"].removeprefix(queries.ONTOLOGY)] = row["value"]
    return nodes


def _as_json(statement: Statement, nodes: dict[str, dict[str, Term]]) -> dict[str, Any]:
    snak: dict[str, Any] = {"property": statement.property, "snaktype": "value"}
    terms = list(statement.simple.values())
    if statement.no_value:
        snak["snaktype"] = "novalue"
    elif any(rdf_values.is_unknown(term) for term in terms):
        snak["snaktype"] = "somevalue"
    elif len(terms) == 1 and len(statement.nodes) <= 1:
        # Otherwise the server holds half of a statement or two versions. A snak without a value is rejected.
        deep = [rdf_values.deep(nodes[name]) for name in statement.nodes]
        snak["datavalue"] = deep[0] if deep else rdf_values.simple(terms[0])
    rank = statement.ranks.pop() if len(statement.ranks) == 1 else None
    qualifiers = {
        name: [_qualifier(name, term) for term in terms.values()] for name, terms in statement.qualifiers.items()
    }
    parts: dict[str, Any] = {"type": "statement", "mainsnak": snak, "rank": rank}
    if qualifiers:
        parts["qualifiers"] = qualifiers
    if statement.sources:
        # All references are one, and their values are not asked for.
        snaks = {name: [{"property": name, "snaktype": "value"}] for name in sorted(statement.sources)}
        parts["references"] = [{"snaks": snaks}]
    return parts


def _qualifier(name: str, term: Term) -> dict[str, Any]:
    if rdf_values.is_unknown(term):
        return {"property": name, "snaktype": "somevalue"}
    return {"property": name, "snaktype": "value", "datavalue": rdf_values.qualifier(term)}


def local_name(term: Term) -> str:
    """Return the id in an entity's IRI, or another IRI unchanged."""
    return term["value"].removeprefix(queries.ENTITY)
