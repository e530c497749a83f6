"""Counts of an export for its report: rows by split, language, region, property and entity type, and licenses."""

from pathlib import Path
from typing import Any

import duckdb

from factory.reference.properties import properties
from pangea_cultural.dataset.export import SPLITS
from pangea_cultural.dataset.sql import parquet
from pangea_cultural.reference.languages import languages
from pangea_cultural.reference.regions import regions

Row = dict[str, Any]
COUNTS = """count(*) AS rows, count(*) FILTER (question_type = 'choice') AS choice_rows,
            count(DISTINCT nullif(entity, '')) AS entities, count(DISTINCT nullif(image, '')) AS images"""


def by_split(connection: duckdb.DuckDBPyConnection) -> list[Row]:
    """Return the counts of each split, in the order of `SPLITS`."""
    found = {row["name"]: row for row in _by(connection, "split")}
    return [found[split] for split in SPLITS if split in found]


def by_language(connection: duckdb.DuckDBPyConnection, held_out: list[str]) -> list[Row]:
    """Return the counts of each language with its names, largest first."""
    table = languages()
    rows = _by(connection, "language")
    for row in rows:
        known = table.get(row["name"])
        row |= {
            "title": known.name if known else row["name"],
            "native": known.native if known else "",
            "direction": known.direction if known else "auto",
            "held_out": row["name"] in held_out,
        }
    return rows


def language_titles(codes: list[str]) -> list[str]:
    """Return the English names of languages. One that the table lacks is named by its code."""
    return [languages()[code].name if code in languages() else code for code in codes]


def by_region(connection: duckdb.DuckDBPyConnection) -> list[Row]:
    """Return the counts of each region with its name, largest first."""
    return _titled(connection, "region", {slug: row.name for slug, row in regions().items()})


def by_property(connection: duckdb.DuckDBPyConnection) -> list[Row]:
    """Return the counts of each property with its label, largest first."""
    return _titled(connection, "property", {name: row.label for name, row in properties().items()})


def by_entity_type(connection: duckdb.DuckDBPyConnection) -> list[Row]:
    """Return the counts of each entity type, largest first."""
    rows = _by(connection, "entity_type")
    for row in rows:
        row["title"] = row["name"].replace("_", " ") or "unknown"
    return rows


def licenses(connection: duckdb.DuckDBPyConnection) -> list[Row]:
    """Return the number of images of each license, largest first."""
    found = connection.sql(
        """SELECT license, any_value(license_url) AS url, bool_and(free_license) AS free, count(*) AS images,
                  count(DISTINCT author) AS authors
           FROM image GROUP BY license ORDER BY images DESC, license"""
    )
    return found.to_arrow_table().to_pylist()


def statement_licenses(connection: duckdb.DuckDBPyConnection, path: Path) -> list[Row]:
    """Return the number of statements of own knowledge of each license, largest first; `path` is their table."""
    found = connection.sql(
        f"""SELECT license, count(*) AS statements, count(DISTINCT source) AS sources,
                   bool_and(license_code <> '') AS free
            FROM {parquet(path)} GROUP BY license ORDER BY statements DESC, license"""
    )
    return found.to_arrow_table().to_pylist()


def _titled(connection: duckdb.DuckDBPyConnection, column: str, titles: dict[str, str]) -> list[Row]:
    return [row | {"title": titles.get(row["name"], row["name"]) or "none"} for row in _by(connection, column)]


def _by(connection: duckdb.DuckDBPyConnection, column: str) -> list[Row]:
    query = f"SELECT {column} AS name, {COUNTS} FROM file_row GROUP BY {column} ORDER BY rows DESC, name"
    return connection.sql(query).to_arrow_table().to_pylist()
