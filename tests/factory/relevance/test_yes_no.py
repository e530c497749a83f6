"""The probability of yes: spellings of both words, other answers, texts."""

import math

import pytest

from factory.relevance.prompts import prompt, subject
from factory.relevance.yes_no import from_text, from_tokens
from pangea_cultural.endpoint.completion import Answer


def reply(text="", **tokens):
    return Answer(text, "", 1, 1, tuple((token, math.log(share)) for token, share in tokens.items()))


def test_spellings_of_a_word_are_summed():
    tokens = {
        "Yes": 0.3,
        " yes": 0.1,
        "YES.": 0.1,
        "\u0120Yes": 0.05,
        "\u2581yes": 0.05,
        "no": 0.2,
        '"No': 0.1,
        "maybe": 0.1,
    }
    judgment = from_tokens(reply(**tokens))
    assert judgment.probability == pytest.approx(0.6 / 0.9)
    assert judgment.mass == pytest.approx(0.9)


def test_the_beginning_of_a_word_counts():
    assert from_tokens(reply(Y=0.6, N=0.2, **{"": 0.1, " ": 0.1})).probability == pytest.approx(0.75)


def test_words_that_only_begin_alike_do_not_count():
    judgment = from_tokens(reply(Yesterday=0.5, Nothing=0.4, Yes=0.1))
    assert judgment.probability is None and judgment.mass == pytest.approx(0.1)


def test_an_answer_of_another_kind_has_no_probability():
    assert from_tokens(reply("The image", The=0.9, Yes=0.05, No=0.05)).probability is None
    assert from_tokens(reply("The image", The=0.9, Yes=0.05)).answer == "The image"


def test_log_probabilities_without_a_value_are_skipped():
    tokens = (("Yes", math.nan), ("yes", -0.1), ("No", -math.inf))
    assert from_tokens(Answer("Yes", "", 1, 1, tokens)).probability == 1.0


@pytest.mark.parametrize(
    ("text", "probability"),
    [
        ("Yes", 1),
        (" yes, it does", 1),
        ("**No**", 0),
        ("No.", 0),
        ("Not sure", None),
        ("", None),
        ("I think yes", None),
    ],
)
def test_a_text_gives_one_or_zero(text, probability):
    assert from_text(reply(text)).probability == probability


def test_the_subject_names_type_and_region_where_they_are_known():
    assert subject("Wat Arun", "building", "Thailand") == "Wat Arun (building, Thailand)"
    assert subject("Mona Lisa", "visual_work", "") == "Mona Lisa (visual work)"
    assert subject("Zmaj", "any", "") == "Zmaj"


def test_braces_of_a_label_stay():
    assert prompt("Is it {entity}?", "{name} {entity}") == "Is it {name} {entity}?"
