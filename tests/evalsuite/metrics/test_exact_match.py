"""Exact match after normalization, in several scripts."""

import pytest

from evalsuite.metrics.exact_match import exact_match, normalized


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("Japan", "japan."),
        ("  The  Hague ", "the hague"),
        ("ＪＡＰＡＮ", "Japan"),
        ("Côte d’Ivoire", "Co\u0302te d’Ivoire"),
        ("Straße", "STRASSE"),
        ("日本。", "日本"),
        ("भारत।", "भारत"),
        ("مصر؟", "مصر"),
        ("Guinea-Bissau", "Guinea Bissau"),
    ],
)
def test_equal_answers_match(answer, right):
    assert exact_match(answer, [right])


@pytest.mark.parametrize(
    ("answer", "right"), [("Niger", "Nigeria"), ("", "Japan"), ("Japan Japan", "Japan"), ("कि", "की"), ("Peru", "Perú")]
)
def test_different_answers_do_not_match(answer, right):
    assert not exact_match(answer, [right])


def test_any_right_answer_matches():
    assert exact_match("Holland", ["Netherlands", "Holland"])
    assert not exact_match("Holland", [])


def test_normalization_is_idempotent():
    for text in ("A\u00a0B", "ﬁne—dust", "İstanbul", "ΣΊΣΥΦΟΣ"):
        assert normalized(normalized(text)) == normalized(text)
