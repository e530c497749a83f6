"""People of no state of today, by their place of birth: its country is known only when all documents have been read."""

import pyarrow as pa

from factory.entities.selector import NO_LINK, Selector
from factory.entities.sources.sparql.slices import BIRTHPLACE_LINK
from factory.reference import entity_types
from factory.reference.properties import BIRTHPLACE, CITIZENSHIP, COUNTRY
from factory.store.store import Store

LINK = """
INSERT INTO entity_region
SELECT e.entity, r.region, $link, min(c.ordinal * 1000 + p.ordinal)::INTEGER
FROM entity e
JOIN claim c ON c.entity = e.entity AND c.property = $birthplace AND c.best
JOIN claim p ON p.entity = c.value AND p.property = $country AND p.best
JOIN region_of r ON r.item = p.value
WHERE e.selected AND e.entity NOT IN (SELECT entity FROM entity_region)
GROUP BY e.entity, r.region
"""

UNLINKED = """
CREATE TEMP TABLE unlinked AS
SELECT e.entity, coalesce(arg_min(h.reason, c.ordinal), $no_link) AS reason
FROM entity e
LEFT JOIN claim c ON c.entity = e.entity AND c.property = $citizenship AND c.best
LEFT JOIN historic h ON h.item = c.value
WHERE e.selected AND e.entity NOT IN (SELECT entity FROM entity_region)
GROUP BY e.entity
"""
# A person can be the answer to what others are asked about: who is pointed to stays, as a value with a name. Values to
# which nothing leads any more go: sources that are asked for ids have never looked at them.
TAKE_OUT = """
INSERT INTO rejection (stage, item, reason) SELECT 'select', entity, reason FROM unlinked ORDER BY entity;
DELETE FROM claim WHERE entity IN (SELECT entity FROM unlinked) AND property NOT IN (SELECT unnest($steps));
UPDATE entity SET selected = false, entity_type = $entity_type WHERE entity IN (SELECT entity FROM unlinked);
CREATE TEMP TABLE reached AS
WITH RECURSIVE pointed_to AS (
    SELECT entity FROM entity WHERE selected
    UNION
    SELECT c.value FROM pointed_to p JOIN claim c ON c.entity = p.entity WHERE c.best AND c.value_type = 'item'
)
SELECT entity FROM pointed_to;
DELETE FROM entity WHERE entity NOT IN (SELECT entity FROM reached);
DELETE FROM claim WHERE entity NOT IN (SELECT entity FROM reached);
DELETE FROM label WHERE entity NOT IN (SELECT entity FROM reached);
DROP TABLE reached;
DROP TABLE unlinked;
"""


def link(store: Store, selector: Selector) -> None:
    """Link people to the regions of their birthplaces; who cannot be linked is taken out again, and counted.

    Args:
        store: the store, with the documents of all values.
        selector: knows the regions' items, and the states that are several countries today.
    """
    store.connection.register("region_of", _table("region", selector.region_of))
    store.connection.register("historic", _table("reason", selector.historic))
    with store.transaction():
        store.execute(LINK, {"link": BIRTHPLACE_LINK, "birthplace": BIRTHPLACE, "country": COUNTRY})
        store.execute(UNLINKED, {"citizenship": CITIZENSHIP, "no_link": NO_LINK})
        store.script(TAKE_OUT, {"steps": sorted(selector.scope.step_properties), "entity_type": entity_types.ANY})
    for name in ("region_of", "historic"):
        store.connection.unregister(name)


def _table(column: str, by_item: dict[str, str]) -> pa.Table:
    return pa.table({"item": pa.array(by_item, pa.string()), column: pa.array(by_item.values(), pa.string())})
