"""The stage `split`: which images training never sees."""

from factory.scope import Scope
from factory.splits.config import SplitConfig
from factory.store.store import Store

# An image's split is drawn by its content alone: an image that shows two entities, or is found again in another
# build, is always in the same split.
ASSIGN = """
INSERT INTO split
WITH place AS (
    SELECT DISTINCT CASE WHEN image = '' THEN entity ELSE image END AS image FROM question
),
drawn AS (
    SELECT p.image, (md5_number(concat_ws('|', $seed, p.image)) % 1000000)::DOUBLE / 1000000 AS draw,
           list_has_any(coalesce(i.categories, []), $unseen_categories::VARCHAR[]) AS unseen
    FROM place p LEFT JOIN image i USING (image)
)
SELECT image, CASE WHEN unseen THEN 'unseen'
                   WHEN draw < $test THEN 'test'
                   WHEN draw < $test + $dev THEN 'dev'
                   ELSE 'train' END
FROM drawn
"""

STAGE = "split"
HELD_OUT_LANGUAGE = "held-out language on a training image"
"""Reason of a rejection: the question is made, and no split may have it."""
HELD_OUT_QUESTIONS = """
SELECT q.language AS item, count(*) AS items
FROM question q JOIN split s ON s.image = CASE WHEN q.image = '' THEN q.entity ELSE q.image END
WHERE s.split = 'train' AND list_contains($held_out_languages::VARCHAR[], q.language)
GROUP BY q.language
"""


def run(store: Store, config: SplitConfig, scope: Scope) -> tuple[int, int]:
    """Assign every image to a split. Returns how many questions went in and how many can be exported."""
    store.execute(
        ASSIGN,
        {
            "seed": str(scope.seed),
            "unseen_categories": list(config.unseen_categories),
            "test": config.test,
            "dev": config.dev,
        },
    )
    held_out = {"held_out_languages": list(scope.held_out_languages)}
    store.reject_selected(STAGE, HELD_OUT_LANGUAGE, HELD_OUT_QUESTIONS, held_out)
    questions = store.value("SELECT count(*) FROM question")
    dropped = store.value("SELECT coalesce(sum(items), 0)::BIGINT FROM rejection WHERE stage = ?", [STAGE])
    return questions, questions - dropped
