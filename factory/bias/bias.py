"""Bias of a store: how unevenly the questions of train are spread, and whether they follow wealth and population.

Counts are taken after and before the questions that the recipe drops for balance.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from factory.store.store import Store
from pangea_cultural.reference.regions import Region, regions

DIMENSIONS = {
    "region": "i.region",
    "language": "v.language",
    "property": "a.property",
    "entity type": "a.entity_type",
}
"""Groups of questions, with their columns."""
STAGES = ("before", "after")
"""States of the questions: before and after what the recipe drops for balance."""
MIN_REGIONS = 5
"""Number of regions from which a rank correlation is computed."""
RESAMPLES = 9999
CONFIDENCE = 0.95
SEED = 0

QUESTIONS = """
SELECT GROUP_COLUMN AS name, count(*) AS questions
FROM item i JOIN asked a USING (asked) JOIN (SELECT image FROM split WHERE split = 'train') s USING (image)
JOIN (DRAWN) d ON d.item = i.item JOIN variant v ON v.variant = d.variant
GROUP BY ALL ORDER BY ALL
"""
ANSWERS = """
SELECT lower(n.text) AS answer, a.property, a.entity_type, v.language
FROM item i JOIN asked a USING (asked) JOIN (SELECT image FROM split WHERE split = 'train') s USING (image)
JOIN (DRAWN) d ON d.item = i.item JOIN variant v ON v.variant = d.variant
JOIN value_number w ON w.value = i.value JOIN value_name n ON n.key = w.number::BIGINT * 256 + d.variant
"""
SHARES = """
SELECT count(*) AS groups, count(*) FILTER (most * 4 > questions) AS over, count(*) FILTER (answers < 4) AS few
FROM (
    SELECT count(*) AS answers, max(n) AS most, sum(n) AS questions
    FROM (SELECT property, entity_type, language, answer, count(*) AS n FROM (ROWS) GROUP BY ALL)
    GROUP BY property, entity_type, language
)
"""
"""Numbers of groups of `Shares`, from rows with an answer in lower case."""
AFTER = "SELECT item, variant FROM drawn_question"
BEFORE = f"{AFTER} UNION ALL SELECT item, variant FROM dropped_question WHERE starts_with(reason, 'balance')"


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Evenness of the questions over the groups of a dimension. A question and its choice form count once."""

    dimension: str
    stage: str
    """State of the questions: one of `STAGES`."""
    groups: int
    questions: int
    gini: float | None
    """0 if all groups have equally many questions, near 1 if one has all."""
    largest: str
    largest_share: float


@dataclass(frozen=True, kw_only=True)
class Shares:
    """Groups of questions of train by property, entity type and language, in which one answer has a large share."""

    stage: str
    groups: int
    over: int
    """Groups in which an answer has more than a quarter."""
    few: int
    """Those of fewer than four answers, where no choice of questions can change that."""


@dataclass(frozen=True, kw_only=True)
class Correlation:
    """Rank correlation of the numbers of a region with one of its figures."""

    counted: str
    """`entities`, `images`, or `questions` before or after balance."""
    figure: str
    regions: int
    rho: float | None
    """Spearman's coefficient; None for few regions, or if all numbers are equal."""
    low: float | None
    high: float | None
    """Interval (95 %) of the bootstrap over regions."""


def measure(store: Store) -> dict[str, Any]:
    """Return `spreads`, `answers`, `correlations`, and the numbers of each region as `regions`."""
    return figures(_counts(store), _regions(store)) | {"answers": _answers(store)}


def balance(store: Store) -> dict[str, Any]:
    """Return `spreads` and `answers`: what balance changes."""
    counts = _with_all_regions(_counts(store), _regions(store))
    return {"spreads": _spreads(counts), "answers": _answers(store)}


def _counts(store: Store) -> dict[tuple[str, str], dict[str, int]]:
    """Return the numbers of questions by group, of each dimension and stage."""
    return {
        (dimension, stage): dict(store.rows(_of_stage(QUESTIONS, stage).replace("GROUP_COLUMN", column)))
        for dimension, column in DIMENSIONS.items()
        for stage in STAGES
    }


def _answers(store: Store) -> list[Shares]:
    return [_shares(store, stage) for stage in STAGES]


def _shares(store: Store, stage: str) -> Shares:
    groups, over, few = store.rows(SHARES.replace("ROWS", _of_stage(ANSWERS, stage)))[0]
    return Shares(stage=stage, groups=groups, over=over, few=few)


