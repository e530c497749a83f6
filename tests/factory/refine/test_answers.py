import pytest

from factory.refine import answers
from factory.refine.answers import Rewriting, parse

GOOD = '{"question": " Who built it? ", "sentence": "It was built by A."}'


@pytest.mark.parametrize("text", [GOOD, f"```json\n{GOOD}\n```", f"<think>Hm {{}}</think>\n{GOOD}"])
def test_texts_are_read(text):
    assert parse(text, is_truncated=False) == Rewriting("Who built it?", "It was built by A.")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", answers.EMPTY),
        ("Here it is: " + GOOD, answers.NOT_JSON),
        (GOOD[:-1], answers.NOT_JSON),
        ("[1]", answers.NO_TEXTS),
        ("null", answers.NO_TEXTS),
        ('{"question": "Q?"}', answers.NO_TEXTS),
        ('{"question": "Q?", "sentence": ["A"]}', answers.NO_TEXTS),
        ('{"question": "Q?", "sentence": "A", "note": ""}', answers.NO_TEXTS),
        ('{"question": "  ", "sentence": "A"}', answers.EMPTY),
        ('{"question": "Q?", "sentence": "%s"}' % ("A" * 3000), answers.NO_TEXTS),
        ('{"question": "\\ud800?", "sentence": "A"}', answers.NOT_JSON),
        ("[" * 100_000, answers.NOT_JSON),
    ],
)
def test_a_fault_is_named(text, fault):
    assert parse(text, is_truncated=False) == Rewriting(fault=fault)


def test_a_cut_answer_is_told_from_a_wrong_one():
    assert parse(GOOD[:30], is_truncated=True).fault == answers.TRUNCATED
    assert parse(GOOD, is_truncated=True).fault == "", "the object was complete"
