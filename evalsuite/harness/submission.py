"""Files that the organizers of a task score: `prediction.jsonl`, also in a ZIP archive."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evalsuite.harness.questions import Questions
from pangea_cultural.utils.files import atomic_path, write_bytes

NAME = "prediction.jsonl"


def write(questions: Questions, answers: Sequence[Mapping[str, Any]], folder: Path) -> dict[str, Any] | None:
    """Write the answers of a benchmark for its organizers, and return what results.json says about the file.

    Answers that are missing are empty, which organizers score with zero.

    Returns:
        None if the benchmark has no such file.
    """
    benchmark = questions.benchmark
    if benchmark.submission is None:
        return None
    texts = {answer["item"]: answer["prediction"] for answer in answers}
    content = benchmark.submission(
        [item.row for item in questions.items], [texts.get(item.key, "") for item in questions.items]
    )
    write_bytes(folder / NAME, content.encode())
    with atomic_path(folder / "prediction.zip") as temporary, zipfile.ZipFile(temporary, "w") as archive:
        archive.write(folder / NAME, NAME)
    selection = questions.selection
    return {
        "file": NAME,
        "rows": content.count("\n"),
        # Organizers refuse a file without all rows of a track.
        "complete": not (selection.limit(benchmark) or selection.languages or questions.dropped),
        "empty": sum(not texts.get(item.key, "").strip() for item in questions.items),
    }
