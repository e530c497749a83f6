"""Accuracies of the guessers in each group of questions, and verdicts on them.

A group is over its limit if a guesser's whole interval is. For this verdict the intervals are wider than in the tables:
with hundreds of groups and 12 guessers, one of 95 % would be above by chance somewhere. They hold for all figures of
a level together (Bonferroni). A group whose best guesser is above the limit, but not beyond chance, is unclear.
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import duckdb

from factory.audit.guessers import CREDITS
from factory.audit.headline import GUESSERS
from pangea_cultural.utils.intervals import CONFIDENCE, Totals, interval

MARGIN = 0.05
"""Points that a guesser may reach above the better of chance and the share of the most frequent answer."""
EXACT = 1_000_000_000
"""Factor of shares before they are summed: sums of fractions differ in the last digit with the order of threads."""
MIN_QUESTIONS = 200
"""Number of questions from which a group is judged."""
LEVELS = {
    "all": "'all'",
    "even": "CASE WHEN even THEN 'even' END",
    "languages": "CASE WHEN held_out THEN 'held-out' ELSE 'trained' END",
    "language": "language",
    "property": "property || CASE WHEN held_out THEN ' held-out' ELSE ' trained' END",
    "property language": "property || ' ' || language",
}
"""Names of groups by level, in SQL. `even` has the questions whose answers options can hide; others have no name."""
Verdict = Literal["over", "unclear", "within", "few"]
"""Verdicts on a group, worst first. One of few questions is not judged."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """The accuracy of a guesser in a group."""

    guesser: str
    questions: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Group:
    """The questions of a property, of a language, or of both, and the guessers' figures, best first."""

    level: str
    name: str
    questions: int
    entities: int
    chance: float
    most_frequent: float
    """Share of the most frequent answer, as a mean over the properties, languages and entity types of the group."""
    limit: float
    verdict: Verdict
    figures: tuple[Figure, ...]

    @property
    def best(self) -> Figure:
        """Figure of the guesser with the highest accuracy."""
        return self.figures[0]


def measure(connection: duckdb.DuckDBPyConnection) -> list[Group]:
    """Return all groups of the table `guessed`, worst first within each level."""
    rows = _totals(connection)
    return [group for level in LEVELS for group in _of_level(level, [row for row in rows if row["level"] == level])]


def _of_level(level: str, rows: list[dict[str, Any]]) -> list[Group]:
    figures = sum(len(_tested(row)) for row in rows if row["questions"] >= MIN_QUESTIONS)
    confidence = 1 - (1 - CONFIDENCE) / max(1, figures)
    groups = [_group(level, row, confidence) for row in rows]
    order = get_args(Verdict)
    return sorted(groups, key=lambda row: (order.index(row.verdict), row.limit - row.best.accuracy, row.name))


def _totals(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Return sums of the groups of all levels; those of a guesser are over entities.

    One query: to plan one takes longer than to run it on a small export.
    """
    of_entity = ", ".join(f"sum({g})::BIGINT AS {g}, count({g}) AS {g}_n" for g in GUESSERS)
    of_group = ", ".join(
        f"count(*) FILTER ({g}_n > 0) AS {g}_clusters, sum({g}_n)::BIGINT AS {g}_n, sum({g})::BIGINT AS {g}_score, "
        f"sum({g}::HUGEINT * {g}) AS {g}_squared, sum({g}::HUGEINT * {g}_n) AS {g}_by_n, "
        f"sum({g}_n::HUGEINT * {g}_n) AS {g}_n_squared"
        for g in GUESSERS
    )
    levels = ", ".join(f"{{'level': '{level}', 'name': {name}}}" for level, name in LEVELS.items())
    query = f"""
        WITH named AS (
            SELECT unnest([{levels}], recursive := true), entity, options, floor, {", ".join(GUESSERS)} FROM guessed
        ), entities AS (
            SELECT level, name, entity, count(*) AS questions,
                   sum(({EXACT} / options)::BIGINT) AS chance, sum(({EXACT} * floor)::BIGINT) AS floor, {of_entity}
            FROM named WHERE name IS NOT NULL GROUP BY level, name, entity
        )
        SELECT level, name, sum(questions)::BIGINT AS questions, count(*) AS entities, sum(chance)::DOUBLE AS chance,
               sum(floor)::DOUBLE AS floor, {of_group}
        FROM entities GROUP BY level, name ORDER BY name"""
    found = connection.execute(query)
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _tested(row: dict[str, Any]) -> list[str]:
    """Return the guessers that enough questions of a group are for: the classifier has a sample, times are few."""
    return [guesser for guesser in GUESSERS if row[f"{guesser}_n"] >= MIN_QUESTIONS]


def _cluster_totals(row: dict[str, Any], guesser: str) -> Totals:
    return Totals(
        clusters=row[f"{guesser}_clusters"],
        questions=row[f"{guesser}_n"],
        score=row[f"{guesser}_score"] / CREDITS,
        score_squared=int(row[f"{guesser}_squared"]) / CREDITS**2,
        score_by_questions=int(row[f"{guesser}_by_n"]) / CREDITS,
        questions_squared=int(row[f"{guesser}_n_squared"]),
    )


def _group(level: str, row: dict[str, Any], confidence: float) -> Group:
    questions = row["questions"]
    floor = row["floor"] / EXACT / questions
    # Figures of few questions are left out, unless the group has no others.
    names = _tested(row) or [guesser for guesser in GUESSERS if row[f"{guesser}_n"] == questions]
    figures = [_figure(guesser, _cluster_totals(row, guesser)) for guesser in names]
    best = max(figure.accuracy for figure in figures)
    certain = max(interval(_cluster_totals(row, guesser), confidence=confidence)[0] for guesser in names)
    verdict: Verdict = "over" if certain > floor + MARGIN else "unclear" if best > floor + MARGIN else "within"
    return Group(
        level=level,
        name=row["name"],
        questions=questions,
        entities=row["entities"],
        chance=row["chance"] / EXACT / questions,
        most_frequent=floor,
        limit=floor + MARGIN,
        verdict=verdict if questions >= MIN_QUESTIONS else "few",
        figures=tuple(sorted(figures, key=lambda figure: -figure.accuracy)),
    )


def _figure(guesser: str, totals: Totals) -> Figure:
    low, high = interval(totals)
    return Figure(guesser=guesser, questions=totals.questions, accuracy=totals.share, low=low, high=high)
