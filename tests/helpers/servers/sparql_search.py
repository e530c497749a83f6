"""A search in the sample's entities by SPARQL, and its expected ids."""

import re

from factory.entities.sources.sparql.source import SearchScope
from factory.reference.properties import properties
from factory.wikidata import entity
from pangea_cultural.reference.regions import regions
from tests.helpers.servers import fault_proxy as fault

LINKS = tuple(name for name, row in properties().items() if row.region_link)
ASKED = tuple(name for name, row in properties().items() if row.question and name.startswith("P") and not row.path)
SCOPE = SearchScope(
    regions=tuple(regions()[slug] for slug in ("japan", "italy", "netherlands")),
    links=LINKS,
    asked=ASKED,
    wanted=(*ASKED, *LINKS, "P18", "P373"),
    labels=("en", "ja", "mul"),
)
TIMED_OUT = fault.status(500, "java.util.concurrent.TimeoutException")


def search_scope(links, asked, num_regions=1):
    """Return a scope with the first regions."""
    return SearchScope(regions=SCOPE.regions[:num_regions], links=links, asked=asked, wanted=(), labels=())


def expected_ids(scope, documents):
    """Return the ids that a scan of the documents finds."""
    items = {qid for region in scope.regions for qid in (region.qid, *region.also)}
    ids = set()
    for document in documents:
        found = entity.read_entity(document)
        claimed = {claim.property for claim in found.claims}
        if items & {value for link in scope.links for value in found.best(link)} and claimed & set(scope.asked):
            ids.add(found.id)
    return ids


def num_asked(query):
    """Return the number of asked properties in a query, 0 for queries without slices."""
    match = re.search(r"VALUES \?asked { (.*?) }", query)
    return len(match[1].split()) if match else 0
