"""The table of costs."""

from collections.abc import Mapping
from typing import Any

from evalsuite.report.sections.cost import COUNTS
from evalsuite.report.tables.table import Table, count

NAMES = {
    "requests": "requests",
    "prompt_tokens": "prompt tokens",
    "answer_tokens": "answer tokens",
    "seconds": "seconds",
    "judge_requests": "judge, requests",
    "judge_prompt_tokens": "judge, prompt tokens",
    "judge_answer_tokens": "judge, answer tokens",
    "judge_seconds": "judge, seconds",
    "peak_memory_bytes": "peak memory, MB",
}


def costs(content: dict[str, Any]) -> Table:
    """Return the table: one row for each benchmark of each run."""
    rows = [
        [
            row["benchmark"],
            row["run"],
            count(row["asked"]),
            *(count(_stated(row, name)) for name in COUNTS),
            _counts(row["missing"]),
            _counts(row["endings"]),
        ]
        for row in content["cost"]
    ]
    headers = ("benchmark", "run", "questions", *(NAMES[name] for name in COUNTS), "no answer", "not ordinary")
    return Table(
        title="Cost", headers=headers, rows=rows, texts=frozenset((0, 1, len(headers) - 2, len(headers) - 1))
    ).without_empty_columns()


def _stated(row: Mapping[str, Any], name: str) -> float | None:
    value: float | None = row[name]
    if name == "peak_memory_bytes" and value:
        return value / 1e6
    # Not every endpoint states tokens.
    return None if name.endswith("_tokens") and not value else value


def _counts(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{kind} {number:,}" for kind, number in numbers.items())
