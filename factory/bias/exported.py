"""Bias of an export, which can be an imported one: its questions after whatever was dropped, by their columns."""

import tempfile
from pathlib import Path
from typing import Any

from factory.bias.bias import SHARES, Shares, figures
from factory.exchange.source import Source
from pangea_cultural.dataset.export import Export
from pangea_cultural.utils.console import Reporter

DIMENSIONS = {"region": "region", "language": "language", "property": "property", "entity type": "entity_type"}
FACTS = """
SELECT DISTINCT region, language, property, entity_type, entity, image, question, answer
FROM question WHERE split = 'train'
"""
"""Questions of train. A question and its choice form are one row."""
ANSWERS = "SELECT lower(answer) AS answer, property, entity_type, language FROM fact"
REGIONS = """
SELECT region, count(DISTINCT nullif(entity, '')) AS entities, count(DISTINCT nullif(image, '')) AS images
FROM question WHERE region <> '' GROUP BY region ORDER BY region
"""


def measure(export: Export) -> dict[str, Any]:
    """Return what `bias.measure` does, of the questions of an export."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Reporter(quiet=True).bar("bias", 0) as bar,
        Source(export, Path(folder), bar) as source,
    ):
        source.keep("fact", FACTS)
        counts = {(name, "after"): _counts(source, column) for name, column in DIMENSIONS.items()}
        shown = {row.pop("region"): row for row in source.rows(REGIONS)}
        answers = source.table(SHARES.replace("ROWS", ANSWERS)).to_pylist()[0]
    return figures(counts, shown) | {"answers": [Shares(stage="after", **answers)]}


def _counts(source: Source, column: str) -> dict[str, int]:
    table = source.table(f"SELECT {column}, count(*) FROM fact WHERE {column} <> '' GROUP BY 1 ORDER BY 1")
    return dict(zip(*(values.to_pylist() for values in table.columns), strict=True))
