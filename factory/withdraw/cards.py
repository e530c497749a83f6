"""Notes about later withdrawals in the records and model cards of checkpoints, and in the results of runs."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from factory.exchange.card.markdown import escape
from factory.withdraw.reach import RECORD, Found
from pangea_cultural.dataset.withdrawal import Withdrawn, few
from pangea_cultural.utils.files import read_json, write_bytes, write_json

CARD, RESULTS = "README.md", "results.json"
KEY = "withdrawn"
STATEMENT = "Withdrawn later:"
"""Beginning of the statement that reports and the demo show beside the model's scores."""
_BEGIN, _END = "<!-- withdrawn rows -->", "<!-- end of withdrawn rows -->"
_SECTION = re.compile(rf"\n*{re.escape(_BEGIN)}.*?{re.escape(_END)}\n?", re.DOTALL)


def mark_checkpoint(checkpoint: Found, items: Sequence[Withdrawn]) -> None:
    """Add withdrawals to the record and the model card of a checkpoint. Earlier ones stay.

    Raises:
        OSError: a file cannot be read or written.
        ValueError: the record or the card is garbled.
    """
    if not (checkpoint.concerned.rows or checkpoint.checkpoints):
        return
    reasons = {item.name: item for item in items}
    record = _read(checkpoint.path / RECORD, _Record)
    known: dict[str, Any] = record.get(KEY, {})
    for name, rows in checkpoint.concerned.rows.items():
        item = reasons[name]
        known[name] = {"rows": rows, "reason": item.reason, "date": item.date}
    for base in checkpoint.checkpoints:
        known[f"base checkpoint {base}"] = {"rows": 0, "date": max((item.date for item in items), default="")}
    record |= {KEY: known, "statements": [*_others(record), statement(known)]}
    card = checkpoint.path / CARD
    text = card.read_text("utf-8") if card.is_file() else ""
    write_bytes(card, (_SECTION.sub("\n", text).rstrip("\n") + "\n\n" + _section(known)).encode())
    write_json(checkpoint.path / RECORD, record)


def mark_run(run: Found) -> None:
    """Add withdrawals to the results of a run, whose report then says so. Earlier ones stay.

    Raises:
        OSError: the results cannot be read or written.
        ValueError: the results are garbled.
    """
    path = run.path / RESULTS
    results = _read(path, _Results)
    names = sorted({*results.get(KEY, ()), *run.concerned.rows})
    about = [f"{STATEMENT} questions of this run ask about withdrawn data ({few(names)})."] if names else []
    about += [f"{STATEMENT} the model was trained on rows that were withdrawn."] if run.checkpoints else []
    write_json(path, results | {KEY: names, "statements": [*_others(results), *about]})


class _Entry(BaseModel):
    rows: int
    reason: str = ""
    date: str = ""


class _Record(BaseModel):
    """Keys of a checkpoint's record that are read."""

    withdrawn: dict[str, _Entry] = {}
    statements: list[str] = []


class _Results(BaseModel):
    """Keys of a run's results that are read."""

    withdrawn: list[str] = []
    statements: list[str] = []


def _read(path: Path, keys: type[BaseModel]) -> dict[str, Any]:
    """Return a JSON object.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is garbled.
    """
    content = read_json(path)
    keys.model_validate(content)
    return dict(content)


def _others(content: Mapping[str, Any]) -> list[str]:
    """Return the statements about something else."""
    return [text for text in content.get("statements", []) if not text.startswith(STATEMENT)]


def statement(known: Mapping[str, Any]) -> str:
    """Return the sentence about a checkpoint's withdrawn rows."""
    return f"{STATEMENT} rows of the training data were withdrawn after the training ({few([*known])})."


def _section(known: Mapping[str, Any]) -> str:
    lines = [
        f"- {escape(name)}" + (f": {entry['rows']} training rows" if entry["rows"] else "") + "".join(_details(entry))
        for name, entry in known.items()
    ]
    intro = "This model was trained on rows that were withdrawn later. Train it again without them."
    return "\n".join([_BEGIN, "## Withdrawn data", "", intro, "", *lines, _END, ""])


def _details(entry: Mapping[str, Any]) -> list[str]:
    return [f", {escape(entry[key])}" for key in ("date", "reason") if entry.get(key)]
