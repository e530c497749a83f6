"""Images of exports that training does not use, with their questions, facts and credits."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from demos.records import Row, records
from pangea_cultural.dataset.export import Export, questions_name
from pangea_cultural.dataset.sql import images, parquet, quoted, readable

SPLITS = ("test", "unseen")
NUMBER = 18
"""Images of a page."""
NUM_QUESTIONS = 6
FILTERS = ("export", "region", "entity_type", "language")
SHOWN = """
CREATE TABLE shown AS SELECT *, row_number() OVER (PARTITION BY export, entity ORDER BY md5(image)) AS turn
FROM (SELECT export, image, any_value(entity) AS entity, any_value(region) AS region,
             any_value(entity_type) AS entity_type, list(DISTINCT language) AS languages
      FROM question WHERE question_type = 'open' GROUP BY export, image)
"""


class Picked(NamedTuple):
    """An image of an export."""

    export: str
    image: str


@dataclass(frozen=True)
class Known:
    """A question of an export."""

    property: str
    template: str
    answers: list[str]


class Gallery:
    """The images of several exports. Threads may use one object at the same time.

    Args:
        exports: the exports, which may be none.
    """

    def __init__(self, exports: Sequence[Export]) -> None:
        self.exports = {export.path.name: export for export in exports}
        self._connection = duckdb.connect(":memory:")
        self._lock = threading.Lock()
        if not exports:
            return
        files = [(name, export, split) for name, export in self.exports.items() for split in SPLITS]
        with readable(exports[0].path):
            parts = [
                f"SELECT *, {quoted(name)} AS export FROM {parquet(export.path / questions_name(split))}"
                for name, export, split in files
            ]
            self._connection.execute(f"CREATE VIEW question AS {' UNION ALL BY NAME '.join(parts)}")
            credits = [
                f"SELECT *, {quoted(name)} AS export FROM ({images(export.path / 'images.parquet')})"
                for name, export in self.exports.items()
            ]
            self._connection.execute(f"CREATE VIEW credit AS {' UNION ALL BY NAME '.join(credits)}")
            self._connection.execute(SHOWN)

    @property
    def folders(self) -> list[Path]:
        """Folders of the images."""
        return [export.path / "images" for export in self.exports.values()]

    def values(self, column: str) -> list[str]:
        """Return the values of a column of `FILTERS`."""
        if not self.exports:
            return []
        inner = "unnest(languages)" if column == "language" else column
        return [row["value"] for row in self._rows(f"SELECT DISTINCT {inner} AS value FROM shown ORDER BY 1")]

    def count(self, chosen: dict[str, str]) -> int:
        """Return the number of images that a filter leaves."""
        if not self.exports:
            return 0
        where, values = _where(chosen)
        return int(self._rows(f"SELECT count(*) AS number FROM shown {where}", values)[0]["number"])

    def page(self, chosen: dict[str, str], start: int) -> list[Picked]:
        """Return images of a filter: one of each entity first, in an order that depends on their names only."""
        if not self.exports:
            return []
        where, values = _where(chosen)
        query = f"SELECT export, image FROM shown {where} ORDER BY turn, md5(image) LIMIT {NUMBER} OFFSET $start"
        return [Picked(row["export"], row["image"]) for row in self._rows(query, values | {"start": start})]

    def file(self, picked: Picked) -> Path | None:
        """Return the path of an image; None if its name leaves the export."""
        return self.exports[picked.export].file(picked.image, below="images")

    def entity(self, picked: Picked) -> str:
        """Return the id of the entity that an image shows."""
        rows = self._rows(f"SELECT entity FROM shown WHERE {_THIS} LIMIT 1", picked._asdict())
        return rows[0]["entity"] if rows else ""

    def questions(self, picked: Picked | None, language: str) -> list[str]:
        """Return questions in a language about an image, or about any image, of as many properties as possible."""
        if not self.exports:
            return []
        values: dict[str, Any] = {"language": language, **(picked._asdict() if picked else {})}
        rows = self._rows(
            f"""SELECT question FROM (SELECT DISTINCT ON (property, question) property, question, image FROM question
                WHERE question_type = 'open' AND language = $language {f"AND {_THIS}" if picked else ""})
                ORDER BY row_number() OVER (PARTITION BY property ORDER BY md5(question)), property
                LIMIT {NUM_QUESTIONS}""",
            values,
        )
        return list(dict.fromkeys(row["question"] for row in rows))

    def known(self, picked: Picked, language: str, question: str) -> Known | None:
        """Return what an export knows about a question of an image; None for other questions."""
        rows = self._rows(
            f"""SELECT property, template, answers FROM question
                WHERE {_THIS} AND language = $language AND question = $question LIMIT 1""",
            {"language": language, "question": question, **picked._asdict()},
        )
        return Known(**rows[0]) if rows else None

    def parallel(self, picked: Picked, known: Known, other: str) -> str:
        """Return the same question about an image in another language; an empty text if there is none."""
        rows = self._rows(
            f"""SELECT question FROM question
                WHERE {_THIS} AND language = $other AND property = $property AND question_type = 'open'
                ORDER BY split_part(template, '/', -1) <> $wording, question LIMIT 1""",
            {"other": other, "property": known.property, "wording": known.template.split("/")[-1], **picked._asdict()},
        )
        return rows[0]["question"] if rows else ""

    def options(self, picked: Picked, known: Known, language: str) -> list[str]:
        """Return the options of a choice question of the same property; none if there is no such question."""
        rows = self._rows(
            f"""SELECT choices FROM question
                WHERE {_THIS} AND language = $language AND property = $property AND question_type = 'choice'
                ORDER BY id LIMIT 1""",
            {"language": language, "property": known.property, **picked._asdict()},
        )
        return rows[0]["choices"] if rows else []

    def facts(self, picked: Picked, language: str) -> list[Row]:
        """Return the facts about an image in a language: property, sentence and answers."""
        return self._rows(
            f"""SELECT property, min(coalesce(nullif(sentence, ''), answer)) AS sentence, any_value(answers) AS answers
                FROM question WHERE {_THIS} AND language = $language GROUP BY property ORDER BY property""",
            {"language": language, **picked._asdict()},
        )

    def credit(self, picked: Picked) -> Row:
        """Return author, license and source of an image; empty if the export does not have it."""
        rows = self._rows(f"SELECT * FROM credit WHERE {_THIS} LIMIT 1", picked._asdict())
        return rows[0] if rows else {}

    def _rows(self, query: str, values: dict[str, Any] | None = None) -> list[Row]:
        with self._lock:
            cursor = self._connection.cursor()
        return records(cursor.execute(query, values or {}))


_THIS = "export = $export AND image = $image"


def _where(chosen: dict[str, str]) -> tuple[str, dict[str, str]]:
    """Return the condition of a filter, and its values. Empty values limit nothing."""
    values = {column: chosen[column] for column in FILTERS if chosen.get(column)}
    conditions = [
        "list_contains(languages, $language)" if column == "language" else f"{column} = ${column}" for column in values
    ]
    return (f"WHERE {' AND '.join(conditions)}" if conditions else ""), values
