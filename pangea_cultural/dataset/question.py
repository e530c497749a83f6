"""The question record, shared by factory, training and evaluation."""

from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

QuestionType = Literal["open", "choice"]
AnswerStyle = Literal["short", "sentence"]
"""Form of the answer to an open question: the value's name alone, or a sentence."""

QUESTION_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("question_type", pa.string()),
        ("language", pa.string()),
        ("region", pa.string()),
        ("entity", pa.string()),
        ("entity_type", pa.string()),
        ("property", pa.string()),
        ("image", pa.string()),
        ("question", pa.string()),
        ("answer", pa.string()),
        ("answers", pa.list_(pa.string())),
        ("sentence", pa.string()),
        ("instruction", pa.string()),
        ("choices", pa.list_(pa.string())),
        ("template", pa.string()),
        ("template_question", pa.string()),
        ("template_sentence", pa.string()),
        ("rewritten_by", pa.string()),
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
    entity_type: str = "any"
    """Type of the entity, such as `building`; `any` if it has none of the table's classes."""
    property: str
    """Wikidata ID of the property asked for; `label` if the question asks for the entity's name."""
    image: str
    """Path of the image, relative to the export's folder."""
    question: str
    answer: str
    """The short answer: the name of the first right value in `language`."""
    answers: tuple[str, ...]
    """All right answers, `answer` first."""
    sentence: str = ""
    """The answer as a sentence, or as a phrase with the noun that it answers. It names at most five answers."""
    instruction: str = ""
    """Instruction in `language`: to answer with the letter of an option, or with a short phrase."""
    choices: tuple[str, ...] = ()
    """Four shuffled options with exactly one right one; empty for an open question."""
    template: str = ""
    """ID of the template of the question."""
    template_question: str = ""
    """`question` as its template gives it, if a model has rewritten it; otherwise empty."""
    template_sentence: str = ""
    """`sentence` as its template gives it, if a model has rewritten it; otherwise empty."""
    rewritten_by: str = ""
    """The model that has rewritten `question` and `sentence`, and the version of its prompt; empty if none has."""

    def prompt(self, style: AnswerStyle = "short", *, instructed: bool = True) -> str:
        """Return the model's text input: the question, its lettered options if it has any, and the instruction.

        Args:
            style: an open question in the style `sentence` has no instruction.
            instructed: whether to add the instruction.
        """
        options = [f"{chr(ord('A') + i)}. {text}" for i, text in enumerate(self.choices)]
        needed = instructed and self.instruction and (self.question_type == "choice" or style == "short")
        return "\n".join([self.question, *options, *([self.instruction] if needed else [])])

    def target(self, style: AnswerStyle = "short") -> str:
        """Return the target text: for a choice question its letter, otherwise the short answer or the sentence."""
        if self.question_type == "choice":
            return chr(ord("A") + self.choices.index(self.answer))
        return self.sentence if style == "sentence" and self.sentence else self.answer


def from_row(row: dict[str, Any]) -> Question:
    """Return a row of an export's question file as a question; lists become tuples."""
    fields: Any = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return Question(**fields)
