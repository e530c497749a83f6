"""Counts of rows by property, entity type and language, and the scripts of answers."""

from dataclasses import dataclass
from typing import Any

import duckdb

from factory.questions import templates
from factory.reference.scripts import FOREIGN_SHARE, letters_of
from pangea_cultural.errors import UserError
from pangea_cultural.reference.languages import language, languages


@dataclass(frozen=True, kw_only=True)
class Count:
    """Numbers of rows of a property, entity type or language."""

    name: str
    rows: int
    choice_rows: int
    entities: int
    answers: int


@dataclass(frozen=True, kw_only=True)
class Language:
    """A language with its rows, and what is known about its texts."""

    language: str
    held_out: bool
    rows: int
    choice_rows: int
    foreign_answers: int
    """Rows whose answer is mostly in letters of another script."""
    reviewed: bool
    """A native speaker read the templates."""


def by(connection: duckdb.DuckDBPyConnection, column: str) -> list[Count]:
    """Return the counts by a column, largest first."""
    rows = connection.execute(
        f"""SELECT {column}, count(*), count(*) FILTER (question_type = 'choice'), count(DISTINCT entity),
                   count(DISTINCT hash(language, answer))
            FROM row GROUP BY ALL ORDER BY 2 DESC, 1"""
    ).fetchall()
    return [Count(name=name, rows=n, choice_rows=c, entities=e, answers=a) for name, n, c, e, a in rows]


def by_language(connection: duckdb.DuckDBPyConnection) -> list[Language]:
    """Return the languages, those with most foreign answers first."""
    connection.execute(
        """CREATE OR REPLACE TABLE answer AS
           SELECT language, answer, any_value(held_out) AS held_out, count(*) AS rows,
                  count(*) FILTER (question_type = 'choice') AS choice_rows,
                  regexp_replace(answer, '[^\\p{L}]', '', 'g') AS letters
           FROM row GROUP BY ALL"""
    )
    files = connection.execute(
        "SELECT language, list(DISTINCT split_part(template, '/', 1)) FROM row GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    result = [_language(connection, code, names) for code, names in files]
    connection.execute("DROP TABLE answer")
    return sorted(result, key=lambda row: (-row.foreign_answers / row.rows, row.language))


def _language(connection: duckdb.DuckDBPyConnection, code: str, files: list[str]) -> Language:
    """Return a language; `files` are the names of its template files, of which regional ones have another name."""
    row: Any = connection.execute(
        """SELECT any_value(held_out), sum(rows)::BIGINT, sum(choice_rows)::BIGINT,
                  coalesce(sum(rows) FILTER (length(regexp_replace(letters, $own, '', 'g')) > $share * length(letters)),
                           0)::BIGINT
           FROM answer WHERE language = $code""",
        {"code": code, "share": FOREIGN_SHARE, "own": _own_letters(code)},
    ).fetchone()
    return Language(
        language=code,
        held_out=row[0],
        rows=row[1],
        choice_rows=row[2],
        foreign_answers=row[3],
        reviewed=all(is_reviewed(name) for name in files),
    )


def _own_letters(code: str) -> str:
    """Return the pattern of a language's letters. Those of an unknown language are not foreign anywhere."""
    return f"[{letters_of(language(code).script)}]" if code in languages() else r"\p{L}"


def is_reviewed(file: str) -> bool:
    """Return whether a native speaker read the templates of a file, as its key `reviewed` says."""
    try:
        return bool(templates.load(file).reviewed)
    except UserError:
        return False
