"""Balance of random draws: places of answers, wordings, and values that are never a wrong option.

A deviation counts if it is larger than chance explains in all comparisons of its kind together (1 %).
"""

from dataclasses import dataclass
from itertools import groupby

import duckdb
from scipy import special

from pangea_cultural.utils.intervals import wilson

ALPHA = 0.01
MIN_DRAWS = 30
"""Number of draws from which the shares of wordings are judged."""
MIN_POOL = 4
"""Number of values from which each of them should be a wrong option."""
TOLERANCE = 0.2
"""Relative deviation that a wording's share may have: 40 to 60 % of two."""
MIN_OFFSET = 0.01
"""Smallest deviation of a place's share that counts. In 22 million rows smaller ones are beyond chance as well."""


@dataclass(frozen=True, kw_only=True)
class Positions:
    """Shares of the places of the right option in a language."""

    language: str
    questions: int
    shares: tuple[float, ...]
    p_value: float
    uneven: bool


@dataclass(frozen=True, kw_only=True)
class Wordings:
    """Shares of the wordings of a question: those of a language, property and entity type."""

    name: str
    draws: int
    shares: tuple[float, ...]
    uneven: bool


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Answers of a property and entity type, in the language with most questions."""

    property: str
    entity_type: str
    language: str
    values: int
    never_wrong: int
    by_chance: float
    """Number of values that draws as frequent as the answers would leave out."""
    unused: bool


def positions(connection: duckdb.DuckDBPyConnection) -> list[Positions]:
    """Return the places of the right options by language, most uneven first."""
    rows = connection.execute(
        "SELECT language, len(choices), list_position(choices, answer), count(*) FROM choice GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    languages = {language: list(found) for language, found in groupby(rows, key=lambda row: row[0])}
    result = [_positions(language, found, len(languages)) for language, found in languages.items()]
    return sorted(result, key=lambda row: (row.p_value, row.language))


def _positions(language: str, rows: list[tuple[str, int, int, int]], languages: int) -> Positions:
    counts = {(options, place): count for _, options, place, count in rows}
    totals = {options: sum(n for (o, _), n in counts.items() if o == options) for options, _ in counts}
    chi_square = sum(
        (counts.get((options, place), 0) - total / options) ** 2 / (total / options)
        for options, total in totals.items()
        for place in range(1, options + 1)
    )
    questions = sum(totals.values())
    p_value = float(special.chdtrc(sum(options - 1 for options in totals), chi_square))
    places = range(1, max(totals) + 1)
    shares = tuple(sum(counts.get((o, place), 0) for o in totals) / questions for place in places)
    wanted = tuple(sum(n / o for o, n in totals.items() if o >= place) / questions for place in places)
    offset = max(abs(share - even) for share, even in zip(shares, wanted, strict=True))
    uneven = p_value < ALPHA / languages and offset > MIN_OFFSET
    return Positions(language=language, questions=questions, shares=shares, p_value=p_value, uneven=uneven)


def wordings(connection: duckdb.DuckDBPyConnection) -> list[Wordings]:
    """Return the shares of wordings, most uneven first.

    The open and the choice question of a fact have the same wording: they are one draw.
    """
    rows = connection.execute(
        """SELECT regexp_extract(template, '^(.*)/[0-9]+$', 1) AS name, template,
                  greatest(count(*) FILTER (question_type = 'open'),
                           count(*) FILTER (question_type = 'choice')) AS draws
           FROM row WHERE name <> '' GROUP BY ALL ORDER BY ALL"""
    ).fetchall()
    groups = {name: [draws for _, _, draws in found] for name, found in groupby(rows, key=lambda row: row[0])}
    judged = sum(1 for draws in groups.values() if sum(draws) >= MIN_DRAWS)
    result = [_wordings(name, draws, judged) for name, draws in groups.items()]
    return sorted(result, key=lambda row: (not row.uneven, -max(row.shares), row.name))


def _wordings(name: str, draws: list[int], judged: int) -> Wordings:
    total, count = sum(draws), max(2, len(draws))
    quantile = -float(special.ndtri(ALPHA / 2 / max(1, judged * count)))
    bounds = [wilson(number / total, total, quantile) for number in draws]
    outside = any(low > (1 + TOLERANCE) / count or high < (1 - TOLERANCE) / count for low, high in bounds)
    shares = tuple(number / total for number in draws)
    return Wordings(name=name, draws=total, shares=shares, uneven=outside and total >= MIN_DRAWS)


POOLS = """
WITH option AS (
    SELECT property, entity_type, language, option, count(*) FILTER (option = answer) AS times_right,
           count(*) FILTER (option <> answer) AS times_wrong
    FROM (SELECT property, entity_type, language, answer, unnest(choices) AS option FROM choice)
    GROUP BY ALL
),
pool AS (
    SELECT property, entity_type, language, sum(times_right) AS questions, sum(times_wrong) AS wrong,
           count(*) AS answers
    FROM option WHERE times_right > 0 GROUP BY ALL
),
found AS (
    SELECT property, entity_type, language, any_value(answers)::INTEGER AS answers, any_value(questions) AS questions,
           (count(*) FILTER (times_right > 0 AND times_wrong = 0))::INTEGER AS never_wrong,
           -- As integers, because the sum of fractions depends on their order.
           sum((1e9 * greatest(exp(-times_right * wrong / questions), exp(-wrong / answers)))::BIGINT)
               FILTER (times_right > 0) / 1e9 AS by_chance
    FROM option JOIN pool USING (property, entity_type, language)
    WHERE answers >= $least
    GROUP BY property, entity_type, language
)
SELECT property, entity_type, language, answers, never_wrong, by_chance FROM found
QUALIFY row_number() OVER (PARTITION BY property, entity_type ORDER BY questions DESC, language) = 1
ORDER BY ALL
"""


def pools(connection: duckdb.DuckDBPyConnection) -> list[Pool]:
    """Return the pools of values, those with most unused ones first.

    Only one language of a pool is looked at, because all languages have the same wrong options.
    """
    rows = connection.execute(POOLS, {"least": MIN_POOL}).fetchall()
    result = [
        Pool(
            property=property,
            entity_type=entity_type,
            language=language,
            values=values,
            never_wrong=never,
            by_chance=by_chance,
            unused=bool(never and special.pdtrc(never - 1, by_chance) < ALPHA / len(rows)),
        )
        for property, entity_type, language, values, never, by_chance in rows
    ]
    return sorted(result, key=lambda pool: (not pool.unused, -pool.never_wrong, pool.property, pool.entity_type))
