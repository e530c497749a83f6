"""Tables that users extend: TOML files with one TOML table per row."""

from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Generic

from pangea_cultural import config
from pangea_cultural.config import ConfigType
from pangea_cultural.errors import UserError, unknown
from pangea_cultural.reference import own_tables


@dataclass(frozen=True, eq=False)
class Table(Generic[ConfigType]):
    """The rows of a TOML file, read at the first use, and those of the user's own table (see `own_tables`)."""

    row_type: type[ConfigType]
    path: Traversable
    key: str
    """Field of a row that takes the name of its TOML table."""
    label: str
    """Name of a row in errors, such as `language`."""
    aliases: str | None = None
    """Field of a row with further codes; None if rows have none."""

    @property
    def rows(self) -> dict[str, ConfigType]:
        """The rows by key, in the file's order. A row of an own table replaces a shipped one, or follows them.

        Raises:
            UserError: the file cannot be read, is not TOML, or a row is invalid. The message names file, row and
                field, and near matches for an unknown field.
        """
        return _rows(self)

    @property
    def by_code(self) -> dict[str, ConfigType]:
        """The rows by key and by alias."""
        return _by_code(self)

    def origin(self, key: str) -> str:
        """Return the name of the own file that a row is from, or `shipped`."""
        tables = own_tables.current()
        return tables.files[self.label].name if key in tables.rows.get(self.label, {}) else "shipped"

    def find(self, code: str) -> ConfigType:
        """Return the row of a key or alias, in upper or lower case.

        Raises:
            UserError: the table has no such row; the message names near matches.
        """
        try:
            return _by_lower_code(self)[code.lower()]
        except KeyError:
            raise unknown(self.label, code, self.by_code) from None


@own_tables.cached
def _rows(table: Table[Any]) -> dict[str, Any]:
    tables = own_tables.current()
    if table.label not in tables.rows:
        return _shipped(table)
    return _shipped(table) | _parsed(table, tables.rows[table.label], tables.files[table.label])


def _shipped(table: Table[Any]) -> dict[str, Any]:
    with own_tables.using(own_tables.SHIPPED):
        return _shipped_rows(table)


@own_tables.cached
def _shipped_rows(table: Table[Any]) -> dict[str, Any]:
    return _parsed(table, config.read_toml(table.path), table.path)


def _parsed(table: Table[Any], content: Any, path: Traversable | Path) -> dict[str, Any]:
    rows = {}
    for name, row in content.items():
        if not isinstance(row, dict):
            raise UserError(f"{path}: {name} must be a table.")
        rows[name] = config.parse(table.row_type, row | {table.key: name}, where=f"{path}: [{name}]")
    return rows


@own_tables.cached
def _by_code(table: Table[Any]) -> dict[str, Any]:
    aliases = {code: row for row in table.rows.values() for code in getattr(row, table.aliases or "", ())}
    return table.rows | aliases


@own_tables.cached
def _by_lower_code(table: Table[Any]) -> dict[str, Any]:
    return {code.lower(): row for code, row in table.by_code.items()}
