"""Features of the options of choice questions: words, letters, and how an option differs from the other ones.

Options are one row each, in the order of the questions. All questions of a call have the same number of options.
"""

import functools
import unicodedata
import zlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import regex
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer

WIDTH = 2**18
"""Number of columns for words, and again for letters. Features that share a column are rare."""
PROPERTIES = 512
"""Number of blocks of columns for properties."""
Floats = npt.NDArray[np.float32]


class Asked(NamedTuple):
    """Choice questions with equal numbers of options."""

    contexts: Sequence[str]
    """Property, language and entity type of each question, which a reader sees in its wording."""
    properties: Sequence[str]
    questions: Sequence[str]
    choices: Sequence[Sequence[str]]

    @classmethod
    def of(
        cls,
        properties: Sequence[str],
        languages: Sequence[str],
        entity_types: Sequence[str],
        questions: Sequence[str],
        choices: Sequence[Sequence[str]],
    ) -> "Asked":
        """Return questions from their columns."""
        contexts = ["|".join(parts) for parts in zip(properties, languages, entity_types, strict=True)]
        return cls(contexts, properties, questions, choices)


class Form(NamedTuple):
    """Parts of a text that options are compared by."""

    words: frozenset[str]
    grams: frozenset[str]
    """Groups of three letters."""
    shape: int
    """Hash of the text with digits as 0, capitals as A and other words as a."""
    number: float
    """Number of `number_in`, NaN if there is none."""
    small: bool
    """The text starts with a lower-case letter."""
    digits: bool
    marks: bool
    """The text has punctuation or brackets."""
    ascii: bool


def matrix(asked: Asked) -> sparse.csr_matrix:
    """Return the features of all options."""
    count = len(asked.choices[0])
    texts = [text for choices in asked.choices for text in choices]
    contexts = [context for context in asked.contexts for _ in range(count)]
    relative = _relative(asked)
    blocks = [_of_texts(contexts, texts), sparse.csr_matrix(relative), _by_property(asked.properties, relative)]
    return sparse.hstack(blocks, format="csr", dtype=np.float32)


def _of_texts(contexts: list[str], texts: list[str]) -> sparse.csr_matrix:
    """Return words, whole texts and letters. Equal options are hashed once."""
    keys: dict[tuple[str, str], int] = {}
    rows = [keys.setdefault(key, len(keys)) for key in zip(contexts, texts, strict=True)]
    words = HashingVectorizer(analyzer=_words, n_features=WIDTH, norm=None, alternate_sign=False, binary=True)
    letters = HashingVectorizer(
        analyzer="char_wb", ngram_range=(2, 4), n_features=WIDTH, norm="l2", alternate_sign=False
    )
    hashed = [words.transform(keys), letters.transform([text for _, text in keys])]
    return sparse.hstack(hashed, format="csr", dtype=np.float32)[rows]


def _words(key: tuple[str, str]) -> list[str]:
    """Return the features of an option, with and without its context."""
    context, text = key
    words = _form(text).words
    return [f"t|{context}|{text}", f"t|{text}", *(f"w|{context}|{word}" for word in words), *(f"w|{w}" for w in words)]


def _relative(asked: Asked) -> Floats:
    """Return how each option differs from the others of its question: place, length, rank, form and common words."""
    forms = [[_form(text) for text in choices] for choices in asked.choices]
    count = len(asked.choices[0])
    lengths = np.array([[len(text) for text in choices] for choices in asked.choices], np.float32)
    numbers = _values(forms, lambda form: form.number)
    shapes = _values(forms, lambda form: form.shape)
    words = [_form(question).words for question in asked.questions]
    in_question = [
        [len(form.words & word) / (len(form.words) or 1) for form in row]
        for row, word in zip(forms, words, strict=True)
    ]
    columns = [
        *np.broadcast_to(np.eye(count, dtype=np.float32)[:, None, :], (count, *lengths.shape)),
        *_rank_columns(lengths),
        *_rank_columns(numbers),
        (shapes[:, :, None] == shapes[:, None, :]).mean(axis=2),
        *(_values(forms, read) for read in (_small, _digits, _marks, _ascii)),
        np.array(in_question, np.float32),
        np.array([_likeness([form.words for form in row]) for row in forms], np.float32),
        np.array([_likeness([form.grams for form in row]) for row in forms], np.float32),
    ]
    return np.stack(columns, axis=2).reshape(-1, len(columns)).astype(np.float32)


