"""The stage `split`: train, dev, test and unseen images.

It comes before the questions: wrong options are answers of other images of the same split. An option that is an answer
in train would otherwise be known to be wrong in test.
"""

from factory.splits import held_out, signatures
from factory.splits.config import SplitConfig
from factory.store.store import Store
from pangea_cultural.errors import UserError

# The split of an image depends only on the seed and its content, or on the first one of those that look the same: an
# image of two entities has one split, and has the same one in every build.
ASSIGN = """
INSERT INTO split
WITH keyed AS (
    SELECT i.image, coalesce(a.first, i.image) AS key,
           list_has_any(i.categories, $unseen_categories::VARCHAR[])
               OR i.image IN (SELECT image FROM entity_image SEMI JOIN held_out_entity USING (entity)) AS unseen
    FROM image i LEFT JOIN alike a USING (image)
),
unseen_key AS (SELECT DISTINCT key FROM keyed WHERE unseen),
hashed AS (
    SELECT image, md5_number_lower(concat_ws('|', $seed, key)) % 1000000 / 1000000 AS share, u.key IS NOT NULL AS unseen
    FROM keyed k LEFT JOIN unseen_key u USING (key)
)
SELECT image, CASE WHEN unseen THEN 'unseen'
                   WHEN share < $test THEN 'test'
                   WHEN share < $test + $dev THEN 'dev'
                   ELSE 'train' END
FROM hashed
"""


def run(store: Store, config: SplitConfig, seed: int) -> tuple[int, int]:
    """Assign every image to a split. Return the number of images, twice: none is dropped.

    `signatures.update` has computed the images' signatures; an image without one looks like no other.

    Raises:
        UserError: no image is left for train.
    """
    with store.transaction():
        store.execute("DELETE FROM split")
        store.execute("CREATE OR REPLACE TEMP TABLE alike (image VARCHAR, first VARCHAR)")
        if config.near_duplicates:
            store.append("alike", signatures.groups(store))
        held_out.mark(store, config, seed)
        store.execute(
            ASSIGN,
            {
                "seed": str(seed),
                "unseen_categories": list(config.unseen_categories),
                "test": config.test,
                "dev": config.dev,
            },
        )
        store.execute("DROP TABLE alike")
    images = store.value("SELECT count(*) FROM split")
    if images and config.holds_out and not store.value("SELECT count(*) FROM split WHERE split = 'train'"):
        raise UserError(
            "No image is left for train: all entities are held out, or connected with held-out ones. "
            "Hold out less in [split]."
        )
    return images, images
