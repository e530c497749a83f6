"""The part of a report about models: questions that one rewrote, and how surely another finds the entity in images."""

from typing import Any

import duckdb

from factory.reference.properties import properties
from factory.report.samples import thumbnail
from pangea_cultural.dataset.export import Export
from pangea_cultural.reference.languages import languages

BINS = 10
"""Bars of the probabilities of images."""
EXAMPLES = 12
"""Rewritten questions to show, of as many languages."""
DOUBTFUL = 6
"""Images to show: those with the lowest probabilities."""
REWRITTEN = """
SELECT language AS name, count(*) AS rows, count(*) FILTER (rewritten_by <> '') AS rewritten
FROM file_row WHERE question_type = 'open' GROUP BY language HAVING rewritten > 0 ORDER BY rewritten DESC, name
"""
EXAMPLE = """
SELECT unnest(min_by(r, md5(id || $seed), 1)) FROM file_row r
WHERE rewritten_by <> '' AND question_type = 'open' GROUP BY language ORDER BY language LIMIT $number
"""
PROBABILITIES = f"""
SELECT least(floor(relevance * {BINS}), {BINS - 1})::INTEGER AS bin, count(*) AS images
FROM image WHERE relevance IS NOT NULL GROUP BY bin ORDER BY bin
"""
LOWEST = (
    "SELECT image, coalesce(file, '') AS file, coalesce(entity, '') AS entity, relevance "
    "FROM image WHERE relevance IS NOT NULL ORDER BY relevance, image LIMIT $n"
)
Row = dict[str, Any]


def read(connection: duckdb.DuckDBPyConnection, export: Export, *, seed: int) -> Row:
    """Return what the section shows: `rewriting` and `relevance`. It is empty if no model took part.

    Args:
        connection: has the views `file_row` and `image`.
        export: the export, whose image files are read.
        seed: seed of the sample.
    """
    found = {"rewriting": _rewriting(connection, seed), "relevance": _relevance(connection, export)}
    return found if any(found.values()) else {}


def _rewriting(connection: duckdb.DuckDBPyConnection, seed: int) -> Row:
    """Return the counts by language and examples, or nothing if no question is rewritten."""
    counts = connection.sql(REWRITTEN).to_arrow_table().to_pylist()
    if not counts:
        return {}
    known = languages()
    for row in counts:
        row["title"] = known[row["name"]].name if row["name"] in known else row["name"]
    found = connection.execute(EXAMPLE, {"seed": f"-{seed}", "number": EXAMPLES}).fetchall()
    examples = [row for (row,) in found]
    for row in examples:
        language = known.get(row["language"])
        row["title"] = language.name if language else row["language"]
        row["direction"] = language.direction if language else "auto"
        row["asked"] = properties()[row["property"]].label if row["property"] in properties() else row["property"]
    return {"counts": counts, "examples": examples}


def _relevance(connection: duckdb.DuckDBPyConnection, export: Export) -> Row:
    """Return the numbers of images by probability and the least probable ones, or nothing without probabilities."""
    counts = dict(connection.sql(PROBABILITIES).fetchall())
    if not counts:
        return {}
    bins = [{"low": n / BINS, "high": (n + 1) / BINS, "images": counts.get(n, 0)} for n in range(BINS)]
    lowest = connection.sql(LOWEST, params={"n": DOUBTFUL}).to_arrow_table().to_pylist()
    return {
        "bins": bins,
        "largest": max(counts.values()),
        "images": sum(counts.values()),
        "unjudged": connection.sql("SELECT count(*) FROM image WHERE relevance IS NULL").fetchall()[0][0],
        "lowest": [row | thumbnail(export.file(row["image"], below="images")) for row in lowest],
    }
