"""Images that a run copied for its report: those of withdrawn rows are deleted."""

from pydantic import BaseModel

from factory.withdraw.reach import Found
from pangea_cultural.utils.files import read_json, write_json

EXAMPLES, FOLDER, REPORTS = "examples.json", "examples", ("report.html", "report.md", "report.json")
"""Files of a run, as `evalsuite.harness` names them."""


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
    had_report = any((run.path / name).is_file() for name in REPORTS)
    for name in REPORTS:
        (run.path / name).unlink(missing_ok=True)
    for image in gone:
        (run.path / FOLDER / image.rpartition("/")[2]).unlink(missing_ok=True)
    write_json(
        path, {key: [row for row in content[key] if row["image"] not in gone] for key in ("examples", "credits")}
    )
    return had_report
