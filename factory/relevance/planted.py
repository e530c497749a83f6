"""Planted mismatches: an image, and another entity of the same type as the one that it shows."""

from typing import NamedTuple

from factory.relevance.pairs import Pair, read_pairs
from factory.store.store import Store

DRAW = """
WITH pair AS (
    SELECT r.*, e.entity_type FROM relevance_pair r JOIN entity e USING (entity)
    WHERE e.selected AND ($split = '' OR r.split = $split)
),
numbered AS (SELECT *, dense_rank() OVER (PARTITION BY entity_type ORDER BY entity) - 1 AS number FROM pair),
other AS (SELECT DISTINCT entity_type, number, entity FROM numbered),
size AS (SELECT entity_type, count(*) AS entities FROM other GROUP BY entity_type HAVING entities > 1),
drawn AS (
    SELECT n.image, n.entity, n.path, n.entity_type, d.draw,
           (n.number + 1 + md5_number_lower(concat_ws('|', $seed, n.image, n.entity, d.draw)) % (s.entities - 1))
               % s.entities AS other_number
    FROM numbered n JOIN size s USING (entity_type), (SELECT unnest(range($draws)) AS draw) d
)
SELECT d.image, d.path, d.entity AS shown, o.entity AS planted
FROM drawn d JOIN other o ON o.entity_type = d.entity_type AND o.number = d.other_number
ANTI JOIN entity_image known ON known.image = d.image AND known.entity = o.entity
ORDER BY d.draw, md5_number_lower(concat_ws('|', $seed, 'order', d.image, d.entity)), d.image, d.entity
LIMIT $limit
"""
"""Each image with its entity and another one of the type, in random order. No image shows its planted entity."""


class Planted(NamedTuple):
    """A pair as the store has it, and the same image with another entity."""

    shown: Pair
    mismatch: Pair


def draw(store: Store, *, seed: int, split: str = "", draws: int = 1, limit: int | None = None) -> list[Planted]:
    """Draw planted mismatches from the images of a store.

    Each image is in a right and in a wrong pair, so that nothing about the image alone tells them apart. Equal seeds
    give equal draws. An entity that is the only one of its type is left out.

    Args:
        store: a store with images and splits.
        seed: seed of the draws.
        split: split of the images; empty for all.
        draws: wrong entities for each image.
        limit: number of mismatches at most; None for all.
    """
    read_pairs(store)
    parameters = {"seed": str(seed), "split": split, "draws": draws, "limit": 2**62 if limit is None else limit}
    return [
        Planted(Pair(image, shown, path), Pair(image, planted, path))
        for image, path, shown, planted in store.rows(DRAW, parameters)
    ]
