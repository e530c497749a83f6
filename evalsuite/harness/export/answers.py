"""The scored answers to the questions of an export: the rows of answers.parquet."""

from collections.abc import Iterable
from typing import Any

from evalsuite.benchmarks.export import FrequentAnswers, Item, answers_of
from evalsuite.benchmarks.rotation import LETTERS
from evalsuite.harness.export.guessing import guesses
from evalsuite.metrics.choice import chosen_letter
from evalsuite.metrics.exact_match import exact_match
from pangea_cultural.dataset.export import Export
from pangea_cultural.dataset.question import Question


class KnownAnswers:
    """The answers of a training, which a model may know.

    Args:
        export: the data.
        languages: languages of the training.
    """

    def __init__(self, export: Export, languages: Iterable[str]) -> None:
        rows = list(export.questions("train", set(languages)))
        self._texts = answers_of(rows)
        self.frequent = FrequentAnswers(rows)
        self._choice_rows = [row for row in rows if row.choices]

    def has(self, row: Question) -> bool:
        """Return whether a right answer is spelled as one of the training."""
        return bool(self._texts & set(row.answers))

    def guesses(self, rows: list[Question], seed: int) -> dict[str, str]:
        """Return the options that a guesser without images chooses, by question."""
        return guesses(self._choice_rows, rows, seed=seed)


def means(stored: dict[str, Any]) -> list[float]:
    """Return the mean log-probability per token of each option in a stored answer; none if it has no likelihoods."""
    return [total / count for total, count in zip(stored.get("sums", []), stored.get("tokens", []), strict=True)]


def rows_of(
    items: list[Item], stored: dict[str, dict[str, Any]], export: Export, known: KnownAnswers, *, seed: int
) -> list[dict[str, Any]]:
    """Return the answered items with their scores in their order, and what `UNASKED` controls answer to each question.

    Args:
        items: what was asked.
        stored: the model's answers, by item.
        export: the data.
        known: the answers of the training.
        seed: seed of the guesser.
    """
    guessed = known.guesses([item.question for item in items if item.condition == "image"], seed)
    rows = []
    for item in items:
        about = _about(item) | {"shared": known.has(item.question)}
        own = item.image is not None and item.image.is_relative_to(export.path)
        image = str(item.image.relative_to(export.path)) if item.image and own else ""
        shown = {"condition": item.condition, "image": image, "shown_entity": item.shown_entity}
        if item.key in stored:
            rows.append(about | shown | scored(item.question, stored[item.key]))
        if item.condition == "image":
            unasked = {"frequent": known.frequent.guess(item.question), "words": guessed.get(item.question.id)}
            for condition, guess in unasked.items():
                if guess is not None:
                    shown = {"condition": condition, "image": "", "shown_entity": ""}
                    rows.append(about | shown | scored(item.question, {"text": guess}, is_option=True))
    return rows


def _about(item: Item) -> dict[str, Any]:
    row = item.question
    return {
        "id": row.id,
        "task": item.task,
        "split": item.split,
        "question_type": row.question_type,
        "language": row.language,
        "region": row.region,
        "entity": row.entity,
        "property": row.property,
        "question": row.question,
        "choices": list(row.choices),
        "answers": list(row.answers),
    }


def scored(row: Question, stored: dict[str, Any], *, is_option: bool = False) -> dict[str, Any]:
    """Return the prediction in a stored answer with its score.

    Args:
        row: the question.
        stored: the answer.
        is_option: whether the answer to a choice question is an option, not a letter.
    """
    sums, tokens = list(stored.get("sums", [])), list(stored.get("tokens", []))
    by_mean = means(stored)
    by_sum = None
    answer = stored.get("text", "")
    if sums:
        answer = _likeliest(row, by_mean)
        by_sum = _likeliest(row, sums) == row.answer
    elif row.choices and not is_option:
        letter = chosen_letter(answer, LETTERS[: len(row.choices)], row.choices)
        answer = row.choices[LETTERS.index(letter)] if letter else answer
    return {
        "prediction": answer,
        "logprobs": by_mean,
        "sums": sums,
        "tokens": tokens,
        "correct": answer == row.answer if row.choices else exact_match(answer, list(row.answers)),
        "correct_by_sum": by_sum,
        "ending": stored.get("ending", ""),
    }


def _likeliest(row: Question, values: list[float]) -> str:
    return row.choices[max(range(len(values)), key=values.__getitem__)]
