"""Rows that several processes divide between them."""

import pytest

from tests.helpers.runs.forked import Run

CHECK = "import sys; from tests.pangea_cultural.model.attention.divided import check; check(sys.argv[1])"


@pytest.mark.parametrize(("attention", "processes"), [("recomputed", 3), ("flex_attention", 2)])
def test_divided_row_has_the_loss_and_gradients_of_a_whole_one(attention, processes, tmp_path):
    """The shares have different lengths, and images in two of them."""
    ended = Run([attention], tmp_path, processes=processes, script=CHECK).finish()
    assert ended.returncode == 0, ended.stderr[-3000:]
