"""Coverage of languages: how many of the values that questions can be about have a text in each language."""

from typing import Any, NamedTuple

from factory.reference.properties import NAME, properties
from factory.store.store import Store

# Best values of the properties that questions ask about, direct and along paths, with the entities' own names.
COUNTS = """
WITH step AS (SELECT unnest($ids) AS property, unnest($first) AS first_step, unnest($second) AS second_step),
best AS (
    SELECT c.entity, c.property, c.value FROM claim c JOIN entity e USING (entity)
    WHERE e.selected AND c.best AND c.value_type IN ('item', 'time', 'quantity')
),
used AS (
    SELECT DISTINCT s.property, b.value FROM step s JOIN best b ON b.property = s.first_step WHERE s.second_step = ''
    UNION
    SELECT DISTINCT s.property, c.value
    FROM step s JOIN best b ON b.property = s.first_step
    JOIN claim c ON c.entity = b.value AND c.property = s.second_step AND c.best
    WHERE s.second_step <> ''
    UNION
    SELECT $name, entity FROM entity WHERE selected
),
language AS (SELECT DISTINCT language FROM value_text)
SELECT u.property, l.language, count(*) AS used, count(t.value) AS named
FROM used u CROSS JOIN language l
LEFT JOIN value_text t ON t.value = u.value AND t.language = l.language AND t.region = ''
GROUP BY u.property, l.language
ORDER BY used DESC, u.property, l.language
"""
LANGUAGES_A_TABLE = 13


class Coverage(NamedTuple):
    """Values of a property, and those that have a text in a language."""

    property: str
    language: str
    values: int
    named: int


def coverage(store: Store) -> list[Coverage]:
    """Return the coverage of each property that has values, in each language of the store."""
    asked = [row for row in properties().values() if row.question and row.id != NAME]
    parameters = {
        "ids": [row.id for row in asked],
        "first": [row.path[0] if row.path else row.id for row in asked],
        "second": [row.path[1] if row.path else "" for row in asked],
        "name": NAME,
    }
    return [Coverage(*row) for row in store.rows(COUNTS, parameters)]


def as_json(rows: list[Coverage]) -> dict[str, list[dict[str, Any]]]:
    """Return the coverage as records, by language and by property and language."""
    return {
        "languages": [
            {"language": language, "values": values, "named": named} for language, values, named in _by_language(rows)
        ],
        "properties": [row._asdict() for row in rows],
    }


def as_tables(rows: list[Coverage]) -> list[tuple[str, list[str], list[list[Any]]]]:
    """Return the coverage as titles, columns and cells: one table by language, others of some languages each."""
    totals: list[list[Any]] = [[*row, _percent(row[2], row[1])] for row in _by_language(rows)]
    tables = [("Values with a text", ["language", "values", "with a text", "percent"], totals)]
    languages = [language for language, _, _ in _by_language(rows)]
    named = {(row.property, row.language): row.named for row in rows}
    values = {row.property: row.values for row in rows}
    for start in range(0, len(languages), LANGUAGES_A_TABLE):
        part = languages[start : start + LANGUAGES_A_TABLE]
        cells = [
            [name, properties()[name].label, count, *(named[name, language] for language in part)]
            for name, count in values.items()
        ]
        tables.append(("Values with a text, by property", ["property", "name", "values", *part], cells))
    return tables


def _by_language(rows: list[Coverage]) -> list[tuple[str, int, int]]:
    """Return the languages with their sums over all properties, the best first."""
    sums: dict[str, tuple[int, int]] = {}
    for row in rows:
        values, named = sums.get(row.language, (0, 0))
        sums[row.language] = values + row.values, named + row.named
    ordered = sorted(sums.items(), key=lambda item: (-item[1][1], item[0]))
    return [(language, values, named) for language, (values, named) in ordered]


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else ""
