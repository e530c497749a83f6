"""SPARQL queries over Wikidata's RDF: standard SPARQL 1.1 with declared prefixes, for any endpoint.

Rows never multiply: heads, labels, parts of statements, properties of references and parts of value nodes have separate
queries, with one row per part.
"""

from collections.abc import Iterable, Sequence

from factory.wikidata.qualifiers import QUALIFIERS
from factory.wikidata.references import IMPORTS

ENTITY = "http://www.wikidata.org/entity/"
CLAIM = "http://www.wikidata.org/prop/"
SIMPLE = "http://www.wikidata.org/prop/statement/"
DEEP = "http://www.wikidata.org/prop/statement/value/"
QUALIFIER = "http://www.wikidata.org/prop/qualifier/"
REFERENCE = "http://www.wikidata.org/prop/reference/"
NO_VALUE = "http://www.wikidata.org/prop/novalue/"
NODE = "http://www.wikidata.org/value/"
ONTOLOGY = "http://wikiba.se/ontology#"
TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"

PREFIXES = f"""PREFIX wd: <{ENTITY}>
PREFIX wdt: <http://www.wikidata.org/prop/direct/>
PREFIX p: <{CLAIM}>
PREFIX pq: <{QUALIFIER}>
PREFIX pr: <{REFERENCE}>
PREFIX prov: <http://www.w3.org/ns/prov#>
PREFIX wdv: <{NODE}>
PREFIX wikibase: <{ONTOLOGY}>
PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
PREFIX owl: <http://www.w3.org/2002/07/owl#>
PREFIX schema: <http://schema.org/>
"""

COMMONS = "https://commons.wikimedia.org/"
UNKNOWN = "/.well-known/genid/"
"""Part of the IRIs by which the query service replaces the blank nodes of unknown values."""

NODE_PARTS = (
    "timeValue",
    "timePrecision",
    "timeCalendarModel",
    "quantityAmount",
    "quantityUnit",
    "quantityLowerBound",
    "quantityUpperBound",
    "geoLatitude",
    "geoLongitude",
    "geoGlobe",
)
PROBE = 'SELECT ?answer WHERE { VALUES ?answer { "yes" } }'
"""The simplest query. A server that cannot answer it is down, and smaller slices do not help."""


def names(prefix: str, ids: Iterable[str]) -> str:
    """Return ids as prefixed names for a VALUES block."""
    return " ".join(f"{prefix}:{name}" for name in ids)


def heads(items: Sequence[str]) -> str:
    """Return the query for revisions, redirects and Commons titles of items.

    Each row has an `item` with triples, and at most one of `revision`, `target` of a redirect, and `title` on Commons.
    The query service puts the version on the item. Dumps put it on the page about the item.
    """
    block = f"VALUES ?item {{ {names('wd', items)} }}"
    return f"""{PREFIXES}SELECT DISTINCT ?item ?revision ?target ?title WHERE {{
  {{ {block} ?page schema:about ?item ; schema:version ?revision . }}
  UNION {{ {block} ?item schema:version ?revision . }}
  UNION {{ {block} ?item owl:sameAs ?target . }}
  UNION {{ {block} ?article schema:about ?item ; schema:isPartOf <{COMMONS}> ; schema:name ?title . }}
  UNION {{ {block} FILTER EXISTS {{ ?item ?predicate ?object }} }}
}}"""


def labels(items: Sequence[str], codes: Sequence[str]) -> str:
    """Return the query for rows of `item` and `label`. Stores may change the case of language tags."""
    listed = ", ".join(f'"{code}"' for code in codes)
    return f"""{PREFIXES}SELECT ?item ?label WHERE {{
  VALUES ?item {{ {names("wd", items)} }}
  ?item rdfs:label ?label .
  FILTER(LCASE(LANG(?label)) IN ({listed}))
}}"""


def statements(items: Sequence[str], properties: Sequence[str]) -> str:
    """Return the query for rows of `item`, `claim`, `statement`, `part` and `value`.

    The parts are rank, types, simple values, value nodes, and the qualifiers that limit statements.
    """
    return f"""{PREFIXES}SELECT ?item ?claim ?statement ?part ?value WHERE {{
  VALUES ?item {{ {names("wd", items)} }}
  VALUES ?claim {{ {names("p", properties)} }}
  ?item ?claim ?statement .
  ?statement ?part ?value .
  FILTER(?part IN (wikibase:rank, rdf:type, {", ".join(f"pq:{name}" for name in QUALIFIERS)})
         || STRSTARTS(STR(?part), "{SIMPLE}"))
}}"""


def references(items: Sequence[str], properties: Sequence[str]) -> str:
    """Return the query for rows of `statement` and `part`: the properties by which references name a source.

    An unknown value names none. The value node of a property (`prv:`) is not a further property.
    """
    return f"""{PREFIXES}SELECT DISTINCT ?statement ?part WHERE {{
  VALUES ?item {{ {names("wd", items)} }}
  VALUES ?claim {{ {names("p", properties)} }}
  ?item ?claim ?statement .
  ?statement prov:wasDerivedFrom ?reference .
  ?reference ?part ?value .
  FILTER(STRSTARTS(STR(?part), "{REFERENCE}P") && ?part NOT IN ({", ".join(f"pr:{name}" for name in IMPORTS)})
         && !isBlank(?value) && !CONTAINS(STR(?value), "{UNKNOWN}"))
}}"""


def nodes(hashes: Sequence[str]) -> str:
    """Return the query for rows of `node`, `part` and `value`: the parts of times, quantities and coordinates."""
    return f"""{PREFIXES}SELECT ?node ?part ?value WHERE {{
  VALUES ?node {{ {names("wdv", hashes)} }}
  VALUES ?part {{ {names("wikibase", NODE_PARTS)} }}
  ?node ?part ?value .
}}"""
