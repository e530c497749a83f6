"""A check of accepted rewritings that shares no code with the guards."""

import unicodedata

from pangea_cultural.dataset.check import check
from pangea_cultural.dataset.export import SPLITS, Export

LETTERS = ("L", "M", "N")
MARKUP = frozenset("<>{}\n*#`|\\")
QUESTION_MARKS = "?？؟;"


def plain(text):
    """Letters, marks and numbers in lower case, between spaces. Digits of all scripts are those of ASCII."""
    text = "".join(
        str(unicodedata.digit(c)) if c.isdigit() else c if unicodedata.category(c)[0] in LETTERS else " "
        for c in unicodedata.normalize("NFKC", text).lower()
    )
    return f" {' '.join(text.split())} "


def has(text, name):
    """Return whether a text has a name as whole words; in scripts without capitals, also as a part of a word."""
    cased = any(c.lower() != c.upper() for c in name)
    return plain(name) in plain(text) if cased else plain(name).strip() in plain(text)


def numbers(text):
    """Numbers of a text."""
    return {word for word in plain(text).split() if word.isdigit()}


def faults(row, labels=()):
    """Return what is wrong with a rewritten question and its sentence.

    Args:
        row: a question of an export, with the texts of its template.
        labels: names of the entity in the language.
    """
    asked, said = row.template_question, row.template_sentence
    known = numbers(f"{asked} {said} {row.answer}")
    return [
        *(["lost fact"] if not has(row.sentence, row.answer) else []),
        *(["leak"] if any(has(row.question, name) and not has(asked, name) for name in row.answers) else []),
        *(["entity"] if any(has(row.question, name) and not has(asked, name) for name in labels) else []),
        *(["added number"] if numbers(row.question) - numbers(asked) or numbers(row.sentence) - known else []),
        *(["no question"] if asked[-1] in QUESTION_MARKS and row.question[-1] not in QUESTION_MARKS else []),
        *(["markup"] if MARKUP & set(row.question + row.sentence) - set(asked + said) else []),
        *(["same texts"] if (row.question, row.sentence) == (asked, said) else []),
    ]


def accepted(folder):
    """Return the rewritten open questions of an export, which passes its check."""
    export = Export.open(folder)
    assert check(export) == []
    return [
        row for split in SPLITS for row in export.questions(split) if row.rewritten_by and row.question_type == "open"
    ]
