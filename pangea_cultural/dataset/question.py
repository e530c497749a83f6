"""The question about an image: one record type from the factory to training and evaluation."""

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
"""Columns of an export's question files, in order; `Question` says what each means."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One row: a question in one language about one image of one entity."""

    id: str
    """Stable: the same build gives the same id, whatever else is in the store."""
    question_type: QuestionType
    """`open`: answer in words. `choice`: pick one of `choices`."""
    language: str
    region: str
    """Slug of the region through which the entity was selected."""
    entity: str
    """Wikidata id of the entity that the image shows."""
    property: str
    """Wikidata id of the property asked for; `label` where the question asks what is shown."""
    image: str
    """Path of the image, relative to the export's folder."""
    question: str
    answer: str
    """The answer to give: the best-rank value's label in `language`."""
    answers: tuple[str, ...]
    """Every right answer; `answer` is one of them."""
    choices: tuple[str, ...] = ()
    """The four options of a choice question, shuffled, exactly one of them right; empty for an open question."""
    template: str = ""
    """Which template made the question."""

    def prompt(self) -> str:
        """The text that the model reads beside the image: the question, and lettered options where there are any."""
        if self.question_type == "open":
            return self.question
        options = (f"{chr(ord('A') + i)}. {text}" for i, text in enumerate(self.choices))
        return "\n".join([self.question, *options])

    def target(self) -> str:
        """The text that the model should answer: the answer, or for a choice question its letter."""
        return self.answer if self.question_type == "open" else chr(ord("A") + self.choices.index(self.answer))


def from_row(row: dict[str, Any]) -> Question:
    """A question from a row of an export's question file (lists become tuples)."""
    fields: Any = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return Question(**fields)
