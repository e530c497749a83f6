"""Rotations: the same questions with moved options, until the right one has stood at each position once.

The pass of the run itself is the first rotation. RUN/benchmarks/NAME/passes/rotation-1.jsonl has the answers of the
next one, with options moved by one place; RUN/passes/rotation-1.jsonl those of an export that is asked for letters.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from evalsuite.benchmarks.export import LETTER
from evalsuite.benchmarks.export import Item as ExportItem
from evalsuite.benchmarks.rotation import LETTERS, Rotation, left_out, moved
from evalsuite.harness.export.answers import scored
from evalsuite.harness.passes.asking import (
    FOLDER,
    Asker,
    answered_questions,
    answered_rows,
    asked,
    export_asker,
    published_asker,
)
from evalsuite.harness.passes.positions import Turn, rotation_figures
from evalsuite.harness.published import PublishedRun
from evalsuite.harness.questions import Item
from evalsuite.harness.runner import EvalConfig
from evalsuite.harness.subject import Subject
from pangea_cultural.utils.console import Reporter

Reader = Callable[[str, Mapping[str, Any]], Turn]
"""Reads the stored answer to a question."""


def published(run: PublishedRun, folder: Path, reporter: Reporter) -> dict[str, Any] | None:
    """Ask the answered questions of a published benchmark with moved options, and return what results.json says.

    Returns:
        None if its questions have no options.

    Raises:
        UserError: the endpoint does not answer.
    """
    benchmark, rotation = run.questions.benchmark, run.questions.benchmark.rotation
    if rotation is None:
        return None
    names = answered_rows(folder)
    reasons = {item.key: rotation.left_out(item.row) for item in run.questions.items if item.key in names}
    items = [item for item in run.questions.items if item.key in names and not reasons[item.key]]
    counts = {item.key: len(rotation.options(item.row)) for item in items}

    def prepared(shift: int) -> tuple[dict[str, str], Asker, Reader]:
        turned = {item.key: _turned(run, rotation, item, shift) for item in items if counts[item.key] > shift}

        def read(key: str, stored: Mapping[str, Any]) -> Turn:
            row = turned[key].row
            score = benchmark.score(row, stored["text"])
            return Turn(rotation.right(row) or 0, rotation.place(row, score.answer), score.robust or 0.0)

        return {key: item.key for key, item in turned.items()}, published_asker(run, list(turned.values())), read

    found = _asked(run.subject, counts, prepared, folder, benchmark.name, reporter)
    return _figures(*found, names, counts, Counter(filter(None, reasons.values())))


def _turned(run: PublishedRun, rotation: Rotation, item: Item, shift: int) -> Item:
    """Return a question with moved options. Its name has a hash of the prompt, so that a changed one is asked again."""
    if shift == 0:
        return item
    row = rotation.turn(item.row, shift)
    digest = hashlib.sha256(run.questions.benchmark.prompt(row).encode()).hexdigest()[:16]
    return replace(item, key=f"{item.key} {digest}", row=row)


def exported(config: EvalConfig, items: Sequence[ExportItem], folder: Path, reporter: Reporter) -> dict[str, Any]:
    """Ask the answered choice questions of an export with moved options, and return what results.json says.

    Options that are compared by likelihood have no positions. Then nothing is asked.

    Raises:
        UserError: the endpoint does not answer.
    """
    if config.choose_by != LETTER:
        return {"choose_by": config.choose_by}
    names = answered_questions(folder)
    choice = {item.key: item for item in items if item.key in names and item.question.choices}
    reasons = {key: _reason(item) for key, item in choice.items()}
    counts = {key: len(item.question.choices) for key, item in choice.items() if not reasons[key]}

    def prepared(shift: int) -> tuple[dict[str, str], Asker, Reader]:
        turned = {key: _moved(choice[key], shift) for key, count in counts.items() if count > shift}

        def read(key: str, stored: Mapping[str, Any]) -> Turn:
            question = turned[key].question
            row = scored(question, dict(stored))
            chosen = question.choices.index(row["prediction"]) if row["prediction"] in question.choices else None
            return Turn(question.choices.index(question.answer), chosen, float(row["correct"]))

        return {key: key for key in turned}, export_asker(config, list(turned.values()), by=LETTER), read

    found = _asked(config, counts, prepared, folder, "export", reporter)
    figures = _figures(*found, names, counts, Counter(filter(None, reasons.values())))
    return {"choose_by": config.choose_by, **figures}


def _reason(item: ExportItem) -> str | None:
    question = item.question
    return left_out(question.choices, question.choices.index(question.answer), question.question, LETTERS)


def _moved(item: ExportItem, shift: int) -> ExportItem:
    return replace(item, question=replace(item.question, choices=tuple(moved(item.question.choices, shift))))


def _asked(
    subject: Subject,
    counts: Mapping[str, int],
    prepared: Callable[[int], tuple[dict[str, str], Asker, Reader]],
    folder: Path,
    title: str,
    reporter: Reporter,
) -> tuple[dict[str, list[Turn]], Counter[str]]:
    """Ask questions in all rotations but the first, which the run has asked.

    Args:
        subject: the model.
        counts: number of options of each question.
        prepared: returns for a shift the names of stored answers by question, what asks them, and what reads them.
        folder: folder of the answers.
        title: words for the progress bar.
        reporter: shows progress.

    Returns:
        The answers to each question, and numbers of missing ones by reason.
    """
    from evalsuite.harness.endpoint_model import stored_answers

    turns: dict[str, list[Turn]] = defaultdict(list)
    missing: Counter[str] = Counter()
    most = max(counts.values(), default=0)
    for shift in range(most):
        keys, ask, read = prepared(shift)
        answers: Mapping[str, Mapping[str, Any]] = {}
        if shift:
            words = f"{title}, rotation {shift + 1} of {most}"
            answers, lost = asked(subject, ask, len(keys), folder / FOLDER / f"rotation-{shift}.jsonl", words, reporter)
            missing += lost
        else:
            answers = stored_answers(folder / "answers.jsonl")
        for key, stored in keys.items():
            if stored in answers and not answers[stored].get("error"):
                turns[key].append(read(key, answers[stored]))
    return turns, missing


def _figures(
    turns: Mapping[str, list[Turn]],
    missing: Mapping[str, int],
    names: Mapping[str, Any],
    counts: Mapping[str, int],
    reasons: Mapping[str, int],
) -> dict[str, Any]:
    """Return the part of results.json about rotations. Questions without an answer to all of them are left out."""
    complete = {key: own for key, own in turns.items() if len(own) == counts[key]}
    return {
        **rotation_figures(complete, names),
        "asked": sum(counts.values()) - len(counts),
        "missing": dict(missing),
        "left_out": dict(reasons),
    }
