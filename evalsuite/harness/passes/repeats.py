"""Repeats: the same questions again, and how often the answers of two passes differ.

Greedy answers of a server differ between runs, because batches differ. The pass of the run itself is the first one.
RUN/passes/repeat-2.jsonl and RUN/benchmarks/NAME/passes/repeat-2.jsonl have the answers of the second pass.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from evalsuite.benchmarks.export import Item as ExportItem
from evalsuite.harness.export.answers import scored
from evalsuite.harness.passes.asking import (
    FOLDER,
    Asker,
    Stored,
    answered_questions,
    answered_rows,
    asked,
    export_asker,
    published_asker,
    requests_at_a_time,
)
from evalsuite.harness.published import PublishedRun
from evalsuite.harness.runner import EvalConfig
from evalsuite.harness.subject import Subject
from evalsuite.metrics.exact_match import normalized
from evalsuite.statistics.figure import figure
from evalsuite.statistics.scores import Scores
from pangea_cultural.utils.console import Reporter


def flips(texts: Sequence[Sequence[Any]], answers: Sequence[Sequence[Any]], names: Sequence[Any]) -> dict[str, Any]:
    """Return how often passes differ.

    Args:
        texts: what came back in each pass, by question.
        answers: the answer that was read in each pass, by question.
        names: cluster of each question.

    Returns:
        Numbers of questions whose texts and answers are not all equal, and the flip rate: the share of pairs of passes
        whose answers differ, as a figure.
    """
    pairs = [[a != b for a, b in combinations(passes, 2)] for passes in answers]
    return {
        "n": len(texts),
        "texts_differ": sum(len(set(passes)) > 1 for passes in texts),
        "answers_differ": sum(map(any, pairs)),
        "flip_rate": figure(Scores.of([sum(own) / len(own) for own in pairs], names)).as_row(),
    }


def published(run: PublishedRun, folder: Path, count: int, reporter: Reporter) -> dict[str, Any]:
    """Ask the answered questions of a published benchmark again, and return the part of results.json about repeats.

    Args:
        run: the finished run.
        folder: its folder.
        count: number of passes, with that of the run.
        reporter: shows progress.

    Raises:
        UserError: the endpoint does not answer.
    """
    benchmark = run.questions.benchmark
    names = answered_rows(folder)
    items = {item.key: item for item in run.questions.items if item.key in names}

    def read(key: str, stored: Mapping[str, Any]) -> tuple[Any, Any]:
        return stored["text"], benchmark.score(items[key].row, stored["text"]).answer

    ask = published_asker(run, list(items.values()))
    return _compared(run.subject, ask, names, read, folder, count, benchmark.name, reporter)


def exported(
    config: EvalConfig, items: Sequence[ExportItem], folder: Path, count: int, reporter: Reporter
) -> dict[str, dict[str, Any]]:
    """Ask the answered questions of an export again, and return the part of results.json about repeats, by type.

    Args:
        config: settings of the finished run.
        items: its questions.
        folder: its folder.
        count: number of passes, with that of the run.
        reporter: shows progress.

    Raises:
        UserError: the endpoint does not answer.
    """
    names = answered_questions(folder)
    found = {}
    for question_type in ("choice", "open"):
        own = {item.key: item for item in items if item.key in names and item.question.question_type == question_type}
        if not own:
            continue

        def read(key: str, stored: Mapping[str, Any], own: Mapping[str, ExportItem] = own) -> tuple[Any, Any]:
            return _read(own[key], stored)

        ask = export_asker(config, list(own.values()), by=config.choose_by)
        title = f"export, {question_type}"
        wanted = {key: names[key] for key in own}
        found[question_type] = _compared(config, ask, wanted, read, folder, count, title, reporter)
    if "choice" in found:
        found["choice"]["choose_by"] = config.choose_by
    return found


def _read(item: ExportItem, stored: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return what came back about a question of an export, and the answer in it."""
    prediction = scored(item.question, dict(stored))["prediction"]
    text = tuple(stored["sums"]) if "sums" in stored else stored["text"]
    if item.question.choices:
        return text, prediction if prediction in item.question.choices else None
    return text, normalized(prediction) or None


def _compared(
    subject: Subject,
    ask: Asker,
    names: Mapping[str, Any],
    read: Callable[[str, Mapping[str, Any]], tuple[Any, Any]],
    folder: Path,
    count: int,
    title: str,
    reporter: Reporter,
) -> dict[str, Any]:
    """Ask questions again, and compare the answers of all passes to those that every pass answered."""
    from evalsuite.harness.endpoint_model import stored_answers

    passes: list[Stored] = [stored_answers(folder / "answers.jsonl")]
    missing: Counter[str] = Counter()
    for number in range(2, count + 1):
        words = f"{title}, repeat {number} of {count}"
        found = asked(subject, ask, len(names), folder / FOLDER / f"repeat-{number}.jsonl", words, reporter)
        passes.append(found.answers)
        missing += found.missing
    keys = [key for key in names if all(key in answers and not answers[key].get("error") for answers in passes)]
    both = [[read(key, answers[key]) for answers in passes] for key in keys]
    texts = [[text for text, _ in own] for own in both]
    answers = [[answer for _, answer in own] for own in both]
    return {
        "passes": count,
        **flips(texts, answers, [names[key] for key in keys]),
        "asked": len(names) * (count - 1),
        "missing": dict(missing),
        "concurrency": requests_at_a_time(subject),
        "server": subject.identity.server,
    }
