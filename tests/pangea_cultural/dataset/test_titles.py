"""File titles, as Commons writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pangea_cultural.dataset.titles import is_valid, normalized


@given(st.text(st.characters(exclude_characters=":")))
def test_normalized_is_idempotent(title):
    once = normalized(title)
    assert normalized(once) == once


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("File:himeji_castle  1.jpg", "Himeji castle 1.jpg"),
        ("Cafe\u0301.jpg", "Café.jpg"),
        ("image: a.jpg\u200e", "A.jpg"),
        ("ßharp.jpg", "ßharp.jpg"),
        ("i\u0307.jpg", "\u0130.jpg"),
        ("a\u200e\u0301.jpg", "\u00c1.jpg"),
    ],
)
def test_normalized_writes_titles_as_commons(title, expected):
    assert normalized(title) == expected


def test_is_valid_rejects_titles_that_break_a_batch():
    assert not any(map(is_valid, ["", "a|b.jpg", "a#b.jpg", "a\nb.jpg", "ø" * 121]))
    assert is_valid("Hồ Gươm, 1884 (Hà Nội).jpg")
