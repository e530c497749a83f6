"""Intervals of shares: they cover the true share, although the questions about an entity are correlated."""

import numpy as np
import pytest

from pangea_cultural.utils.intervals import Totals, effective, interval


def totals(scores, questions):
    scores, questions = np.asarray(scores, float), np.asarray(questions, float)
    return Totals(
        clusters=len(scores),
        questions=int(questions.sum()),
        score=scores.sum(),
        score_squared=(scores**2).sum(),
        score_by_questions=(scores * questions).sum(),
        questions_squared=(questions**2).sum(),
    )


@pytest.mark.parametrize("correlation", [0.02, 0.5, 0.98])
@pytest.mark.parametrize(("share", "clusters"), [(0.25, 12), (0.25, 60), (0.6, 30), (0.1, 90)])
def test_interval_covers_the_true_share(share, clusters, correlation):
    draw = np.random.default_rng(0)
    precision = 1 / correlation - 1
    covered = 0
    for _ in range(400):
        questions = draw.integers(5, 40, clusters)
        scores = draw.binomial(questions, draw.beta(share * precision, (1 - share) * precision, clusters))
        low, high = interval(totals(scores, questions))
        covered += low <= share <= high
    assert covered / 400 > 0.91


def test_questions_of_one_entity_count_once():
    assert effective(totals([20, 0] * 10, [20] * 20)) == pytest.approx(20, rel=0.1)
    assert effective(totals([10] * 20, [20] * 20)) == 400, "no variance between entities"


@pytest.mark.parametrize("right", [0, 1])
def test_share_of_all_or_none_counts_the_entities(right):
    low, high = interval(totals([right * 100] * 10, [100] * 10))
    assert high - low == pytest.approx(0.34, abs=0.01)


def test_groups_without_entities_or_with_one_have_the_widest_interval():
    assert interval(totals([], [])) == (0, 1)
    low, high = interval(totals([50], [100]))
    assert low < 0.1 and high > 0.9
