"""The robust reading of answers to yes-no questions, in 39 languages and without guessing."""

import functools
from typing import NamedTuple

from evalsuite.metrics.answer_words import fold, words
from evalsuite.metrics.whole_words import ends_with_words, needs_boundary, whole_words


class _Found(NamedTuple):
    start: int
    end: int
    value: str


def yes_or_no(answer: str) -> str | None:
    """Return `yes` or `no`; None if the answer has neither, or both in an order that says nothing.

    A word that opens the answer decides. Else all words of the answer have to agree. "Not true" is no. An answer such
    as "I have no idea whether this is true" says neither.
    """
    whole = fold(answer).strip()
    text = _without_unsure(whole)
    found = sorted(_found(text))
    if not found:
        return None
    values = {word.value for word in found}
    if len(values) == 1 and text == whole:
        return values.pop()
    # "Yes or no" repeats the instruction.
    if len(values) > 1 and len(text.split()) <= 3:
        return None
    # "No, it is true that" opens with its answer. Quotes and brackets may stand before it.
    return found[0].value if not any(character.isalnum() for character in text[: found[0].start]) else None


def _without_unsure(text: str) -> str:
    """Return a text with a mark in place of words that say that the answer is not known."""
    for phrase in words("unsure"):
        for start in reversed(whole_words(text, phrase)):
            text = f"{text[:start]}x{text[start + len(phrase) :]}"
    return text


def _found(text: str) -> list[_Found]:
    """Return the words for yes and no, without words inside of longer ones: "not true" is one word for no."""
    found: list[_Found] = []
    for word, value in _vocabulary():
        for start in whole_words(text, word):
            end = start + len(word)
            if len(word) == 1 and not needs_boundary(word) and _between_letters(text, start):
                continue
            if not any(other.start < end and start < other.end for other in found):
                found.append(_Found(start, end, value))
    negations = words("not")
    return [
        word._replace(value="no") if word.value == "yes" and _ends_with(text[: word.start], negations) else word
        for word in found
    ]


def _between_letters(text: str, position: int) -> bool:
    """Return whether a character has a letter beside it. A single Chinese character is then part of another word."""
    return text[max(0, position - 1) : position].isalpha() or text[position + 1 : position + 2].isalpha()


@functools.cache
def _vocabulary() -> list[tuple[str, str]]:
    """Return the words with their values, the longest first.

    A word that means yes in one language and no in another does not count.
    """
    yes, no = set(words("yes")), set(words("no"))
    both = [(word, "yes") for word in yes - no] + [(word, "no") for word in no - yes]
    return sorted(both, key=lambda entry: (-len(entry[0]), entry[0]))


def _ends_with(text: str, negations: tuple[str, ...]) -> bool:
    before = text.rstrip()
    return any(ends_with_words(before, word) for word in negations)
