"""The benchmark `export`: the questions of an export, with the right image and with another one.

Two families of tasks, one task per language:

    choice   which of four options the model finds most likely, given the open question (chance 0.25); options are
             compared by mean log-probability per token
    open     the greedy answer, right if it equals one of the right answers after normalization

Each question is asked twice: with its image, and *blind*, with the image of another entity of the same property and
question type. The blind score shows what the model can answer from the question or from common answers alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pangea_cultural.dataset.export import Export
from pangea_cultural.dataset.question import Question
from pangea_cultural.errors import UserError
from pangea_cultural.utils.sampling import hash_key

NAME = "export"


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """A question under one condition."""

    question: Question
    split: str
    condition: str
    """`image` or `blind`."""
    image: Path
    """The image that is shown: under `blind` the image of another entity."""

    @property
    def task(self) -> str:
        """Name of the lighteval task."""
        return f"{NAME}_{self.split}_{self.question.question_type}_{self.condition}:{self.question.language}"


def items(export: Export, split: str, languages: Iterable[str], *, max_questions: int, seed: int) -> list[Item]:
    """Return the questions of a split, under both conditions.

    Args:
        export: the data.
        split: dev, test or unseen.
        languages: codes of the languages to ask in; languages without questions are left out.
        max_questions: maximum number of questions per language and question type, evenly spread over properties.
        seed: seed of the selection; equal seeds select the same questions for every model.

    Raises:
        UserError: the split has no questions in these languages.
    """
    codes = list(languages)
    questions: dict[tuple[str, str], list[Question]] = defaultdict(list)
    for row in export.questions(split):
        if row.language in codes and row.image:
            questions[row.language, row.question_type].append(row)
    if not questions:
        raise UserError(
            f"The split {split} of {export.path} has no questions with images in {', '.join(codes)}. "
            "Choose other --languages or another --split."
        )
    chosen: list[Item] = []
    for language in codes:
        for question_type in ("choice", "open"):
            rows = questions.get((language, question_type), [])
            chosen += _conditions(export, split, sample_by_property(rows, max_questions, seed), rows, seed)
    return chosen


def _conditions(
    export: Export, split: str, sample: list[Question], candidates: list[Question], seed: int
) -> Iterator[Item]:
    images = blind_images(sample, candidates, seed)
    for row in sample:
        yield Item(question=row, split=split, condition="image", image=export.image_file(row.image))
        if row.id in images:
            yield Item(question=row, split=split, condition="blind", image=export.image_file(images[row.id]))


def sample_by_property(rows: list[Question], max_questions: int, seed: int) -> list[Question]:
    """Return at most `max_questions` rows, equally many per property where there are enough, selected by hash."""
    by_property: dict[str, list[Question]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: hash_key(f"{seed} {row.id}")):
        by_property[row.property].append(row)
    queues = [iter(by_property[name]) for name in sorted(by_property)]
    chosen: list[Question] = []
    while queues and len(chosen) < max_questions:
        for queue in list(queues):
            row_or_end = next(queue, None)
            if row_or_end is None:
                queues.remove(queue)
            elif len(chosen) < max_questions:
                chosen.append(row_or_end)
    return sorted(chosen, key=lambda row: row.id)


def blind_images(rows: list[Question], candidates: list[Question], seed: int) -> dict[str, str]:
    """Return for each row the image of another entity with a question about the same property, by question id.

    An entity that shares a right answer is excluded, because its image would help. Rows without another image are left
    out.
    """
    by_property: dict[str, list[Question]] = defaultdict(list)
    for row in candidates:
        by_property[row.property].append(row)
    images = {}
    for row in rows:
        others = [
            o for o in by_property[row.property] if o.entity != row.entity and not set(o.answers) & set(row.answers)
        ]
        if others:
            images[row.id] = min(others, key=lambda other: hash_key(f"{seed} {row.id} {other.id}")).image
    return images


def trained_answers(export: Export, languages: Iterable[str]) -> set[str]:
    """Return the answer strings of the training split in some languages.

    A model can give such an answer in another language without knowing that language.
    """
    codes = set(languages)
    return {text for row in export.questions("train") if row.language in codes for text in row.answers}
