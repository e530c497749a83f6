"""Answers without reasoning."""

import pytest

from evalsuite.metrics.reasoning import without_reasoning


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Japan", "Japan"),
        (" Japan ", " Japan "),
        ("<think>let me see</think>Japan", "Japan"),
        ("<think>\nA or B?\n</think>\n\nB", "B"),
        ("A or B?</think> B", "B"),
        ("<thinking>a</thinking><think>b</think>C", "C"),
        ("<think>never ends", ""),
        ("Japan <b>", "Japan <b>"),
    ],
)
def test_reasoning_is_removed(text, expected):
    assert without_reasoning(text) == expected
