"""TOML files as typed, frozen objects, with one-line errors."""

import tomllib
from collections.abc import Callable
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pangea_cultural.errors import UserError, unknown

LARGEST = 2**63 - 1
"""Largest integer of a recipe. DuckDB, Arrow and JSON libraries have no larger ones."""

EnvironmentVariable = Annotated[str, Field(pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$")]
"""Name of an environment variable, or an empty text."""


def checked(names: tuple[str, ...], find: Callable[[str], str]) -> tuple[str, ...]:
    """Return names in canonical form, without repetition, for a validator.

    Args:
        names: names as a user wrote them.
        find: returns the canonical form of a name, or raises a UserError.

    Raises:
        ValueError: a name is unknown. Pydantic reports it in one line.
    """
    try:
        return tuple(dict.fromkeys(find(name) for name in names))
    except UserError as error:
        raise ValueError(str(error)) from error


class Config(BaseModel):
    """Base class of all recipes and their parts: frozen, and unknown keys and numbers without end are errors."""

    # The texts under the fields are the descriptions of the JSON schema.
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


ConfigType = TypeVar("ConfigType", bound=Config)


def load(cls: type[ConfigType], path: Path, *, overrides: dict[str, Any] | None = None) -> ConfigType:
    """Read a TOML file into a `Config`; `overrides` replace top-level keys.

    Raises:
        UserError: the file cannot be read, is not TOML, or is not valid. The message names the file and the key, and
            near matches for an unknown key.
    """
    return parse(cls, read_toml(path) | (overrides or {}), where=str(path))


def find(label: str, name: str, package: str) -> Path:
    """Return the TOML file that a user names: by its path, or by the name of one that ships with the package.

    Args:
        label: word for the file in errors, such as "recipe".
        name: a path (it ends with .toml or has a slash), or the name of a shipped file.
        package: dotted name of the folder with the shipped files.

    Raises:
        UserError: there is no such file; for a name, the message lists the near matches.
    """
    if name.endswith(".toml") or "/" in name:
        if not Path(name).is_file():
            raise UserError(f"No {label} at {name}. Check the path.")
        return Path(name)
    parent, _, folder_name = package.rpartition(".")
    folder = Path(str(resources.files(parent) / folder_name))
    path = folder / f"{name}.toml"
    if not path.is_file():
        raise unknown(label, name, (file.stem for file in folder.glob("*.toml")))
    return path


def read_toml(path: Traversable) -> dict[str, Any]:
    """Return the content of a TOML file.

    Raises:
        UserError: the file cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}. Check the path.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not TOML ({error}). Correct it.") from error


def parse(cls: type[ConfigType], content: dict[str, Any], *, where: str) -> ConfigType:
    """Return a dictionary as a `Config`; `where` names its origin in errors.

    Raises:
        UserError: a value is not valid, or a key is unknown.
    """
    key = _too_large(content)
    if key is not None:
        place = as_written(key, content)
        raise UserError(f"{where}: {place}: the number is too large. Write at most {LARGEST}.")
    try:
        return cls.model_validate(content)
    except ValidationError as error:
        found = _user_error(cls, error, where, content)
    # Not chained: the garbage collector does not see into pydantic's error, which would keep the whole stack alive.
    raise found


def _too_large(value: Any, key: tuple[Any, ...] = ()) -> tuple[Any, ...] | None:
    """Return the place of an integer that does not fit into 64 bits, or None. TOML has integers of any size."""
    if isinstance(value, dict | list | tuple):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        found = (_too_large(inner, (*key, name)) for name, inner in items)
        return next((name for name in found if name is not None), None)
    return key if isinstance(value, int) and not -LARGEST <= value <= LARGEST else None


def as_written(location: tuple[Any, ...], content: Any) -> str:
    """Return a place in a file as its author sees it: `images.sources[2].path` is a key of the second table of a list.

    Args:
        location: keys and positions from 0. pydantic also names the chosen members of unions, which files do not have.
        content: the content of the file.
    """
    text, value = "", content
    for number, part in enumerate(location):
        if isinstance(value, list | tuple) and isinstance(part, int) and part < len(value):
            text, value = f"{text}[{part + 1}]", value[part]
        elif isinstance(value, dict) and part in value:
            text, value = f"{text}.{part}", value[part]
        elif isinstance(value, dict) and part not in value.values() and number == len(location) - 1:
            # A key that is missing.
            text = f"{text}.{part}"
    return text.lstrip(".")


def _user_error(cls: type[Config], error: ValidationError, where: str, content: Any) -> UserError:
    # A misspelled key causes two errors, an unknown and a missing key. The unknown one is more helpful.
    first = min(error.errors(), key=lambda details: details["type"] != "extra_forbidden")
    *parents, name = first["loc"] or ("",)
    if first["type"] == "extra_forbidden":
        message = str(unknown("key", str(name), _keys_at(cls, tuple(parents))))
        location = tuple(parents)
    else:
        message = first["msg"].removeprefix("Value error, ")
        location = first["loc"]
    return UserError(": ".join(filter(None, (where, as_written(location, content), message))))


def _keys_at(cls: type[Config], location: tuple[Any, ...]) -> list[str]:
    """Return the valid keys at a location in a recipe: follow field names and union tags, skip list positions."""
    configs = [cls]
    for part in location:
        tagged = [option for option in configs if len(configs) > 1 and _has_tag(option, part)]
        fields = [option.model_fields[part] for option in configs if part in option.model_fields]
        nested = [option for field in fields for option in _configs_in(field.annotation)]
        configs = tagged or nested or configs
    return [key for option in configs for key in option.model_fields]


def _has_tag(cls: type[Config], tag: Any) -> bool:
    """Return whether a tag such as `type = "dump"` selects this member of a union."""
    return any(
        get_origin(field.annotation) is Literal and tag in get_args(field.annotation)
        for field in cls.model_fields.values()
    )


def _configs_in(annotation: Any) -> list[type[Config]]:
    """Return the `Config` classes inside an annotation such as `list[Stage]` or `Stage | None`."""
    if isinstance(annotation, type) and issubclass(annotation, Config):
        return [annotation]
    return [option for argument in get_args(annotation) for option in _configs_in(argument)]
