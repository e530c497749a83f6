import pytest

from evalsuite.metrics.exact_match import exact_match, normalized


@pytest.mark.parametrize(
    ("said", "right"),
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
def test_the_same_answer(said, right):
    assert exact_match(said, [right])


@pytest.mark.parametrize(
    ("said", "right"), [("Niger", "Nigeria"), ("", "Japan"), ("Japan Japan", "Japan"), ("कि", "की"), ("Peru", "Perú")]
)
def test_another_answer(said, right):
    assert not exact_match(said, [right])


def test_any_right_answer_will_do():
    assert exact_match("Holland", ["Netherlands", "Holland"])
    assert not exact_match("Holland", [])


def test_normalizing_twice_changes_nothing():
    for text in ("A\u00a0B", "ﬁne—dust", "İstanbul", "ΣΊΣΥΦΟΣ"):
        assert normalized(normalized(text)) == normalized(text)
