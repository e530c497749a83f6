"""Question templates: one TOML file per language, in templates/.

    reviewed = ""                                  # "Name, date" of the native speaker who read the file

    [instructions]
    choice = "Answer with the letter of the right option only."
    short = "Answer with a word or a short phrase."

    [P84]                                          # frames of every entity type
    say = ["Architect: {value}"]
    say_many = ["Architects: {values}"]

    [P84.building]                                 # an entity type, or a group of types
    ask = ["Who designed this building?", "Which architect planned this building?"]

A question has no slot: the image is the only cue, and the entity type is a word of the sentence. A frame has one slot,
at the end after a colon, after a verb of naming, or as predicate, so that no language has to inflect the value.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal, cast, get_args

from factory.reference.entity_types import group_names, group_of
from factory.reference.properties import properties
from pangea_cultural.errors import UserError, unknown
from pangea_cultural.reference import own_tables
from pangea_cultural.reference.languages import Language, languages

Kind = Literal["ask", "say", "say_many"]
KINDS = get_args(Kind)
SLOTS: dict[str, str] = {"say": "{value}", "say_many": "{values}"}
"""Slot of each kind of frame."""
ALL_TYPES = ""
"""Entity type of the frames that hold for every type."""
INSTRUCTIONS = ("choice", "short")


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """A question, or the frame of a sentence that answers it."""

    id: str
    """Such as `de/P17/flag/ask/1`."""
    language: str
    """Name of the file: a language code, or `zh-hant` for Chinese in Traditional characters."""
    property: str
    entity_type: str
    """Entity type, group of types, `any` for entities without a type, or empty."""
    kind: Kind
    ordinal: int
    text: str


@dataclass(frozen=True, kw_only=True)
class TemplateFile:
    """The content of a file."""

    reviewed: str
    """Native speaker who read the file, and the date; empty if none did."""
    instructions: dict[str, str]
    """Instruction to answer with a letter (`choice`) or with a short phrase (`short`)."""
    templates: tuple[Template, ...]
    by_key: dict[tuple[str, str, str], tuple[Template, ...]] = field(repr=False)
    """Templates by property, entity type or group, and kind."""

    def find(self, name: str, entity_type: str, kind: Kind) -> tuple[Template, ...]:
        """Return the templates of a property for an entity type: its own, or those of its group or of all types."""
        keys = (entity_type, group_of(entity_type), ALL_TYPES)
        return next((found for key in keys if (found := self.by_key.get((name, key, kind)))), ())


def folder() -> Path:
    """Return the folder of the templates in the package."""
    return Path(str(resources.files("factory.questions") / "templates"))


def path_of(name: str) -> Path:
    """Return the file of a language: the user's own one, if there is any."""
    own = own_tables.current().templates
    return own / f"{name}.toml" if own and (own / f"{name}.toml").is_file() else folder() / f"{name}.toml"


@own_tables.cached
def available_languages() -> tuple[str, ...]:
    """Return the languages that have templates, in the order of the language table."""
    return tuple(code for code in languages() if path_of(code).is_file())


@own_tables.cached
def file_names() -> tuple[str, ...]:
    """Return the names of all files: languages, each followed by its regional forms, such as `zh-hant`."""
    names = []
    for code in available_languages():
        regional = (codes[0] for codes in languages()[code].regional_labels.values())
        names += [code, *(name for name in regional if path_of(name).is_file())]
    return tuple(dict.fromkeys(names))


def language_of(name: str) -> Language:
    """Return the language of a file."""
    return languages()[name if name in languages() else name.partition("-")[0]]


def find_name(name: str) -> str:
    """Return the name of a file, by a language's code or alias or by that of a regional form.

    Raises:
        UserError: there is no such file. The message names near matches.
    """
    if name in file_names():
        return name
    aliases = {alias: code for code in available_languages() for alias in languages()[code].aliases}
    if name not in aliases:
        raise unknown("template file", name, file_names())
    return aliases[name]


@own_tables.cached
def load(name: str) -> TemplateFile:
    """Return the templates of a file.

    A user's own file without the table `instructions` extends the shipped one of its language. Its lists replace those
    of the same property, entity type and kind.

    Args:
        name: language code, or the name of a regional file.

    Raises:
        UserError: the file is missing, is not TOML, or has a wrong entry. The message names file and key.
    """
    path, shipped = path_of(name), folder() / f"{name}.toml"
    content = _content(path)
    if path == shipped or "instructions" in content or not shipped.is_file():
        return _parsed(name, content, path)
    with own_tables.using(own_tables.SHIPPED):
        base = load(name)
    own = _parsed(name, content | {"instructions": base.instructions}, path)
    kept = tuple(row for row in base.templates if (row.property, row.entity_type, row.kind) not in own.by_key)
    # Only a file of which all has been read counts as read.
    reviewed = f"{base.reviewed}; {own.reviewed}" if base.reviewed and own.reviewed else ""
    return _file(reviewed, own.instructions, (*kept, *own.templates))


