"""The question record, shared by factory, training and evaluation."""

from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

QuestionType = Literal["open", "choice"]

QUESTION_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("question_type", pa.string()),
        ("language", pa.string()),
        ("region", pa.string()),
        ("entity", pa.string()),
        ("property", pa.string()),
        ("image", pa.string()),
        ("question", pa.string()),
        ("answer", pa.string()),
        ("answers", pa.list_(pa.string())),
        ("choices", pa.list_(pa.string())),
        ("template", pa.string()),
    ]
)
"""Columns of an export's question files, in order; `Question` documents them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A question in one language about one image of one entity."""

    id: str
    """Stable ID, which does not depend on other rows of the store."""
    question_type: QuestionType
    """`open`: the answer is a text. `choice`: the answer is one of `choices`."""
    language: str
    region: str
    """Slug of the region through which the entity was selected."""
    entity: str
    """Wikidata ID of the entity that the image shows."""
    property: str
    """Wikidata ID of the property asked for; `label` if the question asks for the entity's name."""
    image: str
    """Path of the image, relative to the export's folder."""
    question: str
    answer: str
    """The target answer: the label of the best-rank value in `language`."""
    answers: tuple[str, ...]
    """All right answers, including `answer`."""
    choices: tuple[str, ...] = ()
    """Four shuffled options with exactly one right one; empty for an open question."""
    template: str = ""
    """ID of the template of the question."""

    def prompt(self) -> str:
        """Return the model's text input: the question, and for a choice question its lettered options."""
        if self.question_type == "open":
            return self.question
        options = (f"{chr(ord('A') + i)}. {text}" for i, text in enumerate(self.choices))
        return "\n".join([self.question, *options])

    def target(self) -> str:
        """Return the target text: the answer, or for a choice question its letter."""
        return self.answer if self.question_type == "open" else chr(ord("A") + self.choices.index(self.answer))


def from_row(row: dict[str, Any]) -> Question:
    """Return a row of an export's question file as a question; lists become tuples."""
    fields: Any = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return Question(**fields)
