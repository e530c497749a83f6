"""Links of people without a present-day citizenship: the country of their birthplace.

That country is known only after all documents have been read.
"""

import pyarrow as pa

from factory.entities.demotion import demote
from factory.entities.selector import NO_LINK, Selector
from factory.entities.sources.sparql.slices import BIRTHPLACE_LINK
from factory.reference.properties import BIRTHPLACE, CITIZENSHIP, COUNTRY
from factory.store.store import Store
from factory.wikidata.qualifiers import WITHDRAWN

LINK = """
INSERT INTO entity_region
SELECT e.entity, r.region, $link, min(c.ordinal * 1000 + p.ordinal)::INTEGER
FROM entity e
JOIN claim c ON c.entity = e.entity AND c.property = $birthplace AND c.best AND c.qualified <> $withdrawn
JOIN claim p ON p.entity = c.value AND p.property = $country AND p.best AND p.qualified <> $withdrawn
JOIN region_of r ON r.item = p.value
WHERE e.selected AND e.entity NOT IN (SELECT entity FROM entity_region)
GROUP BY e.entity, r.region
"""

UNLINKED = """
CREATE TEMP TABLE demoted AS
SELECT e.entity, coalesce(arg_min(h.reason, c.ordinal), $no_link) AS reason
FROM entity e
LEFT JOIN claim c ON c.entity = e.entity AND c.property = $citizenship AND c.best
LEFT JOIN historic h ON h.item = c.value
WHERE e.selected AND e.entity NOT IN (SELECT entity FROM entity_region)
GROUP BY e.entity
"""


def link(store: Store, selector: Selector) -> None:
    """Link people to the regions of their birthplaces, and reject those that cannot be linked.

    Args:
        store: the store, with the documents of all values.
        selector: has the regions' items, and the historic states of several regions.
    """
    store.connection.register("region_of", _table("region", selector.region_of))
    store.connection.register("historic", _table("reason", selector.historic))
    with store.transaction():
        parameters = {"link": BIRTHPLACE_LINK, "birthplace": BIRTHPLACE, "country": COUNTRY}
        store.execute(LINK, parameters | {"withdrawn": WITHDRAWN})
        store.execute(UNLINKED, {"citizenship": CITIZENSHIP, "no_link": NO_LINK})
        demote(store, selector.scope.value_properties)
    for name in ("region_of", "historic"):
        store.connection.unregister(name)


def _table(column: str, by_item: dict[str, str]) -> pa.Table:
    return pa.table({"item": pa.array(by_item, pa.string()), column: pa.array(by_item.values(), pa.string())})
