"""Sentences: answers in a frame, with the list words of the language."""

import pytest

from factory.questions.variants import list_words
from pangea_cultural.reference.languages import training_languages
from tests.factory.questions.question_store import Thing, questions, value


def sentence(folder, count, code):
    names = [value(f"Q{10 + n}", {code: f"Mz{n}"}, "Q5") for n in range(count)]
    things = [*names, Thing("Q1", claims={"P84": [name.id for name in names]})]
    rows = questions(folder, things, properties=("P84",), languages=(code,))
    return next(row["sentence"] for row in rows if row["question_type"] == "open")


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, "Architect: Mz0"),
        (2, "Architects: Mz0 and Mz1"),
        (3, "Architects: Mz0, Mz1, and Mz2"),
        (7, "Architects: Mz0, Mz1, Mz2, Mz3, and Mz4"),
    ],
)
def test_sentence_names_at_most_five_answers(tmp_path, count, expected):
    assert sentence(tmp_path, count, "en") == expected


@pytest.mark.parametrize("code", [*training_languages(), "zh-hant", "not-in-cldr"])
def test_lists_have_separators_in_every_language(code):
    words = list_words(code)
    assert all(text and "{" not in text for text in (words.separator, words.last, words.pair))
