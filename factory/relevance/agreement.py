"""Agreement of the two models of a recipe."""

from typing import Any

from factory.store.store import Store
from pangea_cultural.errors import UserError

COUNTS = """
SELECT probability >= $threshold AS first, second >= $second_threshold AS second, count(*) FROM relevance
WHERE relevance.second IS NOT NULL GROUP BY ALL
"""
DISAGREE = """
SELECT i.file, r.entity, r.probability, r.second FROM relevance r JOIN image i USING (image)
WHERE r.second IS NOT NULL ORDER BY abs(r.probability - r.second) DESC, i.file, r.entity LIMIT $limit
"""


def agreement(store: Store, *, threshold: float, second_threshold: float, examples: int) -> dict[str, Any]:
    """Return how often the models agree on the pairs that both have answered.

    Args:
        store: a store whose recipe has two models.
        threshold: least probability at which the first model keeps a pair.
        second_threshold: that of the second model.
        examples: pairs to list, those with the largest differences.

    Raises:
        UserError: no pair has answers of two models.
    """
    from sklearn.metrics import cohen_kappa_score

    parameters = {"threshold": threshold, "second_threshold": second_threshold}
    counts = {(first, second): n for first, second, n in store.rows(COUNTS, parameters)}
    total = sum(counts.values())
    if not total:
        raise UserError("No pair has answers of two models. Add [relevance.second] to the recipe and build it.")
    agreed = counts.get((True, True), 0) + counts.get((False, False), 0)
    first, second = zip(*counts, strict=True)
    # Kappa compares with chance. If all answers are equal, chance would agree as often.
    is_defined = len({*first, *second}) > 1
    kappa = cohen_kappa_score(first, second, sample_weight=list(counts.values())) if is_defined else None
    rows = store.rows(DISAGREE, {"limit": examples})
    return {
        "pairs": total,
        "both_keep": counts.get((True, True), 0),
        "only_first_keeps": counts.get((True, False), 0),
        "only_second_keeps": counts.get((False, True), 0),
        "neither_keeps": counts.get((False, False), 0),
        "agreement": agreed / total,
        "kappa": None if kappa is None else float(kappa),
        "largest_differences": [dict(zip(("file", "entity", "first", "second"), row, strict=True)) for row in rows],
    }
