"""The text-only guesser as a control: what it learns from, and what it cannot tell."""

import random

from evalsuite.harness.export.guessing import guesses
from pangea_cultural.dataset.question import Question

NAMES = [
    f"{first}{second}" for first in ("Ba", "Do", "Ke", "Li", "Mu", "Na") for second in ("ran", "sol", "tir", "vek")
]


def questions(count, *, told, start=0):
    """Return choice questions; if `told`, right answers are longer than the other options."""
    draw = random.Random(start)
    rows = []
    for number in range(start, start + count):
        answer, *others = draw.sample(NAMES, 4)
        choices = [answer + " of the North" if told else answer, *others]
        draw.shuffle(choices)
        answer = next(option for option in choices if option.startswith(answer))
        about = {"question_type": "choice", "language": "en", "region": "japan", "entity": f"Q{number}", "image": "a"}
        texts = {"question": "Who made this?", "answer": answer, "answers": (answer,), "choices": tuple(choices)}
        rows.append(Question(id=str(number), property="P170", **about, **texts))
    return rows


def share_right(*, told):
    asked = questions(200, told=told, start=1000)
    found = guesses(questions(400, told=told), asked, seed=0)
    return sum(found[row.id] == row.answer for row in asked) / len(asked)


def test_guesser_finds_answers_that_their_text_tells_and_no_others():
    assert share_right(told=True) > 0.95
    assert 0.1 < share_right(told=False) < 0.4


def test_guesser_chooses_among_the_options_of_choice_questions_only():
    known, (asked, *_) = questions(40, told=False), questions(2, told=False, start=50)
    about = {"question_type": "open", "language": "en", "region": "japan", "entity": "Q1", "image": "a"}
    texts = {"question": "Who made this?", "answer": "Baran", "answers": ("Baran",)}
    unasked = Question(id="open", property="P170", **about, **texts)
    assert guesses([*known, unasked], [asked, unasked], seed=0).keys() == {asked.id}
    assert guesses([unasked], [asked, unasked], seed=0) == {}
    assert guesses(known, [asked], seed=0)[asked.id] in asked.choices