def _values(forms: list[list[Form]], read: Callable[[Form], Any]) -> npt.NDArray[np.float64]:
    return np.array([[read(form) for form in row] for row in forms], np.float64)


def _small(form: Form) -> bool:
    return form.small


def _digits(form: Form) -> bool:
    return form.digits


def _marks(form: Form) -> bool:
    return form.marks


def _ascii(form: Form) -> bool:
    return form.ascii


def _rank_columns(values: npt.NDArray[Any]) -> list[Floats]:
    """Return one column per rank of a value among the options, also for ties. A question with NaN has no ranks."""
    count = values.shape[1]
    lower = (values[:, None, :] < values[:, :, None]).sum(axis=2)
    equal = (values[:, None, :] == values[:, :, None]).sum(axis=2)
    ranks = np.where(np.isnan(values).any(axis=1, keepdims=True), -1, 2 * lower + equal - 1)
    return [(ranks == rank).astype(np.float32) for rank in range(2 * count - 1)]


def _likeness(sets: Sequence[frozenset[str]]) -> list[float]:
    """Return the mean share of each option's parts that the other options have as well."""
    totals = [0.0] * len(sets)
    for i, first in enumerate(sets):
        for j in range(i):
            common = len(first & sets[j])
            if common:
                share = common / (len(first) + len(sets[j]) - common)
                totals[i] += share
                totals[j] += share
    return [total / (len(sets) - 1) for total in totals]


def _by_property(properties: Sequence[str], relative: Floats) -> sparse.csr_matrix:
    """Return the relative features again in columns of their property: for one, the earliest year may be right."""
    count = len(relative) // len(properties)
    block = np.repeat([zlib.crc32(name.encode()) % PROPERTIES for name in properties], count)
    rows, columns = np.nonzero(relative)
    width = relative.shape[1]
    values = (relative[rows, columns], (rows, block[rows] * width + columns))
    return sparse.csr_matrix(values, shape=(len(relative), PROPERTIES * width))


_NUMBER = regex.compile(r"\p{Nd}{3,}(?:[.,]\p{Nd}+)?|\p{Nd}+(?:[.,]\p{Nd}+)?")
_LONG = regex.compile(r"\p{Nd}{3}")
_GROUPED = regex.compile(r"(?<=\p{Nd})[., \u00a0\u202f\u066c\u2019'](?=\p{Nd}{3}(?!\p{Nd}))")
_WORD = regex.compile(r"\w+")
_SHAPES = [(regex.compile(r"\p{Nd}+"), "0"), (regex.compile(r"\p{Lu}+"), "A"), (regex.compile(r"[^\W\p{Nd}A]+"), "a")]


def number_in(text: str) -> float:
    """Return the first number of three digits or more, such as a year, or else the first one; NaN without numbers."""
    found = _NUMBER.findall(_GROUPED.sub("", text))
    if not found:
        return float("nan")
    digits = next((number for number in found if _LONG.match(number)), found[0])[:18]
    return float("".join(str(unicodedata.digit(c, ".")) for c in digits))


@functools.lru_cache(maxsize=200_000)
def _form(text: str) -> Form:
    shape = text
    for pattern, letter in _SHAPES:
        shape = pattern.sub(letter, shape)
    return Form(
        words=frozenset(_WORD.findall(text.casefold())),
        grams=frozenset(text[i : i + 3] for i in range(max(1, len(text) - 2))),
        shape=zlib.crc32(shape.encode()),
        number=number_in(text),
        small=text[:1].islower(),
        digits=any(c.isdigit() for c in text),
        marks=any(not c.isalnum() and not c.isspace() for c in text),
        ascii=text.isascii(),
    )
