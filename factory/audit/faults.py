"""Faults of single rows: duplicates, contradictions, answers that the text gives away."""

from dataclasses import dataclass

import duckdb

from factory.audit.rows import script

DUPLICATES, CONTRADICTIONS = "duplicate rows", "contradictory rows"
RIGHT_ELSEWHERE, EQUAL_ANSWER = "wrong options that are right elsewhere", "wrong options that equal a right answer"
IN_QUESTION, NOT_IN_SENTENCE = "answers in the question", "sentences without the answer"
FAULTS = (
    DUPLICATES,
    CONTRADICTIONS,
    RIGHT_ELSEWHERE,
    EQUAL_ANSWER,
    "equal options",
    "choice questions without their answer",
    IN_QUESTION,
    NOT_IN_SENTENCE,
    "empty answers or questions",
)
"""Faults in the order of the table."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A kind of fault with its number of rows, also by property, and the id of one row."""

    fault: str
    rows: int
    by_property: dict[str, int]
    example: str


def find(connection: duckdb.DuckDBPyConnection) -> list[Fault]:
    """Return all kinds of faults, also those without rows."""
    connection.execute(script("faults.sql"))
    found = connection.execute(
        "SELECT fault, property, sum(faults)::BIGINT, min(id) FROM fault GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    return [_fault(name, [row[1:] for row in found if row[0] == name]) for name in FAULTS]


def _fault(name: str, found: list[tuple[str, int, str]]) -> Fault:
    by_property = {property: rows for property, rows, _ in sorted(found, key=lambda row: -row[1])}
    example = min((id for _, _, id in found), default="")
    return Fault(fault=name, rows=sum(by_property.values()), by_property=by_property, example=example)
