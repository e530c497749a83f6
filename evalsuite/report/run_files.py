"""The files of a finished run, checked: they may be of another version, damaged or edited."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from evalsuite.metrics.accuracy import CONTROLS
from evalsuite.report.results_schema import fault
from pangea_cultural.errors import UserError
from pangea_cultural.utils.files import read_json

EXPORT_KEYS = ("choose_by", "export", "figures", "identity", "languages", "model", "splits")
FIGURE_KEYS = ("image", *CONTROLS, "strongest")
EXPORT_COLUMNS = {
    *("id", "split", "question_type", "language", "region", "entity", "property", "question", "choices", "answers"),
    *("shared", "condition", "image", "prediction", "correct", "ending"),
}
PUBLISHED_COLUMNS = {
    *("item", "language", "group", "cluster", "images", "prompt", "prediction", "extracted", "reference", "robust"),
    *("parsed", "ending", "chance", "error", "facets", "more", "verdict", "choices", "right"),
}
CONTROL_COLUMNS = {
    *("item", "language", "cluster", "prompt", "prediction", "extracted", "reference", "robust", "parsed"),
    *("ending", "chance", "shown", "images", "asked_as"),
}


def read_results(run: Path) -> dict[str, Any]:
    """Return the content of results.json.

    Raises:
        UserError: the folder is not a finished run, or its results are damaged or of another version.
    """
    path = run / "results.json"
    if not path.is_file():
        raise UserError(f"{run} is not a finished run. Create one with `pcult eval`.")
    try:
        results = read_json(path)
    except ValueError as error:
        raise _unusable(path, str(error)) from error
    if not isinstance(results, dict) or not ({"export", "benchmarks"} & set(results)):
        raise _unusable(path, "it has no results")
    if "export" in results:
        listed = results.get("figures")
        figures = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
        absent = [key for key in EXPORT_KEYS if key not in results]
        absent += [key for key in FIGURE_KEYS if not all(key in row for row in figures)]
        if absent:
            raise _unusable(path, f"it lacks {', '.join(absent)}")
    found = fault(results)
    if found is not None:
        raise _unusable(path, found)
    return results


def read_answers(
    path: Path, wanted: set[str], filters: list[tuple[str, str, str]] | None = None
) -> list[dict[str, Any]]:
    """Return the rows of a file of answers.

    Args:
        path: the file.
        wanted: columns that the rows must have.
        filters: conditions on the rows, as pyarrow takes them.

    Raises:
        UserError: the file is missing or damaged, or lacks one of the wanted columns.
    """
    try:
        table = pq.read_table(path, filters=filters)
    except (OSError, pa.ArrowException, ValueError) as error:
        raise _unusable(path, str(error)) from error
    absent = sorted(wanted - set(table.column_names))
    if absent:
        raise _unusable(path, f"it lacks {', '.join(absent)}")
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _unusable(path: Path, fact: str) -> UserError:
    reason = " ".join(fact.split())[:200].rstrip(".")
    return UserError(
        f"{path} is damaged or of another version: {reason}. "
        "Repeat the evaluation with the same settings: only missing answers are asked for."
    )
