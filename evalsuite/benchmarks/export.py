"""The benchmark `export`: the questions of an export, with the right image and with controls.

Two families of tasks, one task per language:

    choice   which of four options the model finds most likely, given the open question (chance 0.25); options are
             compared by mean log-probability per token. From an endpoint that gives no likelihoods, the letter of an
             option in the greedy answer
    open     the greedy answer, right if it equals one of the right answers after normalization

Each question is asked with its image, and under three conditions that show what needs no image:

    blind    the image of another entity of the same property and question type, none of whose answers is an option
    gray     a gray image
    text     no image

Two more controls do not ask the model: the answer that is most frequent in training (`frequent`), and for choice
questions a guesser that has learned from the training's texts (`words`).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalsuite.benchmarks.rotation import labeled
from pangea_cultural.dataset.export import Export
from pangea_cultural.dataset.question import Question
from pangea_cultural.errors import UserError
from pangea_cultural.utils.sampling import hash_key

NAME = "export"
LIKELIHOOD, LETTER = "likelihood", "letter"
"""Ways to find the option that a model chooses."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """A question under one condition."""

    question: Question
    split: str
    condition: str
    """`image`, or a control: `blind`, `gray` or `text`."""
    image: Path | None
    """The image that is shown; None under `text`."""
    shown_entity: str
    """The entity of that image; empty if it shows none."""

    @property
    def key(self) -> str:
        """Name of the item in the files of a run."""
        return f"{self.question.id}|{self.condition}"

    @property
    def task(self) -> str:
        """Name of the lighteval task."""
        return f"{NAME}_{self.split}_{self.question.question_type}_{self.condition}:{self.question.language}"

    def prompt(self, *, letters: bool) -> str:
        """Return the text that is asked, with lettered options if the question has options and `letters` is set."""
        text, choices = self.question.question, self.question.choices
        return lettered(text, choices) if letters and choices else text


def items(
    export: Export, split: str, languages: Iterable[str], *, max_questions: int, seed: int, gray: Path
) -> list[Item]:
    """Return the questions of a split, under all conditions.

    Args:
        export: the data.
        split: dev, test or unseen.
        languages: codes of the languages to ask in; languages without questions are left out.
        max_questions: maximum number of questions per language and question type, evenly spread over properties.
        seed: seed of the selection; equal seeds select the same questions for every model.
        gray: file of the gray image.

    Raises:
        UserError: the split has no questions in these languages.
    """
    codes = list(languages)
    questions: dict[tuple[str, str], list[Question]] = defaultdict(list)
    for row in export.questions(split, codes):
        if row.image:
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
            sample = sample_by_property(rows, max_questions, seed)
            blind = blind_questions(sample, rows, seed)
            for row in sample:
                chosen += _conditions(export, split, row, blind.get(row.id), gray)
    return chosen


def _conditions(export: Export, split: str, row: Question, other: Question | None, gray: Path) -> Iterator[Item]:
    named = {"image": row} | ({"blind": other} if other else {})
    shown = [(name, export.image_file(shown.image), shown.entity) for name, shown in named.items()]
    for condition, image, entity in [*shown, ("gray", gray, ""), ("text", None, "")]:
        yield Item(question=row, split=split, condition=condition, image=image, shown_entity=entity)


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


def blind_questions(rows: list[Question], candidates: list[Question], seed: int) -> dict[str, Question]:
    """Return for each row a question about the same property of another entity, whose image is shown, by question id.

    An entity with an answer that is right here, or an option, is excluded: its image would help, or it would lure the
    model to a wrong option. Rows without another image are left out.
    """
    by_property: dict[str, list[Question]] = defaultdict(list)
    for row in candidates:
        by_property[row.property].append(row)
    found = {}
    for row in rows:
        told = {*row.answers, *row.choices}
        others = [o for o in by_property[row.property] if o.entity != row.entity and not told & set(o.answers)]
        if others:
            found[row.id] = min(others, key=lambda other: hash_key(f"{seed} {row.id} {other.id}"))
    return found


class FrequentAnswers:
    """Frequencies of answers in training, by language, property and entity type.

    Args:
        rows: questions of the training split.
    """

    def __init__(self, rows: Iterable[Question]) -> None:
        self._answers: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        for row in rows:
            for key in _frequency_keys(row):
                self._answers[key][row.answer] += 1

    def guess(self, row: Question) -> str:
        """Return the option, or the answer to an open question, that is most frequent in training; empty if none is.

        What is asked about the same type of entity counts first. Languages without training take the counts of all
        languages. The order of equally frequent options depends on the question only.
        """
        counters = [self._answers[key] for key in _frequency_keys(row) if key in self._answers]
        answers = row.choices or [answer for counter in counters[:1] for answer in counter]
        return max(
            answers,
            key=lambda answer: ([counter[answer] for counter in counters], hash_key(f"{row.id} {answer}")),
            default="",
        )


def _frequency_keys(row: Question) -> list[tuple[str, ...]]:
    """Return the groups of questions that a question belongs to, the narrowest first."""
    narrow = [(row.language, row.property, row.entity_type), (row.language, row.property)]
    return [*narrow, ("*", row.property, row.entity_type), ("*", row.property)]


def lettered(question: str, choices: Sequence[str]) -> str:
    """Return a choice question with its options, for an endpoint that gives no likelihoods."""
    lines = "\n".join(labeled(choices))
    return f"{question}\n{lines}\nAnswer with the option's letter from the given choices directly."


def answers_of(rows: Iterable[Question]) -> set[str]:
    """Return the answer strings of questions.

    A model can give an answer of its training in another language without knowing that language.
    """
    return {text for row in rows for text in row.answers}
