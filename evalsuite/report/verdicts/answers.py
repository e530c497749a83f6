"""The answers of a run with what a comparison needs: question, benchmark, language, clusters and score."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalsuite.benchmarks import export
from evalsuite.benchmarks.registry import GROUPS
from evalsuite.report.run_files import read_answers, read_results

CULTURE, MAINSTREAM, OTHER = "culture", "mainstream", "other"
OF_EXPORT = {
    *("id", "split", "question_type", "language", "condition", "shared", "image", "entity", "question", "correct"),
}
OF_BENCHMARK = {"item", "language", "group", "cluster", "images", "prompt", "error", "robust"}
"""Columns that comparisons need."""
Key = tuple[str, str]
"""Benchmark and name of a question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The score of a run at one question."""

    benchmark: str
    kind: str
    """`culture`, `mainstream` or `other`. Development images of an export are `other`."""
    language: str
    group: str
    """`trained`, `held-out` or `unknown`."""
    novel: bool | None
    """Whether no trained language has a right answer with this spelling. None if that is not known."""
    cluster_names: tuple[Hashable, ...]
    question: str
    """Text that the model was asked."""
    score: float | None
    """Score without guessing, None if it is missing."""


def read(run: Path) -> dict[Key, Answer]:
    """Return the answers of a finished run, by question.

    Raises:
        UserError: the folder is not a finished run.
    """
    results = read_results(run)
    answers = dict(_export(run, results)) if "export" in results else {}
    for benchmark in results.get("benchmarks", []):
        # Judges differ between runs and languages, so their scores are in no comparison.
        if not benchmark["judged"]:
            answers |= dict(_published(run, benchmark["name"]))
    return answers


def _export(run: Path, results: dict[str, Any]) -> Iterator[tuple[Key, Answer]]:
    # Without a record of the training, it is not known which languages and answers are new.
    trained = set(results["languages"]["trained"])
    for row in read_answers(run / "answers.parquet", OF_EXPORT):
        if row["condition"] != "image":
            continue
        benchmark = f"{export.NAME} {row['split']}, {row['question_type']}"
        held_out = bool(trained) and row["language"] not in trained
        yield (
            (benchmark, row["id"]),
            Answer(
                benchmark=benchmark,
                kind=OTHER if row["split"] == "dev" else CULTURE,
                language=row["language"],
                group="unknown" if not trained else "held-out" if held_out else "trained",
                novel=held_out and not row["shared"] if trained else None,
                cluster_names=(("image", row["image"]), ("entity", row["entity"])),
                question=row["question"],
                score=None if row["correct"] is None else float(row["correct"]),
            ),
        )


def _published(run: Path, benchmark: str) -> Iterator[tuple[Key, Answer]]:
    kind = next((kind for kind in (MAINSTREAM, CULTURE) if benchmark in GROUPS[kind]), OTHER)
    for row in read_answers(run / "benchmarks" / benchmark / "answers.parquet", OF_BENCHMARK):
        yield (
            (benchmark, row["item"]),
            Answer(
                benchmark=benchmark,
                kind=kind,
                language=row["language"],
                group=row["group"],
                novel=None,
                # Numbers of clusters are those of the run. Images are the same in all runs and benchmarks.
                cluster_names=((run, benchmark, row["cluster"]), *row["images"]),
                question=row["prompt"],
                score=None if row["error"] else row["robust"],
            ),
        )
