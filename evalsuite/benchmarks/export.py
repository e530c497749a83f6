"""The benchmark `export`: an export's own questions, with the controls that give its numbers their meaning.

Two families of tasks, one task a language:

    choice   which of four options the model finds most likely, given the open question (chance 0.25); options are
             compared by mean log-probability per token
    open     the greedy answer, right when it equals one of the right answers after normalization

Each is asked twice: with the image, and *blind*, with the image of another entity of the same property and kind.
What a model scores blind it knows without looking: from the question, or from which answers are common.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pangea_cultural.dataset.export import Export
from pangea_cultural.dataset.question import Question
from pangea_cultural.errors import UserError

NAME = "export"
CONDITIONS = ("image", "blind")


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """A question as it is put to the model under one condition."""

    question: Question
    split: str
    condition: str
    """`image` or `blind`."""
    image: Path
    """The image that is shown: under `blind` that of another entity."""

    @property
    def task(self) -> str:
        """Name of the lighteval task."""
        return f"{NAME}_{self.split}_{self.question.question_type}_{self.condition}:{self.question.language}"


def items(export: Export, split: str, languages: Iterable[str], *, limit: int, seed: int) -> list[Item]:
    """The questions of a split, under both conditions.

    Args:
        export: the data.
        split: dev, test or unseen.
        languages: to ask in; those without questions are left out.
        limit: questions of each kind and language, spread evenly over properties; the same ones for every model.
        seed: of the draw.

    Raises:
        UserError: the split has no questions in these languages.
    """
    wanted = list(languages)
    asked: dict[tuple[str, str], list[Question]] = defaultdict(list)
    for row in export.questions(split):
        if row.language in wanted and row.image:
            asked[row.language, row.question_type].append(row)
    if not asked:
        raise UserError(f"{export.path} has no questions with images in {', '.join(wanted)} in the split {split}")
    chosen: list[Item] = []
    for language in wanted:
        for question_type in ("choice", "open"):
            rows = asked.get((language, question_type), [])
            chosen += _conditions(export, split, spread(rows, limit, seed), rows, seed)
    return chosen


def _conditions(
    export: Export, split: str, chosen: list[Question], everything: list[Question], seed: int
) -> Iterator[Item]:
    images = blind_images(chosen, everything, seed)
    for row in chosen:
        yield Item(question=row, split=split, condition="image", image=export.path / row.image)
        if row.id in images:
            yield Item(question=row, split=split, condition="blind", image=export.path / images[row.id])


def spread(rows: list[Question], limit: int, seed: int) -> list[Question]:
    """At most `limit` rows, as many of each property as of any other where there are enough; drawn by hash."""
    by_property: dict[str, list[Question]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: draw(seed, row.id)):
        by_property[row.property].append(row)
    queues = [iter(by_property[name]) for name in sorted(by_property)]
    chosen: list[Question] = []
    while queues and len(chosen) < limit:
        for queue in list(queues):
            found = next(queue, None)
            if found is None:
                queues.remove(queue)
            elif len(chosen) < limit:
                chosen.append(found)
    return sorted(chosen, key=lambda row: row.id)


def blind_images(rows: list[Question], everything: list[Question], seed: int) -> dict[str, str]:
    """For each row the image of another entity that the same property is asked about; by question id.

    An image whose entity has the right answer too is none: looking at it would help. Rows without any other image
    are left out.
    """
    by_property: dict[str, list[Question]] = defaultdict(list)
    for row in everything:
        by_property[row.property].append(row)
    images = {}
    for row in rows:
        others = [
            o for o in by_property[row.property] if o.entity != row.entity and not set(o.answers) & set(row.answers)
        ]
        if others:
            images[row.id] = min(others, key=lambda other: draw(seed, f"{row.id} {other.id}")).image
    return images


def draw(seed: int, name: str) -> str:
    """A draw that depends on seed and name only."""
    return hashlib.sha256(f"{seed} {name}".encode()).hexdigest()


def trained_answers(export: Export, languages: Iterable[str]) -> set[str]:
    """Answer strings of the training split in some languages: what a model can give in another without knowing it."""
    wanted = set(languages)
    return {text for row in export.questions("train") if row.language in wanted for text in row.answers}
