"""Tables that users extend: TOML files in which each table is a row; what does not fit is refused in one line."""

import tomllib
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
    try:
        content = tomllib.loads(table.read_text("utf-8"))
    except OSError as error:
        raise UserError(f"cannot read {table}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{table} is not TOML: {error}") from error
    rows = {}
    for name, row in content.items():
        if not isinstance(row, dict):
            raise UserError(f"{table}: {name} must be a table")
        rows[name] = config.parse(cls, row | {key: name}, where=f"{table}: [{name}]")
    return rows
