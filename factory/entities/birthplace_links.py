"""Links of people without a present-day citizenship: the country of their birthplace.

That country is known only after all documents have been read.
"""

import pyarrow as pa

from factory.entities.base import STAGE
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
# A person can be the answer to a question about another entity, so a person that claims point to stays as a value.
# Values that no claim leads to are deleted: lookup sources have never read them.
REMOVE = """
DELETE FROM claim WHERE entity IN (SELECT entity FROM unlinked) AND property NOT IN (SELECT unnest($steps));
UPDATE entity SET selected = false, entity_type = $entity_type WHERE entity IN (SELECT entity FROM unlinked);
CREATE TEMP TABLE reachable AS
WITH RECURSIVE pointed_to AS (
    SELECT entity FROM entity WHERE selected
    UNION
    SELECT c.value FROM pointed_to p JOIN claim c ON c.entity = p.entity WHERE c.best AND c.value_type = 'item'
)
SELECT entity FROM pointed_to;
DELETE FROM entity WHERE entity NOT IN (SELECT entity FROM reachable);
DELETE FROM claim WHERE entity NOT IN (SELECT entity FROM reachable);
DELETE FROM label WHERE entity NOT IN (SELECT entity FROM reachable);
DROP TABLE reachable;
DROP TABLE unlinked;
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
        store.execute(LINK, {"link": BIRTHPLACE_LINK, "birthplace": BIRTHPLACE, "country": COUNTRY})
        store.execute(UNLINKED, {"citizenship": CITIZENSHIP, "no_link": NO_LINK})
        for (reason,) in store.rows("SELECT DISTINCT reason FROM unlinked ORDER BY reason"):
            items = "SELECT entity AS item FROM unlinked WHERE unlinked.reason = $reason ORDER BY entity"
            store.reject_selected(STAGE, reason, items)
        steps = sorted(selector.scope.step_properties)
        store.script(REMOVE, {"steps": steps, "entity_type": entity_types.ANY})
    for name in ("region_of", "historic"):
        store.connection.unregister(name)


def _table(column: str, by_item: dict[str, str]) -> pa.Table:
    return pa.table({"item": pa.array(by_item, pa.string()), column: pa.array(by_item.values(), pa.string())})
