"""MERLIN-Rare: mentions of MERLIN whose entities are rare by at least one of fifteen measures.

Data and measures: neulab/think-before-you-link, `scripts/build_merlin_rare_dataset.py`. An entity is rare by a measure
if it is among the lowest five percent of its language.
"""

import dataclasses
from collections.abc import Mapping

from evalsuite.benchmarks.base import Row
from evalsuite.benchmarks.culture.merlin import MERLIN
from evalsuite.data.source import Source, Split

MEASURES = (
    "wikipedia_pageviews_90d",
    "wikipedia_backlinks",
    "article_size_bytes",
    "reference_count",
    "revision_count",
    "unique_editors",
    "category_count",
    "image_count",
    "external_links",
    "wikidata_incoming_links",
    "wikidata_outgoing_links",
    "language_editions",
    "statement_count",
    "qualifier_count",
    "entity_age_days",
)


def facets(row: Row) -> Mapping[str, str]:
    """Return for each measure whether the entity is rare."""
    return {f"rare by {measure}": "yes" if row[f"rare_{measure}"] else "no" for measure in MEASURES}


MERLIN_RARE = dataclasses.replace(
    MERLIN,
    name="merlin_rare",
    title="MERLIN-Rare",
    source=Source(repo="neulab/merlin-rare"),
    splits={code: Split(config=code, name="test") for code in MERLIN.splits},
    columns={**MERLIN.columns, "Image Filename": "str", **{f"rare_{measure}": "any" for measure in MEASURES}},
    # Mentions of one headline share its image.
    cluster=lambda row: row["Image Filename"],
    facets=facets,
    unverified=("The prompt of published scores.",),
    deviations=(
        *MERLIN.deviations,
        "Published are losses against all mentions: CulturalPangea loses 15.4 to 39.9 points, by measure.",
    ),
    anchors=(),
)
BENCHMARKS = (MERLIN_RARE,)
