"""Counts of an export by split, language, region, property and entity type."""

import tempfile
from pathlib import Path

from factory.exchange.source import Source
from pangea_cultural.dataset.export import Export
from pangea_cultural.utils.console import Reporter

GROUPS = ("split", "language", "region", "property", "entity_type")
COLUMNS = ("questions", "choice", "entities", "images")
COUNTS = """
SELECT {group} AS name, count(*) AS questions, count(*) FILTER (question_type = 'choice') AS choice,
       count(DISTINCT nullif(entity, '')) AS entities, count(DISTINCT nullif(image, '')) AS images
FROM question GROUP BY {group} ORDER BY questions DESC, name
"""

Counts = dict[str, dict[str, dict[str, int]]]
"""Numbers by group (such as `language`), name (such as `en`) and column."""


def count(export: Export, reporter: Reporter) -> Counts:
    """Count the questions of an export."""
    with (
        tempfile.TemporaryDirectory() as folder,
        reporter.bar("export: counts", len(GROUPS)) as bar,
        Source(export, Path(folder), bar) as source,
    ):
        result = {}
        for group in GROUPS:
            rows = list(source.rows(COUNTS.format(group=group)))
            result[group] = {row["name"]: {column: row[column] for column in COLUMNS} for row in rows}
            bar.advance()
        return result
