"""Rows of an export for its report: a few of each language, about different properties, with small images."""

import base64
import io
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb

from pangea_cultural.dataset.export import Export
from pangea_cultural.errors import ImageError
from pangea_cultural.utils.images import MISSING, read_rgb
from pangea_cultural.utils.sampling import hash_key

SIDE = 320
"""Longer side of an image of the report, in pixels."""
QUALITY = 80
Row = dict[str, Any]


def draw(connection: duckdb.DuckDBPyConnection, *, number: int, seed: int) -> list[Row]:
    """Return sampled rows, languages in alphabetical order. The same seed gives the same rows.

    Args:
        connection: has the view `file_row`.
        number: rows of each language at most. Each is about another property, as long as there are any.
        seed: seed of the sample.
    """
    # One row of each property and language first: in bounded memory, and rare properties are seen.
    rows = connection.execute(
        """SELECT unnest(min_by(r, md5(id || $seed), $number))
           FROM file_row r GROUP BY language, property ORDER BY language""",
        {"seed": f"-{seed}", "number": number},
    )
    found = sorted((row for (row,) in rows.fetchall()), key=lambda row: row["language"])
    return [
        row
        for _, group in groupby(found, key=lambda row: row["language"])
        for row in _varied(list(group), number=number, seed=seed)
    ]


def _varied(rows: list[Row], *, number: int, seed: int) -> list[Row]:
    """Return rows of one language in turn by property, in a shuffled order."""
    rows = sorted(rows, key=lambda row: hash_key(f"{row['id']}-{seed}"))
    turns: dict[str, int] = {}
    ranked = []
    for position, row in enumerate(rows):
        turn = turns.get(row["property"], 0)
        turns[row["property"]] = turn + 1
        ranked.append((turn, position, row))
    return [row for _, _, row in sorted(ranked, key=lambda item: item[:2])[:number]]


def with_images(connection: duckdb.DuckDBPyConnection, rows: list[Row], export: Export) -> list[Row]:
    """Return the rows with `thumbnail` (a data URL), `width` and `height` or `problem`, and `credit`.

    Args:
        connection: has the view `image`.
        rows: rows of an export.
        export: the export, whose image files are read.
    """
    wanted = sorted({row["image"] for row in rows})
    found = connection.sql("SELECT * FROM image WHERE list_contains(?, image)", params=[wanted]).to_arrow_table()
    credits = {row["image"]: {key: value or "" for key, value in row.items()} for row in found.to_pylist()}
    thumbnails = {name: thumbnail(export.file(name, below="images")) for name in wanted}
    return [row | thumbnails[row["image"]] | {"credit": credits.get(row["image"])} for row in rows]


def thumbnail(path: Path | None) -> Row:
    """Return a small JPEG of an image as `thumbnail`, with `width` and `height`, or `problem`, as for None."""
    try:
        if path is None:
            raise ImageError(MISSING)
        image = read_rgb(path)
    except ImageError as error:
        return {"thumbnail": "", "problem": str(error)}
    image.thumbnail((SIDE, SIDE))
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=QUALITY)
    url = "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()
    return {"thumbnail": url, "width": image.width, "height": image.height, "problem": ""}
