"""Notes about later withdrawals in the records and model cards of checkpoints, and in the results of runs."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from factory.withdraw.reach import RECORD, Found
from pangea_cultural.dataset.withdrawal import Withdrawn
from pangea_cultural.utils.files import read_json, write_bytes, write_json

CARD, RESULTS = "README.md", "results.json"
KEY = "withdrawn"
STATEMENT = "Withdrawn later:"
"""Beginning of the statement that reports and the demo show beside the model's scores."""
_BEGIN, _END = "<!-- withdrawn rows -->", "<!-- end of withdrawn rows -->"
_SECTION = re.compile(rf"\n*{re.escape(_BEGIN)}.*?{re.escape(_END)}\n?", re.DOTALL)


def mark(found: Found, items: Sequence[Withdrawn]) -> None:
    """Add withdrawals to a checkpoint or a run. Earlier ones stay."""
    if (found.path / RECORD).is_file():
        if found.concerned.rows or found.checkpoints:
            _mark_checkpoint(found, items)
    else:
        _mark_run(found)


def _mark_checkpoint(checkpoint: Found, items: Sequence[Withdrawn]) -> None:
    reasons = {item.name: item for item in items}
    record = read_json(checkpoint.path / RECORD)
    known: dict[str, Any] = record.get(KEY) or {}
    for name, rows in checkpoint.concerned.rows.items():
        item = reasons[name]
        known[name] = {"rows": rows, "reason": item.reason, "date": item.date}
    for base in checkpoint.checkpoints:
        known[f"base checkpoint {base}"] = {"rows": 0, "date": max((item.date for item in items), default="")}
    others = [text for text in record.get("statements", []) if not text.startswith(STATEMENT)]
    record |= {KEY: known, "statements": [*others, statement(known)]}
    card = checkpoint.path / CARD
    text = card.read_text("utf-8") if card.is_file() else ""
    write_bytes(card, (_SECTION.sub("\n", text).rstrip("\n") + "\n\n" + _section(known)).encode())
    write_json(checkpoint.path / RECORD, record)


def _mark_run(run: Found) -> None:
    """Add withdrawals to the results of a run, whose report then says so."""
    path = run.path / RESULTS
    results = read_json(path)
    others = [text for text in results.get("statements", []) if not text.startswith(STATEMENT)]
    names = listed(sorted({*results.get(KEY, ()), *run.concerned.rows}))
    about = [f"{STATEMENT} questions of this run ask about withdrawn data ({names})."] if names else []
    about += [f"{STATEMENT} the model was trained on rows that were withdrawn."] if run.checkpoints else []
    write_json(
        path,
        results | {KEY: sorted({*results.get(KEY, ()), *run.concerned.rows}), "statements": [*others, *about]},
    )


def listed(names: Sequence[str], most: int = 3) -> str:
    """Return a few names."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def statement(known: Mapping[str, Any]) -> str:
    """Return the sentence about a checkpoint's withdrawn rows."""
    return f"{STATEMENT} rows of the training data were withdrawn after the training ({listed([*known])})."


def _section(known: Mapping[str, Any]) -> str:
    lines = [
        f"- {_plain(name)}" + (f": {entry['rows']} training rows" if entry["rows"] else "") + "".join(_details(entry))
        for name, entry in known.items()
    ]
    intro = "This model was trained on rows that were withdrawn later. Train it again without them."
    return "\n".join([_BEGIN, "## Withdrawn data", "", intro, "", *lines, _END, ""])


def _details(entry: Mapping[str, Any]) -> list[str]:
    return [f", {_plain(entry[key])}" for key in ("date", "reason") if entry.get(key)]


def _plain(text: str) -> str:
    """Return a foreign text as Markdown without links, tags and line breaks."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(text.split()))
