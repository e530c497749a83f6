"""Tables that users extend: TOML files in which each table is a row; what does not fit is refused in one line."""

from importlib.resources.abc import Traversable

from pangea_cultural import config
from pangea_cultural.config import ConfigType
from pangea_cultural.errors import UserError


def read(cls: type[ConfigType], table: Traversable, key: str) -> dict[str, ConfigType]:
    """Read the rows of a table, in the file's order.

    Args:
        cls: what a row is.
        table: the TOML file.
        key: the field that takes the name of each row.

    Raises:
        UserError: the file cannot be read, is not TOML, or a row does not fit; the message names file, row and field,
            and for an unknown field the near matches.
    """
    rows = {}
    for name, row in config.read_toml(table).items():
        if not isinstance(row, dict):
            raise UserError(f"{table}: {name} must be a table")
        rows[name] = config.parse(cls, row | {key: name}, where=f"{table}: [{name}]")
    return rows
