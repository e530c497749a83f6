"""The report about one or more runs: an HTML page, and report.md and report.json beside it with the same content."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evalsuite.report import content, markdown, page
from pangea_cultural.utils.files import write_bytes, write_json


def write(runs: Sequence[Path], path: Path) -> dict[str, Any]:
    """Write the report of one or more runs, and return its content.

    Args:
        runs: folders of finished runs. The first one is compared with each other one.
        path: file of the page. The other files have its name and their own suffix.

    Raises:
        UserError: a folder is not a finished run, or two runs have no question in common.
    """
    opened = content.opened(runs)
    found = content.content(opened)
    write_bytes(path, page.render(opened, found).encode())
    write_bytes(path.with_suffix(".md"), markdown.render(found).encode())
    write_json(path.with_suffix(".json"), found)
    return found
