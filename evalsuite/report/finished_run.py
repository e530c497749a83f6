"""A finished run: its results, and its answers with what a report needs of each."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from evalsuite.benchmarks import export
from evalsuite.metrics.accuracy import clusters
from evalsuite.report.run_files import CONTROL_COLUMNS, EXPORT_COLUMNS, PUBLISHED_COLUMNS, read_answers, read_results

IMAGE = "image"
"""Condition of a question that is asked with its own image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An answer of a run."""

    benchmark: str
    item: str
    condition: str
    language: str
    cluster: int | str
    question: str
    prediction: str
    extracted: str | None
    score: float | None
    """Score without guessing, None if it is missing."""
    reference: float | None
    parsed: bool | None
    """Whether the robust score found an answer. None if the options are compared by likelihood, or for open answers."""
    ending: str
    chance: float
    fidelity: float | None = None
    facets: dict[str, str] = field(default_factory=dict)
    choices: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()


@dataclass(frozen=True)
class FinishedRun:
    """The folder of a run, with its letter in the report."""

    folder: Path
    letter: str

    @cached_property
    def results(self) -> dict[str, Any]:
        """The content of results.json.

        Raises:
            UserError: the folder is not a finished run.
        """
        return read_results(self.folder)

    @property
    def published(self) -> list[dict[str, Any]]:
        """The parts of the results about published benchmarks."""
        return list(self.results.get("benchmarks", []))

    @cached_property
    def rows(self) -> list[Row]:
        """All answers, those of the export first."""
        found = list(_export_rows(self.folder, self.results)) if "export" in self.results else []
        for part in self.published:
            folder = self.folder / "benchmarks" / part["name"]
            found += _published_rows(folder, part["name"])
            for control in part.get("controls", {}).get("passes", {}):
                found += _control_rows(folder, part["name"], control)
        return found

    @cached_property
    def by_benchmark(self) -> dict[str, list[Row]]:
        """The answers to questions with their own image, by benchmark."""
        return grouped((row for row in self.rows if row.condition == IMAGE), "benchmark")

    def controls(self, benchmark: str, condition: str) -> list[Row]:
        """Return the answers of a benchmark under a control."""
        return [row for row in self.rows if row.benchmark == benchmark and row.condition == condition]


def grouped(rows: Iterable[Row], name: str) -> dict[str, list[Row]]:
    """Return rows by the value of a field, in the order of their first rows."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(getattr(row, name), []).append(row)
    return found


def export_benchmark(split: str, question_type: str) -> str:
    """Return the name of a part of an export in comparisons and tables."""
    return f"{export.NAME} {split}, {question_type}"


def _export_rows(folder: Path, results: dict[str, Any]) -> Iterator[Row]:
    answers = read_answers(folder / "answers.parquet", EXPORT_COLUMNS)
    by_letter = results["choose_by"] == export.LETTER
    for answer, cluster in zip(answers, clusters(answers), strict=True):
        choices = tuple(answer["choices"])
        parsed = answer["prediction"] in choices if by_letter and choices else None
        yield Row(
            benchmark=export_benchmark(answer["split"], answer["question_type"]),
            item=answer["id"],
            condition=answer["condition"],
            language=answer["language"],
            cluster=cluster,
            question=answer["question"],
            prediction=answer["prediction"],
            extracted=answer["prediction"] if parsed is None or parsed else None,
            score=None if answer["correct"] is None else float(answer["correct"]),
            reference=None,
            parsed=parsed,
            ending=answer["ending"],
            chance=1 / len(choices) if choices else 0.0,
            facets={name: answer[name] for name in ("region", "property") if answer.get(name)},
            choices=choices,
            answers=tuple(answer["answers"]),
        )


def _control_rows(folder: Path, name: str, control: str) -> Iterator[Row]:
    for answer in read_answers(folder / f"passes/control-{control}.parquet", CONTROL_COLUMNS):
        yield _scored(answer, name, control)


def _published_rows(folder: Path, name: str) -> Iterator[Row]:
    for answer in read_answers(folder / "answers.parquet", PUBLISHED_COLUMNS):
        if answer["error"]:
            continue
        more = {pair["name"]: pair["value"] for pair in answer["more"]}
        yield replace(
            _scored(answer, name, IMAGE),
            fidelity=more.get("language fidelity"),
            facets={pair["name"]: pair["value"] for pair in answer["facets"]},
            choices=tuple(answer["choices"]),
            answers=tuple(answer["right"]),
        )


def _scored(answer: dict[str, Any], benchmark: str, condition: str) -> Row:
    """Return the row of an answer to a published benchmark, with what all conditions have."""
    return Row(
        benchmark=benchmark,
        item=answer["item"],
        condition=condition,
        language=answer["language"],
        cluster=answer["cluster"],
        question=answer["prompt"],
        prediction=answer["prediction"],
        extracted=answer["extracted"],
        score=answer["robust"],
        reference=answer["reference"],
        parsed=answer["parsed"],
        ending=answer["ending"],
        chance=answer["chance"],
    )
