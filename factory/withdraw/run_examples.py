"""Images that a run copied for its report: those of withdrawn rows are deleted."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from factory.withdraw.reach import EXAMPLE_IMAGES, EXAMPLES, Found
from pangea_cultural.utils.files import read_json, write_json

REPORTS = ("report.html", "report.md", "report.json")
"""Files of the report of a run, as `pcult report` names them."""


class _Image(BaseModel):
    """Keys of an example, and of a credit, that are read."""

    image: str


class _Examples(BaseModel):
    examples: list[_Image]
    credits: list[_Image]


def remove(run: Found) -> bool:
    """Remove the examples of withdrawn rows, and the report, which contains their images and texts.

    Returns:
        Whether a report was removed. `pcult report` writes it again.

    Raises:
        OSError: a file cannot be read, written or deleted.
        ValueError: the examples are garbled.
    """
    path, images = run.path / EXAMPLES, run.concerned.images
    if not path.is_file():
        return False
    content = read_json(path)
    _Examples.model_validate(content)
    gone = {example["image"] for example in content["examples"]} & images
    if not gone:
        return False
    had_report = _remove_report(run.path)
    for image in gone:
        (run.path / EXAMPLE_IMAGES / image.rpartition("/")[2]).unlink(missing_ok=True)
    write_json(
        path, {key: [row for row in content[key] if row["image"] not in gone] for key in ("examples", "credits")}
    )
    return had_report


def remove_copies(copies: Sequence[Path]) -> list[Path]:
    """Remove the images of benchmarks that are withdrawn. Return the runs whose report is removed, because it has them.

    Raises:
        OSError: a file cannot be read, written or deleted.
    """
    for path in copies:
        path.unlink(missing_ok=True)
    gone = {path for path in copies if path.parent.name == EXAMPLE_IMAGES}
    for folder in {path.parent.parent for path in gone}:
        rows = read_json(folder / EXAMPLES)
        for row in rows:
            row["images"] = [name for name in row["images"] if folder / EXAMPLE_IMAGES / name not in gone]
        write_json(folder / EXAMPLES, rows)
    runs = sorted({path.parents[3] for path in gone})
    return [run for run in runs if _remove_report(run)]


def _remove_report(run: Path) -> bool:
    """Remove the report of a run, and return whether there was one."""
    found = [run / name for name in REPORTS if (run / name).is_file()]
    for path in found:
        path.unlink()
    return bool(found)
