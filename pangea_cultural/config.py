"""Recipes: TOML files read into typed, frozen objects; what does not fit is refused in one line."""

import tomllib
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from pangea_cultural.errors import UserError, unknown


class Config(BaseModel):
    """Base of everything that a recipe holds: frozen, and unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


ConfigType = TypeVar("ConfigType", bound=Config)


def load(cls: type[ConfigType], path: Path, *, overrides: dict[str, Any] | None = None) -> ConfigType:
    """Read a TOML file into a `Config`; `overrides` replace top-level keys (they come from command-line options).

    Raises:
        UserError: the file cannot be read, is not TOML, or does not fit; the message names the file, the key, and
            for an unknown key the near matches.
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
    """The content of a TOML file.

    Raises:
        UserError: the file cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not TOML: {error}") from error


def parse(cls: type[ConfigType], content: dict[str, Any], *, where: str) -> ConfigType:
    """Make a `Config` of a dictionary; `where` says in errors what was read.

    Raises:
        UserError: a value does not fit, or a key is unknown.
    """
    try:
        return cls.model_validate(content)
    except ValidationError as error:
        raise _in_one_line(cls, error, where) from error


def _in_one_line(cls: type[Config], error: ValidationError, where: str) -> UserError:
    # A misspelt key is two errors, the wrong one and the missing one: the wrong one says what to do.
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        name = str(first["loc"][-1])
        return UserError(f"{where}: {unknown('key', name, _keys_at(cls, first['loc'][:-1]))} (at {key})")
    message = first["msg"].removeprefix("Value error, ")
    return UserError(f"{where}: {key}: {message}" if key else f"{where}: {message}")


def _keys_at(cls: type[Config], location: tuple) -> list[str]:
    """The keys that are known at a place of the recipe: follows field names and union tags, skips list positions."""
    here = [cls]
    for part in location:
        tagged = [option for option in here if len(here) > 1 and _has_tag(option, part)]
        fields = [option.model_fields[part] for option in here if part in option.model_fields]
        inside = [option for field in fields for option in _configs_in(field.annotation)]
        here = tagged or inside or here
    return [key for option in here for key in option.model_fields]


def _has_tag(cls: type[Config], tag: Any) -> bool:
    """Whether a `Config` is the one of a union that a tag such as `type = "dump"` chooses."""
    return any(
        get_origin(field.annotation) is Literal and tag in get_args(field.annotation)
        for field in cls.model_fields.values()
    )


def _configs_in(annotation: Any) -> list[type[Config]]:
    """The `Config` classes inside an annotation such as `list[Stage]` or `Stage | None`."""
    if isinstance(annotation, type) and issubclass(annotation, Config):
        return [annotation]
    return [found for argument in get_args(annotation) for found in _configs_in(argument)]
