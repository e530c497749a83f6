"""Language fidelity of answers."""

import pytest

from evalsuite.metrics.fidelity import fidelity, language_of


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Auf dem Bild sind zwei kleine Boote in einem Hafen zu sehen.", "de"),
        ("Kuna mashua mbili ndogo kwenye bandari ya zamani.", "sw"),
        ("写真には港にある二隻の小さな船が写っています。", "ja"),
        ("Det er to små båter i havnen, og bak dem står det gamle hus.", "no"),
        ("هناك قاربان صغيران في الميناء القديم.", "ar"),
        ("Zwei\nBoote liegen\nim Hafen, dahinter stehen alte Häuser.", "de"),
    ],
)
def test_answer_is_in_the_language_it_was_asked_in(text, code):
    assert fidelity(text, code) == 1
    assert fidelity(text, "en") == 0


@pytest.mark.parametrize("text", ["", " ", "1234", "!?", "\n\n", "🚢"])
def test_text_without_letters_is_in_no_language(text):
    assert language_of(text) is None and fidelity(text, "de") == 0


def test_long_answer_is_read_in_part():
    assert language_of("Das ist ein langer Satz über den Hafen. " * 10_000) == "de"
