"""Predictions that other harnesses have logged: samples of lmms-eval (JSON Lines), tables of VLMEvalKit.

lmms-eval writes one line for each document with `doc_id`, `filtered_resps` and metrics, and sometimes the row as `doc`.
VLMEvalKit writes a table with the columns of the question and `prediction`, as XLSX, TSV or JSON.
"""

import csv
import json
import math
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from pangea_cultural.errors import UserError

MAX_FILE_BYTES = 2_000_000_000
MAX_UNPACKED_BYTES = 2_000_000_000
"""Limit for the content of an XLSX file, which is an archive."""
SUFFIXES = (".jsonl", ".xlsx", ".tsv", ".json")
NO_PREDICTION, NO_TEXT, REQUEST_FAILED = (
    "the file has no prediction",
    "the prediction is not text",
    "the request of the other harness failed",
)
"""Reasons why a prediction is missing."""
_FAILED = ("[LMMS_EVAL_REQUEST_FAILED", "Failed to obtain answer via API")
"""Texts that harnesses write in place of an answer to a request that failed."""
_HIT = ("hit", "match", "eval_match", "correct", "score")
"""Columns of VLMEvalKit's tables that can have the score."""
_NO_METRICS = frozenset(("doc_id", "input", "target", "resps", "filtered_resps", "doc", "arguments", "doc_hash"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """A prediction of another harness."""

    name: str
    """Name of the question in the file."""
    number: int | None
    """Number of the question in its split; None if the file does not tell it."""
    row: Mapping[str, Any] | None
    """The question as the file has it; None if the file has predictions only."""
    prediction: str
    missing: str = ""
    """Reason why there is no answer to score; empty if there is one."""
    score: float | None
    """The score of the other harness; None if the file has none that can be told."""


def read(path: Path, metric: str | None) -> list[Logged]:
    """Return the predictions of a file.

    Args:
        path: the file.
        metric: name of the score in the file; None if the file has only one.

    Raises:
        UserError: the file is not readable, has no predictions, or lacks the metric.
    """
    if path.suffix not in SUFFIXES:
        raise UserError(f"{path} is neither of {', '.join(SUFFIXES)}. Pass the samples of lmms-eval or VLMEvalKit.")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise UserError(f"{path} has {path.stat().st_size:,} bytes; the limit is {MAX_FILE_BYTES:,}. Split it.")
    try:
        found = list(_lines(path, metric) if path.suffix == ".jsonl" else _table(path, metric))
    except (ValueError, KeyError, TypeError, OSError, csv.Error, zipfile.BadZipFile) as error:
        fact = f"{type(error).__name__}: {error}".split("\n")[0][:200]
        raise UserError(f"{path} is not readable ({fact}). Pass the file as the other harness wrote it.") from error
    if not found:
        raise UserError(f"{path} has no predictions. Pass the samples of lmms-eval or VLMEvalKit.")
    return found


def _lines(path: Path, metric: str | None) -> Iterator[Logged]:
    """Yield the predictions of lmms-eval."""
    with path.open("rb") as stream:
        for line in filter(bytes.strip, stream):
            entry = _parsed(line)
            answer, missing = _text(entry["filtered_resps"] if "filtered_resps" in entry else entry["resps"])
            number = int(entry["doc_id"])
            doc = entry.get("doc")
            yield Logged(
                name=str(number),
                number=number,
                row=doc if isinstance(doc, dict) else None,
                prediction=answer,
                missing=missing,
                score=_metric(entry, metric),
            )


def _parsed(text: bytes) -> Any:
    """Return the value of a JSON text. Harnesses write scores that are missing as NaN, which JSON lacks."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        if b"NaN" not in text:
            raise
        return json.loads(text, parse_constant=lambda name: None)


def _text(answer: Any) -> tuple[str, str]:
    """Return an answer, which can be in lists of one, and the reason if it is missing."""
    while isinstance(answer, list) and answer:
        answer = answer[0]
    if not isinstance(answer, str):
        return "", NO_PREDICTION if answer is None or answer == [] else NO_TEXT
    return answer, REQUEST_FAILED if answer.startswith(_FAILED) else ""


def _metric(entry: Mapping[str, Any], metric: str | None) -> float | None:
    """Return the value of a metric; without a name, that of the only one."""
    values = {name: _number(value) for name, value in entry.items() if name not in _NO_METRICS}
    known = {name: value for name, value in values.items() if value is not None}
    if metric is not None:
        if metric not in known:
            raise ValueError(f"no metric {metric}; the file has {', '.join(known) or 'none'}")
        return known[metric]
    return next(iter(known.values())) if len(known) == 1 else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool | int | float):
        return float(value)
    # Some metrics are objects that the harness averages later.
    if isinstance(value, dict):
        found = next((value[key] for key in ("score", "correct", "accuracy") if key in value), None)
        return _number(found) if not isinstance(found, dict) else None
    return None


def _table(path: Path, metric: str | None) -> Iterator[Logged]:
    """Yield the predictions of VLMEvalKit."""
    rows = {".xlsx": _xlsx, ".tsv": _tsv, ".json": _json}[path.suffix](path)
    for place, row in enumerate(rows):
        if "prediction" not in row:
            raise ValueError("no column prediction")
        if metric is not None and metric not in row:
            raise ValueError(f"no column {metric}")
        scores = [row[name] for name in ([metric] if metric else _HIT) if row.get(name) not in (None, "")]
        number = _number(float(scores[0])) if scores and _is_number(scores[0]) else None
        yield Logged(
            name=_cell(row.get("index", place)),
            number=None,
            row={name: value if isinstance(value, list | dict) else _cell(value) for name, value in row.items()},
            prediction=_cell(row["prediction"]),
            missing=_missing_cell(row["prediction"]),
            score=number,
        )


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _cell(value: Any) -> str:
    """Return a cell as text: whole numbers without a decimal point, which spreadsheets add."""
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _missing_cell(value: Any) -> str:
    """Return why a cell has no prediction, empty if it has one. Spreadsheets have answers of digits as numbers."""
    if value is None or (isinstance(value, float) and math.isnan(value)) or not str(value).strip():
        return NO_PREDICTION
    if isinstance(value, bool | list | dict):
        return NO_TEXT
    return REQUEST_FAILED if str(value).startswith(_FAILED) else ""


def _xlsx(path: Path) -> Iterator[dict[str, Any]]:
    import openpyxl

    with zipfile.ZipFile(path) as archive:
        size = sum(info.file_size for info in archive.infolist())
        if size > MAX_UNPACKED_BYTES:
            raise ValueError(f"{size:,} bytes unpacked")
    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    try:
        rows: Iterable[tuple[Any, ...]] = book.worksheets[0].iter_rows(values_only=True)
        yield from _named(rows)
    finally:
        book.close()


def _tsv(path: Path) -> Iterator[dict[str, Any]]:
    limit = csv.field_size_limit(MAX_FILE_BYTES)
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            yield from _named(csv.reader(stream, delimiter="\t"))
    finally:
        csv.field_size_limit(limit)


def _named(rows: Iterable[Iterable[Any]]) -> Iterator[dict[str, Any]]:
    stream = iter(rows)
    names = [str(name) for name in next(stream, ())]
    for row in stream:
        cells = list(row)
        if any(cell not in (None, "") for cell in cells):
            yield dict(zip(names, cells, strict=False))


def _json(path: Path) -> Iterator[dict[str, Any]]:
    content = _parsed(path.read_bytes())
    if isinstance(content, dict):
        # pandas writes columns, each with its cells by row.
        columns = {name: list(cells.values()) if isinstance(cells, dict) else cells for name, cells in content.items()}
        content = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    yield from content
