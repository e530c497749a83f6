"""Entities that are held out from train, with their images, and everything that is connected with them.

An entity that shares an image with a held-out one is held out too, and so is one whose image looks the same. A share of
the entities therefore holds out a few more.
"""

import numpy as np
import pyarrow as pa

from factory.splits import connected
from factory.splits.config import SplitConfig
from factory.store.store import Store

PARTS = ("region", "type", "share", "related")
"""Reasons to hold an entity out. `related` ones are connected with those of the other parts."""

HELD_OUT = """
INSERT INTO held_out_entity
WITH shown AS (FROM entity WHERE selected AND entity IN (SELECT entity FROM entity_image))
SELECT DISTINCT entity, 'region' FROM shown JOIN entity_region USING (entity) WHERE list_contains($regions, region)
UNION ALL
SELECT entity, 'type' FROM shown WHERE list_contains($types, entity_type)
UNION ALL
SELECT entity, 'share' FROM shown
WHERE md5_number_lower(concat_ws('|', $seed, 'entity', entity)) % 1000000 / 1000000 < $share
ORDER BY ALL
"""
"""`pangea_cultural.dataset.leaks` computes the same share from the files of an export."""

EDGES = """
SELECT e.number AS entity, i.number AS image FROM entity_image
JOIN entity_number e USING (entity) JOIN image_number i USING (image)
UNION ALL
SELECT f.number, i.number FROM alike JOIN image_number i USING (image) JOIN image_number f ON f.image = alike.first
"""
NUMBERS = """
CREATE OR REPLACE TEMP TABLE image_number AS
SELECT image, row_number() OVER (ORDER BY image) - 1 AS number FROM image;
CREATE OR REPLACE TEMP TABLE entity_number AS
SELECT entity, row_number() OVER (ORDER BY entity) - 1 + (SELECT count(*) FROM image) AS number
FROM (SELECT DISTINCT entity FROM entity_image)
"""
RELATED = """
INSERT INTO held_out_entity
SELECT entity, 'related' FROM entity_number JOIN component USING (number)
WHERE component IN (
    SELECT component FROM held_out_entity JOIN entity_number USING (entity) JOIN component USING (number)
)
  AND entity NOT IN (SELECT entity FROM held_out_entity)
ORDER BY entity
"""


def mark(store: Store, config: SplitConfig, seed: int) -> None:
    """Fill the table `held_out_entity`. The table `alike` has the images that look the same. The caller holds the
    transaction.
    """
    store.execute("DELETE FROM held_out_entity")
    if not config.holds_out:
        return
    store.execute(
        HELD_OUT,
        {
            "regions": list(config.held_out_regions),
            "types": list(config.held_out_types),
            "share": config.held_out_entities,
            "seed": str(seed),
        },
    )
    for statement in NUMBERS.split(";"):
        store.execute(statement)
    edges = store.table(EDGES)
    nodes = store.value("SELECT (SELECT count(*) FROM image_number) + (SELECT count(*) FROM entity_number)")
    component = connected.first_of_component(nodes, edges["entity"].to_numpy(), edges["image"].to_numpy())
    store.connection.register("registered", pa.table({"number": np.arange(nodes), "component": component}))
    store.execute("CREATE OR REPLACE TEMP TABLE component AS FROM registered")
    store.connection.unregister("registered")
    store.execute(RELATED)
    for name in ("component", "image_number", "entity_number"):
        store.execute(f"DROP TABLE {name}")
