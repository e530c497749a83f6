"""Attribution: author, license, link and changes of each image, as licenses ask for."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from factory.exchange.card.markdown import escape, link, table
from factory.exchange.target import Target
from pangea_cultural.dataset import tables
from pangea_cultural.errors import ImageError
from pangea_cultural.reference import licenses

ATTRIBUTION = "ATTRIBUTION.md"
STATED_COLUMNS = ("source", "author", "license", "statements")
COLUMNS = ("image", "title", "author", "license", "changes", "restrictions")
READ = (
    *("image", "file", "author", "attribution", "license", "license_code", "license_url"),
    *("source", "page", "changes", "restrictions"),
)
"""Columns of images.parquet that the attribution needs."""
SHOWN = 20
"""Rows of the table in the card."""
NO_LICENSE = "not stated"


@dataclass
class Credits:
    """Counts of licenses, and the first rows of the attribution."""

    licenses: Counter[str] = field(default_factory=Counter)
    """Number of images by license code, or by name for licenses without a code."""
    not_free: Counter[str] = field(default_factory=Counter)
    """Number of images by license, of those that are not known to be free."""
    named: int = 0
    """Number of images whose license asks to name the author, or is not known."""
    first: list[list[str]] = field(default_factory=list)
    statements: Counter[str] = field(default_factory=Counter)
    """Number of statements of own knowledge by license."""
    stated: list[list[str | int]] = field(default_factory=list)
    """Sources of statements whose license asks to name them, with the number of statements."""


def write(credits: Path, statements: Path | None, target: Target) -> Credits:
    """Write the attribution of all images and statements whose license asks for it, or is not known.

    Args:
        credits: the table `images.parquet`.
        statements: the table of own knowledge, if there is any.
        target: the folder that gets the file.
    """
    counted = Credits()
    with target.open(ATTRIBUTION) as file:
        file.write(_head().encode())
        for row in tables.image_texts(credits, READ):
            license = _license(row)
            code = row["license_code"] or row["license"] or NO_LICENSE
            counted.licenses[code] += 1
            counted.not_free[code] += license is None
            if license is None or license.attribution:
                counted.named += 1
                cells = attribution(row)
                if len(counted.first) < SHOWN:
                    counted.first.append(cells)
                file.write(f"| {' | '.join(cells)} |\n".encode())
        if statements is not None:
            _count_statements(statements, counted)
            if counted.stated:
                file.write(f"\n## Statements\n\n{table(STATED_COLUMNS, counted.stated)}".encode())
    counted.not_free = +counted.not_free
    return counted


def _count_statements(path: Path, counted: Credits) -> None:
    """Count the statements by license, and by source where the license asks to name it."""
    rows = tables.read(path, tables.STATEMENT_SCHEMA, tables.STATEMENT_NEEDED).to_pylist()
    sources: Counter[tuple[str, str, str]] = Counter()
    for row in rows:
        license = _license(row)
        counted.statements[row["license_code"] or row["license"] or NO_LICENSE] += 1
        if license is None or license.attribution:
            sources[row["source"], row["author"], row["license"]] += 1
    counted.stated = [[*map(escape, names), count] for names, count in sorted(sources.items())]


def _head() -> str:
    head = (
        "Images whose license asks to name the author, or whose license is not known. `images.parquet` has all images."
    )
    return f"# Attribution\n\n{head}\n\n{table(COLUMNS, [])}"


def attribution(row: dict[str, Any]) -> list[str]:
    """Return the cells of an image, as Markdown."""
    name = Path(row["image"]).stem[:12]
    license = link(row["license"], row["license_url"]) if row["license"] else NO_LICENSE
    title = link(row["file"], row["page"] or row["source"])
    return [
        f"`{name}`" if name.isalnum() else escape(name),
        *(title, escape(row["attribution"] or row["author"]), license),
        *(escape(row["changes"]), escape(row["restrictions"])),
    ]


def _license(row: dict[str, Any]) -> licenses.License | None:
    """Return the license of an image; None if it is not known to be free."""
    try:
        return licenses.find(row["license"], row["license_code"])
    except ImageError:
        return None
