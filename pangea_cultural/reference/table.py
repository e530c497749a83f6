"""Tables that users extend: TOML files with one TOML table per row."""

import functools
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Generic

from pangea_cultural import config
from pangea_cultural.config import ConfigType
from pangea_cultural.errors import UserError, unknown


@dataclass(frozen=True)
class Table(Generic[ConfigType]):
    """The rows of a TOML file, read at the first use."""

    row_type: type[ConfigType]
    path: Traversable
    key: str
    """Field of a row that takes the name of its TOML table."""
    label: str
    """Name of a row in errors, such as `language`."""
    aliases: str | None = None
    """Field of a row with further codes; None if rows have none."""

    @functools.cached_property
    def rows(self) -> dict[str, ConfigType]:
        """The rows by key, in the file's order.

        Raises:
            UserError: the file cannot be read, is not TOML, or a row is invalid. The message names file, row and
                field, and near matches for an unknown field.
        """
        rows = {}
        for name, row in config.read_toml(self.path).items():
            if not isinstance(row, dict):
                raise UserError(f"{self.path}: {name} must be a table.")
            rows[name] = config.parse(self.row_type, row | {self.key: name}, where=f"{self.path}: [{name}]")
        return rows

    @functools.cached_property
    def by_code(self) -> dict[str, ConfigType]:
        """The rows by key and by alias."""
        aliases = {code: row for row in self.rows.values() for code in getattr(row, self.aliases or "", ())}
        return self.rows | aliases

    @functools.cached_property
    def _by_lower_code(self) -> dict[str, ConfigType]:
        return {code.lower(): row for code, row in self.by_code.items()}

    def find(self, code: str) -> ConfigType:
        """Return the row of a key or alias, in upper or lower case.

        Raises:
            UserError: the table has no such row; the message names near matches.
        """
        try:
            return self._by_lower_code[code.lower()]
        except KeyError:
            raise unknown(self.label, code, self.by_code) from None
