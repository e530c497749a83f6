"""Rotations of the options of a question: the right one stands at each position once.

A row is left out if a text of it depends on the order of its options: it names a letter, or is about other options.
"""

import functools
import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TypeVar

from evalsuite.benchmarks.base import Row
from evalsuite.metrics.choice import named_letters

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Letters of options, in all benchmarks that have no others."""
SHIFT = "shift"
"""Column with the number of places that options are moved by, where the row itself has them in no order."""
IMAGES = "options are images"
_IMAGE = re.compile(r"<image|\(image\)\[|\.(?:png|jpe?g|webp)$", re.IGNORECASE)
_DEGREES = re.compile(r"°\s*[CF]\b")
_ARTICLE = re.compile(r"(?:^|(?<=[.!?:\n]\s))A (?=[A-Z]\w)")

Entry = TypeVar("Entry")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """The options of a benchmark's rows."""

    options: Callable[[Row], Sequence[str]]
    """Texts of the options in the order of the prompt, without labels; none if the row cannot be rotated."""
    right: Callable[[Row], int | None]
    """Place of the right option, None if it is not known."""
    turn: Callable[[Row, int], Row]
    """The row with its options moved by some places, and with its right answer at the new place."""
    question: Callable[[Row], str]
    """Text of the question."""
    labels: Callable[[Row], Sequence[str]] = lambda row: LETTERS
    """Labels of the options, as scores have them."""

    def left_out(self, row: Row) -> str | None:
        """Return why a row is not rotated, None for a row that is."""
        return left_out(self.options(row), self.right(row), self.question(row), "".join(self.labels(row)))

    def right_texts(self, row: Row) -> list[str]:
        """Return label and text of the right option; nothing if it is not known."""
        options, place = self.options(row), self.right(row)
        if place is None or not 0 <= place < len(options):
            return []
        return [self.labels(row)[place], options[place]]

    def place(self, row: Row, label: str | None) -> int | None:
        """Return the place of the option that an answer chooses by its label."""
        labels = list(self.labels(row))[: len(self.options(row))]
        return labels.index(label) if label in labels else None


def moved(options: Sequence[Entry], shift: int) -> list[Entry]:
    """Return options moved by some places; the last ones become the first."""
    cut = len(options) - shift % len(options) if options else 0
    return [*options[cut:], *options[:cut]]


def moved_place(place: int, shift: int, count: int) -> int:
    """Return the place of one of some options after they are moved."""
    return (place + shift) % count


def labeled(options: Sequence[str]) -> list[str]:
    """Return options with the labels `A.`, `B.` and so on."""
    return [f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=False)]


def left_out(options: Sequence[str], right: int | None, question: str, labels: str) -> str | None:
    """Return why the options of a question are not rotated, None if they are.

    Args:
        options: their texts.
        right: place of the right one, None if it is not known.
        question: text of the question.
        labels: labels of the options, one character each.
    """
    if len(options) < 2:
        return "no options to rotate"
    if are_images(options):
        return IMAGES
    if right is None or not 0 <= right < len(options):
        return "the right option is not known"
    letters = labels[: len(options)]
    if letters.isalpha() and any(_names_letter(text, letters) for text in (question, *options)):
        return "a text names a letter"
    return "an option is about the others" if any(map(_is_about_others, options)) else None


def are_images(options: Sequence[str]) -> bool:
    """Return whether an option is an image."""
    return any(map(_IMAGE.search, options))


def _names_letter(text: str, letters: str) -> bool:
    """Return whether a text names an option. "20 °C" and "A Swiss cheese" do not."""
    return bool(named_letters(_ARTICLE.sub("", _DEGREES.sub("", text)), letters))


def _is_about_others(option: str) -> bool:
    folded = option.casefold()
    return any(phrase in folded for phrase in _phrases())


@functools.cache
def _phrases() -> tuple[str, ...]:
    """Return parts of options that are about other options, such as "of the above"."""
    table = tomllib.loads((resources.files("evalsuite.benchmarks") / "about_others.toml").read_text("utf-8"))
    return tuple(phrase.casefold() for phrases in table.values() for phrase in phrases)
