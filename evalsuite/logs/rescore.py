"""Scores of predictions that another harness has logged, and where they disagree."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalsuite.benchmarks.base import Benchmark, Row, Score, language_code
from evalsuite.data.source import DataSets
from evalsuite.logs.adapters import VLMEVALKIT, adapter
from evalsuite.logs.predictions import Logged, read
from evalsuite.metrics.language_figures import language_figures
from pangea_cultural.errors import UserError

TOLERANCE = 1e-6
"""Largest difference of scores that agree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Place of the rows of predictions, if the file has none."""

    task: str | None
    """Task of the benchmark; None to find it in the name of the file."""
    data: Path | None
    """Folder with copies of data sets; None for the hub."""


def rescore(path: Path, benchmark: Benchmark, source: Source, metric: str | None) -> dict[str, Any]:
    """Return figures and disagreements of the predictions in a file.

    Args:
        path: file of lmms-eval or VLMEvalKit.
        benchmark: the benchmark that was asked.
        source: where the rows are.
        metric: name of the score in the file; None if it has only one.

    Raises:
        UserError: the file or the rows are not readable, or do not belong together; or the benchmark needs a judge.
    """
    if benchmark.judging is not None:
        raise UserError(f"{benchmark.name} needs a judge. Ask the questions again with `pcult eval --judge URL`.")
    logged = read(path, metric)
    task = source.task or _task_of(path, benchmark)
    if task not in benchmark.splits:
        raise UserError(f"{benchmark.name} has no task {task} (tasks: {', '.join(benchmark.splits)}). Choose one.")
    if logged[0].row is None:
        rows = _rows_by_number(logged, benchmark, task, DataSets(source.data))
    else:
        rows = _rows_of_file(logged, benchmark, task, table=path.suffix != ".jsonl")
    kept, dropped = _kept(logged, rows, benchmark)
    try:
        scores = benchmark.scores([row for _, row in kept], [entry.prediction for entry, _ in kept])
        answers = [_answer(benchmark, entry, row, score) for (entry, row), score in zip(kept, scores, strict=True)]
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise _other_rows(path, benchmark, error) from error
    return {
        "file": str(path),
        "benchmark": benchmark.name,
        "title": benchmark.title,
        "metric": benchmark.metric,
        "task": task,
        "questions": len(answers),
        "dropped": dict(dropped),
        "logged": _mean([answer["logged"] for answer in answers]),
        "with_logged_score": sum(answer["logged"] is not None for answer in answers),
        "figures": language_figures(answers) if answers else [],
        "disagreements": [answer for answer in answers if answer["disagrees"]],
        "unverified": list(benchmark.unverified),
    }


def _task_of(path: Path, benchmark: Benchmark) -> str:
    """Return the task that the name of a file ends in, such as `..._samples_xgqa_de.jsonl`."""
    if len(benchmark.splits) == 1:
        return next(iter(benchmark.splits))
    words = re.split(r"[^\w-]|_", path.stem.lower())
    found = [task for task in benchmark.splits if task.lower() == words[-1]]
    if len(found) != 1:
        known = ", ".join(benchmark.splits)
        raise UserError(f"The name of {path} does not end in a task. Name it with --task (tasks: {known}).")
    return found[0]


def _rows_by_number(
    logged: Sequence[Logged], benchmark: Benchmark, task: str, data_sets: DataSets
) -> list[Mapping[str, Any]]:
    """Return the rows of the data set by the numbers of the documents."""
    split = benchmark.splits[task]
    opened = data_sets.open(benchmark.source, split, benchmark.columns)
    from_all = benchmark.from_all(opened.texts()) if benchmark.from_all else None
    rows: list[Mapping[str, Any]] = []
    for number, texts in enumerate(opened.texts()):
        whole = {**texts, "split": task, "number": number}
        if from_all is not None:
            whole["from_all"] = from_all(whole)
        parts = [{**whole, **part} for part in benchmark.expand.rows(whole)] if benchmark.expand else [whole]
        # The other harness numbers the questions, and leaves out those that cannot be read.
        rows += [part for part in parts if benchmark.expand is None or not benchmark.drop(part)]
    beyond = [entry.number for entry in logged if entry.number is None or not 0 <= entry.number < len(rows)]
    if beyond:
        raise UserError(
            f"The file has the question {beyond[0]}, but {task} of {benchmark.source.repo} has {len(rows):,}. "
            "Choose another --task, or the data set that was asked."
        )
    return [rows[entry.number or 0] for entry in logged]


def _rows_of_file(logged: Sequence[Logged], benchmark: Benchmark, task: str, *, table: bool) -> list[Mapping[str, Any]]:
    """Return the rows that a file has itself."""
    adapt = adapter(benchmark, table=table)
    if adapt is None:
        raise UserError(
            f"Tables of VLMEvalKit have no rows of {benchmark.name} (they have {', '.join(VLMEVALKIT)}). "
            "Pass samples of lmms-eval."
        )
    try:
        rows = [
            {**adapt(entry.row or {}), "split": task, "number": entry.number if entry.number is not None else place}
            for place, entry in enumerate(logged)
        ]
    except (KeyError, TypeError, ValueError, SyntaxError, AttributeError) as error:
        raise _other_rows(Path(), benchmark, error) from error
    if benchmark.from_all is not None:
        value = benchmark.from_all(rows)
        rows = [{**row, "from_all": value(row)} for row in rows]
    return list(rows)


def _other_rows(path: Path, benchmark: Benchmark, error: Exception) -> UserError:
    fact = f"{type(error).__name__}: {error}".split("\n")[0][:200]
    return UserError(f"{path.name or 'The file'} has no rows of {benchmark.name} ({fact}). Choose another --benchmark.")


def _kept(
    logged: Sequence[Logged], rows: Sequence[Row], benchmark: Benchmark
) -> tuple[list[tuple[Logged, Row]], Counter[str]]:
    """Return predictions with their rows, and numbers of rows that are not scored by reason."""
    kept: list[tuple[Logged, Row]] = []
    dropped: Counter[str] = Counter()
    for entry, row in zip(logged, rows, strict=True):
        try:
            reason = benchmark.drop(row)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _other_rows(Path(), benchmark, error) from error
        if reason or entry.missing:
            dropped[reason or entry.missing] += 1
        else:
            kept.append((entry, row))
    return kept, dropped


def _answer(benchmark: Benchmark, entry: Logged, row: Row, score: Score) -> dict[str, Any]:
    values = [value for value in (entry.score, score.reference, score.robust) if value is not None]
    return {
        "item": entry.name,
        "language": language_code(benchmark.language(row)),
        "group": "unknown",
        "cluster": benchmark.cluster(row) or entry.name,
        "prediction": entry.prediction,
        "extracted": score.answer,
        "parsed": score.answer is not None,
        "guessed": score.guessed,
        "logged": entry.score,
        "reference": score.reference,
        "robust": score.robust,
        "more": dict(score.more),
        "chance": benchmark.chance(row),
        "disagrees": bool(values) and max(values) - min(values) > TOLERANCE,
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
