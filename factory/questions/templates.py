"""Question templates: one TOML file per language, in templates/.

    [P17]
    any  = ["In which country is what you see in this image?"]
    flag = ["Which country does this flag belong to?"]

A template has no slot for the entity's name, because the image is the only cue. The answer is the name of the value
alone, so no language has to inflect it.
"""

import functools
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import pyarrow as pa

from factory.reference.entity_types import ANY, entity_types
from factory.reference.properties import properties
from pangea_cultural.errors import UserError, unknown
from pangea_cultural.reference.languages import language, languages


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """A question text for a property."""

    id: str
    """Such as `de/P17/flag/1`."""
    language: str
    property: str
    entity_type: str
    """Type of the entities to ask about. `any` covers the types without templates."""
    ordinal: int
    text: str


def folder() -> Path:
    """Return the folder of the templates in the package."""
    return Path(str(resources.files("factory.questions") / "templates"))


@functools.cache
def available_languages() -> tuple[str, ...]:
    """Return the languages that have templates, in the order of the language table."""
    return tuple(code for code in languages() if (folder() / f"{code}.toml").is_file())


@functools.cache
def load(code: str) -> tuple[Template, ...]:
    """Return the templates of a language.

    Raises:
        UserError: the file is missing, is not TOML, or has a wrong entry. The message names file and key.
    """
    path = folder() / f"{language(code).code}.toml"
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UserError(f"No templates at {path}. Create the file.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not TOML ({error}). Correct it.") from error
    templates = tuple(_read(language(code).code, content, path))
    _check_repetition(templates, path)
    return templates


def _read(code: str, content: dict[str, Any], path: Path) -> Iterator[Template]:
    for name, by_entity_type in content.items():
        if name not in properties():
            raise UserError(f"{path}: {unknown('property', name, properties())}")
        if not isinstance(by_entity_type, dict):
            raise UserError(f"{path}: {name} must be a table of entity types.")
        for entity_type, texts in by_entity_type.items():
            if entity_type not in (ANY, *entity_types()):
                raise UserError(f"{path}: {name}: {unknown('entity type', entity_type, (ANY, *entity_types()))}")
            if not isinstance(texts, list) or not texts:
                raise UserError(f"{path}: {name}.{entity_type} must be a list of questions.")
            for ordinal, text in enumerate(texts, 1):
                _check_text(text, f"{path}: {name}.{entity_type}")
                key = f"{code}/{name}/{entity_type}/{ordinal}"
                yield Template(
                    id=key, language=code, property=name, entity_type=entity_type, ordinal=ordinal, text=text
                )


def _check_text(text: object, location: str) -> None:
    if not isinstance(text, str) or not text.strip():
        raise UserError(f"{location}: a question must be text. Write it in quotes.")
    if "{" in text or "}" in text:
        raise UserError(f"{location}: {text!r} has a slot. Remove it: the image is the only cue.")


def _check_repetition(templates: tuple[Template, ...], path: Path) -> None:
    seen: dict[tuple[str, str, str], str] = {}
    for row in templates:
        key = (row.property, row.entity_type, row.text)
        if key in seen:
            raise UserError(f"{path}: {row.id} repeats {seen[key]}: {row.text!r}. Remove one.")
        seen[key] = row.id


def as_table(languages: Iterable[str]) -> pa.Table:
    """Return the templates of several languages as rows of the table `template`."""
    rows = [template for code in languages for template in load(code)]
    columns = ("id", "language", "property", "entity_type", "ordinal", "text")
    return pa.table({name: [getattr(row, name) for row in rows] for name in columns})
