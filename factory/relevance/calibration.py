"""Precision and recall of a model by threshold, from labeled pairs or planted mismatches."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from factory.relevance.config import ModelConfig
from factory.relevance.labels import Labeled
from factory.relevance.results import read_results
from factory.store.store import Store
from pangea_cultural.errors import UserError
from pangea_cultural.utils.intervals import Totals, interval

THRESHOLDS = tuple(round(0.01 * step, 2) for step in range(1, 100))


class Scored(NamedTuple):
    """A labeled pair with the probability that a model gives it."""

    probability: float
    """0 if the answer is neither yes nor no: the export leaves such an image out."""
    shows: bool
    entity: str


def scores(store: Store, model: ModelConfig, labeled: Sequence[Labeled]) -> list[Scored]:
    """Return the probabilities of labeled pairs. Pairs without an answer, whose requests failed, are left out."""
    read_results(store, model)
    found = {
        (image, entity): probability or 0.0
        for image, entity, probability in store.rows(
            "SELECT image, entity, probability FROM relevance_result WHERE is_answered"
        )
    }
    keys = [((row.pair.image, row.pair.entity), row.shows) for row in labeled]
    return [Scored(found[key], shows, key[1]) for key, shows in keys if key in found]


def figures(scored: Sequence[Scored]) -> dict[str, Any]:
    """Return precision and recall at every threshold, with 95 % intervals, and the area under the ROC curve.

    A pair is kept if its probability is at least the threshold, as in the export. Precision is the share of right pairs
    among the kept ones, recall the share of kept ones among the right pairs. The pairs of an entity are not
    independent: intervals count entities, as in the audit.

    Raises:
        UserError: all pairs have the same label.
    """
    from sklearn.metrics import roc_auc_score

    probability = np.array([row.probability for row in scored])
    shows = np.array([row.shows for row in scored], dtype=bool)
    if len(set(shows.tolist())) < 2:
        raise UserError("All pairs have the same label. Add pairs with the other one.")
    _, entity = np.unique([row.entity for row in scored], return_inverse=True)
    points = []
    for threshold in THRESHOLDS:
        kept = probability >= threshold
        point: dict[str, Any] = {"threshold": threshold, "kept": int(kept.sum())}
        precision = _totals(shows[kept], entity[kept])
        recall = _totals(kept[shows], entity[shows])
        for name, totals in (("precision", precision), ("recall", recall)):
            point[name] = totals.share if totals.questions else None
            point[f"{name}_interval"] = list(interval(totals))
        both = (point["precision"] or 0) + point["recall"]
        point["f1"] = 2 * (point["precision"] or 0) * point["recall"] / both if both else 0.0
        points.append(point)
    return {
        "pairs": len(scored),
        "right_pairs": int(shows.sum()),
        "entities": int(entity.max()) + 1,
        "auc": float(roc_auc_score(shows, probability)),
        "thresholds": points,
    }


def _totals(hits: np.ndarray, entity: np.ndarray) -> Totals:
    """Return the sums over entities of a share.

    Args:
        hits: [pairs], whether each pair counts.
        entity: [pairs], number of each pair's entity.
    """
    pairs = np.bincount(entity)
    right = np.bincount(entity, weights=hits)[pairs > 0]
    pairs = pairs[pairs > 0]
    return Totals(
        clusters=len(pairs),
        questions=int(pairs.sum()),
        score=float(right.sum()),
        score_squared=float((right**2).sum()),
        score_by_questions=float((right * pairs).sum()),
        questions_squared=float((pairs.astype(float) ** 2).sum()),
    )
