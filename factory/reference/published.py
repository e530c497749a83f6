"""Own tables of the recipe that an export repeats: names of own regions, languages and relations for a reader."""

from pathlib import Path
from typing import Any

from factory.reference import entity_types, properties
from pangea_cultural.errors import UserError
from pangea_cultural.reference import languages, own_tables, regions
from pangea_cultural.reference.own_tables import SHIPPED, OwnTables

TABLES = (entity_types.TABLE, properties.TABLE, languages.TABLE, regions.TABLE)


def tables_of(manifest: dict[str, Any]) -> OwnTables:
    """Return the own tables of an export, by its manifest. The shipped ones alone, if they do not fit this version."""
    rows = manifest["recipe"].get("tables")
    labels = {table.label for table in TABLES}
    if not isinstance(rows, dict) or not all(isinstance(row, dict) and key in labels for key, row in rows.items()):
        return SHIPPED
    tables = OwnTables({label: Path(f"export.json: {label}") for label in rows}, rows)
    try:
        with own_tables.using(tables):
            for table in TABLES:
                len(table.rows)
    except UserError:
        return SHIPPED
    return tables
