"""The cost of runs: requests, tokens and seconds, and answers that are missing or not ordinary."""

from pathlib import Path
from typing import Any

from evalsuite.benchmarks import export
from evalsuite.report.finished_run import FinishedRun
from pangea_cultural.utils.files import read_json

_OF_JUDGE = ("judge_requests", "judge_prompt_tokens", "judge_answer_tokens", "judge_seconds")
COUNTS = ("requests", "prompt_tokens", "answer_tokens", "seconds", *_OF_JUDGE, "peak_memory_bytes")


def rows(run: FinishedRun) -> list[dict[str, Any]]:
    """Return a row for each benchmark. Counts are None in runs of versions that did not record them."""
    found = [_row(run, export.NAME, run.results, run.folder)] if "export" in run.results else []
    return found + [_row(run, part["name"], part, run.folder / "benchmarks" / part["name"]) for part in run.published]


def _row(run: FinishedRun, benchmark: str, part: dict[str, Any], folder: Path) -> dict[str, Any]:
    path = folder / "cost.json"
    cost = read_json(path) if path.is_file() else {}
    return {
        "run": run.letter,
        "benchmark": benchmark,
        "asked": part.get("asked", part.get("questions")),
        "missing": part.get("missing", {}),
        "endings": part.get("endings", {}),
        **{name: cost.get(name) for name in COUNTS},
    }
