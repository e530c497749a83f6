"""The robust reading of yes and no, in many languages."""

import pytest

from evalsuite.metrics.answer_words import words
from evalsuite.metrics.yes_no import yes_or_no


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("Yes", "yes"),
        ("ＹＥＳ", "yes"),
        ("no, it is true", "no"),
        ("not true", "no"),
        ("The statement is false.", "no"),
        ("Ndiyo", "yes"),
        ("si kweli", "no"),
        ("对", "yes"),
        ("不对", "no"),
        ("不正确", "no"),
        ("是的，图中有狗", "yes"),
        ("ใช่", "yes"),
        ("ไม่ใช่", "no"),
        ("evet", "yes"),
        ("hayır", "no"),
        ("doğru değil", "no"),
        ("ஆம்", "yes"),
        ("இல்லை", "no"),
        ("tidak benar", "no"),
        ("No, but I do not know why", "no"),
    ],
)
def test_answer_says_yes_or_no(answer, value):
    assert yes_or_no(answer) == value


@pytest.mark.parametrize(
    "answer",
    [
        *("", "eyes", "I know another", "yes or no", "true and false", "图中是一只狗", "写真"),
        *("I have no idea whether this is true", "Ich weiß nicht, ob das richtig ist", "No sé"),
    ],
)
def test_answer_that_says_neither_is_none(answer):
    assert yes_or_no(answer) is None


def test_answer_that_is_not_known_says_neither_in_all_languages():
    for phrase in words("unsure"):
        assert yes_or_no(phrase) is None, phrase
