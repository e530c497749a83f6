"""Clusters of answers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.statistics.clusters import numbered, sums_by, united


def test_answers_that_share_a_name_are_united_also_by_way_of_others():
    assert united([["a"], ["b"], ["a", "b"], ["c"], ["c", "c"]]).tolist() == [0, 0, 0, 1, 1]


def test_answers_without_names_are_clusters_of_their_own():
    assert united([[], ["a"], [], ["a"]]).tolist() == [0, 1, 2, 1]
    assert united([]).tolist() == []


@given(st.lists(st.lists(st.integers(0, 8), max_size=3), max_size=20))
def test_clusters_are_the_finest_partition_that_keeps_names_together(names):
    clusters = united(names).tolist()
    # Merge sets of names until none overlap, as an independent computation.
    parts = []
    for row, own in enumerate(names):
        rows, known = {row}, set(own)
        for part in [part for part in parts if part[1] & known]:
            parts.remove(part)
            rows, known = rows | part[0], known | part[1]
        parts.append((rows, known))
    assert {frozenset(np.flatnonzero(np.array(clusters) == number)) for number in clusters} == {
        frozenset(rows) for rows, _ in parts
    }


def test_numbers_follow_the_first_occurrence():
    assert numbered(["x", None, "x", "b"]).tolist() == [0, 1, 0, 2]
    assert sums_by(numbered(["x", "y", "x"]), np.array([1.0, 2.0, 4.0])).tolist() == pytest.approx([5.0, 2.0])
