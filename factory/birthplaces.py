"""People without citizenship, by their place of birth: its country is known only when all documents have been read."""

import pyarrow as pa

from factory.select import BIRTHPLACE, COUNTRY, NO_LINK
from factory.store import Store
from factory.wikidata.slices import BIRTHPLACE_LINK

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


def link(store: Store, region_of: dict[str, str]) -> None:
    """Link people to the regions of their birthplaces; who cannot be linked is taken out again, and counted.

    Args:
        store: the store, with the documents of all values.
        region_of: items of the regions, with the regions' slugs.
    """
    items = pa.table({"item": list(region_of), "region": list(region_of.values())})
    store.connection.register("region_of", items)
    with store.transaction():
        store.execute(LINK, {"link": BIRTHPLACE_LINK, "birthplace": BIRTHPLACE, "country": COUNTRY})
        unlinked = "SELECT entity FROM entity WHERE selected AND entity NOT IN (SELECT entity FROM entity_region)"
        store.execute("CREATE TEMP TABLE unlinked AS " + unlinked)
        store.execute(
            "INSERT INTO rejection (stage, item, reason) SELECT 'select', entity, ? FROM unlinked ORDER BY entity",
            [NO_LINK],
        )
        for table in ("entity", "claim", "label"):
            store.execute(f"DELETE FROM {table} WHERE entity IN (SELECT entity FROM unlinked)")
        store.execute("DROP TABLE unlinked")
    store.connection.unregister("region_of")
