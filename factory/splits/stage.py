"""The stage `split`: train, dev, test and unseen images."""

from factory.scope import Scope
from factory.splits.config import SplitConfig
from factory.store.store import Store

# The split of an image depends only on the seed and its content: an image of two entities has one split, and has the
# same one in every build.
ASSIGN = """
INSERT INTO split
WITH subject AS (
    SELECT DISTINCT CASE WHEN image = '' THEN entity ELSE image END AS image FROM question
),
hashed AS (
    SELECT s.image, (md5_number(concat_ws('|', $seed, s.image)) % 1000000)::DOUBLE / 1000000 AS share,
           list_has_any(coalesce(i.categories, []), $unseen_categories::VARCHAR[]) AS unseen
    FROM subject s LEFT JOIN image i USING (image)
)
SELECT image, CASE WHEN unseen THEN 'unseen'
                   WHEN share < $test THEN 'test'
                   WHEN share < $test + $dev THEN 'dev'
                   ELSE 'train' END
FROM hashed
"""

STAGE = "split"
HELD_OUT_LANGUAGE = "held-out language on a training image"
"""Reason of a rejection: train must not have the question, and its image is in no other split."""
HELD_OUT_QUESTIONS = """
SELECT q.language AS item, count(*) AS items
FROM question q JOIN split s ON s.image = CASE WHEN q.image = '' THEN q.entity ELSE q.image END
WHERE s.split = 'train' AND list_contains($held_out_languages::VARCHAR[], q.language)
GROUP BY q.language
"""


def run(store: Store, config: SplitConfig, scope: Scope) -> tuple[int, int]:
    """Assign every image to a split. Return the numbers of all questions and of those that can be exported."""
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
