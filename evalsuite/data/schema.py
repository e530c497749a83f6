"""The check that a data set has the columns that a benchmark was written for.

Kinds of columns: `str`, `int`, `list` (of strings), `any`, `image` (bytes in a struct), `image text` (base64) and
`image list`. A column whose kind ends in `?` may be absent.
"""

from collections.abc import Callable, Mapping

import pyarrow as pa
import pyarrow.types as kinds

from pangea_cultural.errors import UserError


def check_schema(schema: pa.Schema, columns: Mapping[str, str], where: str) -> None:
    """Compare the columns of a data set with the expected ones.

    Args:
        schema: the columns of the data set.
        columns: kind by name.
        where: name of the data, for the error.

    Raises:
        UserError: a column is missing or of another kind.
    """
    for name, kind in columns.items():
        if name not in schema.names:
            if kind.endswith("?"):
                continue
            raise UserError(f"{where} has no column {name!r}. Use the published data set, or report its new layout.")
        found = schema.field(name).type
        # A column without any value is of type null in Arrow.
        if not (kinds.is_null(found) or CHECKS[kind.rstrip("?")](found)):
            raise UserError(
                f"The column {name!r} of {where} is {found}, not {kind}. "
                "Use the published data set, or report its new layout."
            )


def _is_text(found: pa.DataType) -> bool:
    return bool(kinds.is_string(found) or kinds.is_large_string(found))


def _is_list_of_text(found: pa.DataType) -> bool:
    return _is_list(found) and _is_text(found.value_type)


def _is_list(found: pa.DataType) -> bool:
    return bool(kinds.is_list(found) or kinds.is_large_list(found))


def _is_image(found: pa.DataType) -> bool:
    return bool(kinds.is_struct(found)) and {"bytes", "path"} <= {field.name for field in found}


CHECKS: dict[str, Callable[[pa.DataType], bool]] = {
    "str": _is_text,
    "int": lambda found: bool(kinds.is_integer(found)),
    "list": _is_list_of_text,
    "any": lambda found: True,
    "image": _is_image,
    "image text": _is_text,
    "image list": lambda found: _is_list(found) and _is_image(found.value_type),
}