def figures(counts: dict[tuple[str, str], dict[str, int]], shown: dict[str, dict[str, int]]) -> dict[str, Any]:
    """Return the figures of counts.

    Args:
        counts: numbers of questions by group, of each dimension and stage.
        shown: numbers of entities and images by region.

    Returns:
        `spreads`, `correlations`, and the numbers of each region as `regions`.
    """
    counts = _with_all_regions(counts, shown)
    numbers = {name: {region: row[name] for region, row in shown.items()} for name in ("entities", "images")}
    numbers |= {f"questions {stage}": found for (dimension, stage), found in counts.items() if dimension == "region"}
    known = {name: regions()[name] for name in sorted(shown) if name in regions()}
    return {
        "spreads": _spreads(counts),
        "correlations": [
            correlation(counted, figure, found, known)
            for figure in ("GDP per capita", "population")
            for counted, found in numbers.items()
        ],
        "regions": [_row(name, numbers, known.get(name)) for name in sorted(shown)],
    }


def _with_all_regions(
    counts: dict[tuple[str, str], dict[str, int]], shown: dict[str, dict[str, int]]
) -> dict[tuple[str, str], dict[str, int]]:
    """Return counts in which a region whose questions are all in other splits is one without questions."""
    none = dict.fromkeys(sorted(shown), 0)
    return {key: none | found if key[0] == "region" else found for key, found in counts.items()}


def _spreads(counts: dict[tuple[str, str], dict[str, int]]) -> list[Spread]:
    return [spread(dimension, stage, found) for (dimension, stage), found in counts.items()]


def _of_stage(query: str, stage: str) -> str:
    return query.replace("DRAWN", BEFORE if stage == "before" else AFTER)


def _regions(store: Store) -> dict[str, dict[str, int]]:
    """Return the numbers of entities and images of each region that has entities."""
    rows = store.rows(
        """SELECT region, count(DISTINCT entity), count(DISTINCT image)
           FROM entity_region LEFT JOIN entity_image USING (entity) GROUP BY region ORDER BY region"""
    )
    return {name: {"entities": entities, "images": images} for name, entities, images in rows}


def _figure(region: Region, name: str) -> float | None:
    if name == "population":
        return region.population.count if region.population else None
    return region.gdp_per_capita.usd if region.gdp_per_capita else None


def _row(name: str, numbers: dict[str, dict[str, int]], region: Region | None) -> dict[str, Any]:
    return {
        "region": name,
        "gdp_per_capita": _figure(region, "GDP per capita") if region else None,
        "population": _figure(region, "population") if region else None,
        **{counted.replace(" ", "_"): found[name] for counted, found in numbers.items()},
    }


def spread(dimension: str, stage: str, counts: dict[str, int]) -> Spread:
    """Return the evenness of counts by group."""
    total = sum(counts.values())
    largest = max(counts, key=lambda name: counts[name], default="")
    return Spread(
        dimension=dimension,
        stage=stage,
        groups=len(counts),
        questions=total,
        gini=gini(list(counts.values())),
        largest=largest,
        largest_share=counts[largest] / total if total else 0.0,
    )


def gini(counts: list[int]) -> float | None:
    """Return the Gini coefficient: half of the mean difference, divided by the mean. None if all counts are 0."""
    values = np.sort(np.asarray(counts, np.float64))
    if not values.sum():
        return None
    places = np.arange(1, len(values) + 1)
    return float((2 * places - len(values) - 1) @ values / (len(values) * values.sum()))


def correlation(counted: str, figure: str, counts: dict[str, int], known: dict[str, Region]) -> Correlation:
    """Return Spearman's coefficient of counts and a figure, with the percentile interval of the bootstrap."""
    pairs = [(counts[name], value) for name, region in known.items() if (value := _figure(region, figure)) is not None]
    result = Correlation(counted=counted, figure=figure, regions=len(pairs), rho=None, low=None, high=None)
    if len(pairs) < MIN_REGIONS:
        return result
    values = np.asarray(pairs, np.float64).T
    rho = _spearman(values[:, None, :])[0]
    if np.isnan(rho):
        return result
    draws = np.random.default_rng(SEED).integers(0, len(pairs), (RESAMPLES, len(pairs)))
    drawn = _spearman(values[:, draws])
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(drawn, [tail, 1 - tail])
    return Correlation(
        counted=counted, figure=figure, regions=len(pairs), rho=float(rho), low=float(low), high=float(high)
    )


def _spearman(values: np.ndarray) -> np.ndarray:
    """Return the coefficients of samples; shape (2, samples, regions). NaN where all numbers of a sample are equal."""
    ranks = stats.rankdata(values, axis=2)
    centered = ranks - ranks.mean(axis=2, keepdims=True)
    with np.errstate(invalid="ignore"):
        return (centered[0] * centered[1]).sum(axis=1) / np.sqrt((centered**2).sum(axis=2).prod(axis=0))