def _content(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UserError(f"No templates at {path}. Create the file.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not TOML ({error}). Correct it.") from error


def _parsed(name: str, content: dict[str, Any], path: Path) -> TemplateFile:
    reviewed = content.pop("reviewed", "")
    if not isinstance(reviewed, str):
        raise UserError(f"{path}: `reviewed` must be the name of a reader, or an empty text.")
    instructions = _instructions(content.pop("instructions", None), path)
    templates = tuple(_read(name, content, path))
    _check_repetition(templates, path)
    return _file(reviewed, instructions, templates)


def _file(reviewed: str, instructions: dict[str, str], templates: tuple[Template, ...]) -> TemplateFile:
    by_key: dict[tuple[str, str, str], tuple[Template, ...]] = {}
    for row in templates:
        key = (row.property, row.entity_type, row.kind)
        by_key[key] = (*by_key.get(key, ()), row)
    return TemplateFile(reviewed=reviewed, instructions=instructions, templates=templates, by_key=by_key)


def _instructions(content: Any, path: Path) -> dict[str, str]:
    if not isinstance(content, dict) or set(content) != set(INSTRUCTIONS):
        raise UserError(f"{path}: the table `instructions` must have the keys {' and '.join(INSTRUCTIONS)}.")
    for key, text in content.items():
        _check_text(text, f"{path}: instructions.{key}")
        _check_slots(text, "", f"{path}: instructions.{key}")
    return content


def _read(language: str, content: dict[str, Any], path: Path) -> Iterator[Template]:
    for name, table in content.items():
        if name not in properties():
            raise UserError(f"{path}: {unknown('property', name, properties())}")
        if not isinstance(table, dict):
            raise UserError(f"{path}: {name} must be a table.")
        for key, value in table.items():
            if key in KINDS and key != "ask":
                yield from _rows(language, name, ALL_TYPES, key, value, path)
            else:
                yield from _read_type(language, name, key, value, path)


def _read_type(language: str, name: str, entity_type: str, table: Any, path: Path) -> Iterator[Template]:
    if entity_type not in group_names():
        raise UserError(f"{path}: {name}: {unknown('entity type', entity_type, group_names())}")
    if not isinstance(table, dict):
        raise UserError(f"{path}: {name}.{entity_type} must be a table with the key `ask`.")
    for kind, texts in table.items():
        if kind not in KINDS:
            raise UserError(f"{path}: {name}.{entity_type}: {unknown('key', kind, KINDS)}")
        yield from _rows(language, name, entity_type, kind, texts, path)


def _rows(language: str, name: str, entity_type: str, kind: str, texts: Any, path: Path) -> Iterator[Template]:
    location = ".".join(part for part in (name, entity_type, kind) if part)
    if not isinstance(texts, list) or not texts:
        raise UserError(f"{path}: {location} must be a list of texts.")
    for ordinal, text in enumerate(texts, 1):
        _check_text(text, f"{path}: {location}")
        _check_slots(text, SLOTS.get(kind, ""), f"{path}: {location}")
        key = "/".join(part for part in (language, name, entity_type, kind, str(ordinal)) if part)
        yield Template(
            id=key,
            language=language,
            property=name,
            entity_type=entity_type,
            kind=cast(Kind, kind),
            ordinal=ordinal,
            text=text,
        )


def _check_text(text: object, location: str) -> None:
    if not isinstance(text, str) or not text.strip():
        raise UserError(f"{location}: an entry must be text. Write it in quotes.")


def _check_slots(text: str, slot: str, location: str) -> None:
    rest = text.replace(slot, "", 1) if slot else text
    if "{" in rest or "}" in rest:
        allowed = f"Only {slot} is allowed, once." if slot else "Remove it: the image is the only cue."
        raise UserError(f"{location}: {text!r} has a slot. {allowed}")
    if slot and slot not in text:
        raise UserError(f"{location}: {text!r} has no slot. Write {slot} where the value belongs.")


def _check_repetition(templates: tuple[Template, ...], path: Path) -> None:
    seen: dict[tuple[str, str, str], str] = {}
    for row in templates:
        key = (row.property, row.entity_type, row.text)
        if key in seen:
            raise UserError(f"{path}: {row.id} repeats {seen[key]}: {row.text!r}. Remove one.")
        seen[key] = row.id
