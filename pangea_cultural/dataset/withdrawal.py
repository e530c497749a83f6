"""The withdrawal list: images, entities, claims and licenses that no data set may use.

A workspace has one list, `withdrawn.json`. The manifest of an export repeats the list that its build followed.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field, field_validator, model_validator

from pangea_cultural import config
from pangea_cultural.dataset.titles import is_valid, normalized
from pangea_cultural.errors import ImageError, UserError
from pangea_cultural.reference import ids, licenses
from pangea_cultural.utils.files import read_json, write_json

FORMAT = 1
WITHDRAWN = "withdrawn"
"""Reason of rejections, and the key of the list in a manifest."""
ItemId = Annotated[str, Field(pattern=f"^{ids.ENTITY}$")]
PropertyId = Annotated[str, Field(pattern=f"^{ids.PROPERTY}$")]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Sha1 = Annotated[str, Field(pattern="^[0-9a-f]{40}$")]
NameHash = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
PathOfEntity = Annotated[str, Field(pattern=f"^{ids.ENTITY} {ids.PROPERTY}/{ids.PROPERTY}$")]
Key = tuple[str, ...]


class _Withdrawn(config.Config):
    """Keys of all types."""

    reason: str = Field(default="", max_length=1000)
    """Reason, as plain text."""
    date: str = Field(default="", pattern=r"^(\d{4}-\d\d-\d\d)?$")
    """Date of the withdrawal."""

    @property
    def key(self) -> Key:
        """Identity in a list."""
        return self._key()

    @property
    def name(self) -> str:
        """Name in messages."""
        return self._name()

    def _key(self) -> Key:
        raise NotImplementedError

    def _name(self) -> str:
        raise NotImplementedError


class WithdrawnImage(_Withdrawn):
    """A file, with all entities that it shows. Without `file` it is known by its content only."""

    type: Literal["image"] = "image"
    file: str = ""
    """Title as Commons writes it, without `File:`."""
    images: tuple[Sha256, ...] = ()
    """Hashes of the stored copies."""
    sha1: tuple[Sha1, ...] = ()
    """Hashes of the original: it stays withdrawn under another title."""

    @field_validator("file")
    @classmethod
    def _title(cls, text: str) -> str:
        title = normalized(text)
        if text and not is_valid(title):
            raise ValueError(f"{text!r} is not a file title")
        return title

    @model_validator(mode="after")
    def _is_named(self) -> "WithdrawnImage":
        if not (self.file or self.images or self.sha1):
            raise ValueError("an image has neither file nor images nor sha1")
        return self

    def _key(self) -> Key:
        return ("image", self.file) if self.file else ("image", "", *sorted({*self.images, *self.sha1}))

    def _name(self) -> str:
        return f"File:{self.file}" if self.file else f"image {(*self.images, *self.sha1)[0][:16]}"


class WithdrawnEntity(_Withdrawn):
    """An entity: as the subject of questions, as an answer and as an option."""

    type: Literal["entity"] = "entity"
    entity: ItemId
    names: tuple[NameHash, ...] = ()
    """Hashes of its names, see `name_hash`."""
    paths: tuple[PathOfEntity, ...] = ()
    """Entities and paths that lead over it, such as `Q1 P17/P37`: their answers do not name it."""

    def _key(self) -> Key:
        return "entity", self.entity

    def _name(self) -> str:
        return self.entity


class WithdrawnClaim(_Withdrawn):
    """A claim of an entity. Without `value`, all claims of the property."""

    type: Literal["claim"] = "claim"
    entity: ItemId
    property: PropertyId
    value: str = Field(default="", max_length=2000)
    """Key of the value, as in the table `claim` of a store."""
    names: tuple[NameHash, ...] = ()
    """Hashes of the value's names, see `name_hash`."""

    def _key(self) -> Key:
        return "claim", self.entity, self.property, self.value

    def _name(self) -> str:
        return " ".join(filter(None, (self.entity, self.property, self.value)))

    def concerns(self, property: str) -> bool:
        """Return whether a question about a property, or a path, can be about the claim."""
        return self.property in property.split("/")


class WithdrawnLicense(_Withdrawn):
    """A license, with all its images and statements of own knowledge."""

    type: Literal["license"] = "license"
    license: str = Field(min_length=1, max_length=200)
    """Code as in licenses.toml, or a name that the table lacks."""

    @field_validator("license")
    @classmethod
    def _code(cls, text: str) -> str:
        return license_key(text)

    def _key(self) -> Key:
        return "license", self.license

    def _name(self) -> str:
        return f"license {self.license}"

    def covers(self, *names: str) -> bool:
        """Return whether one of an image's license names is this license."""
        return any(license_key(name) == self.license for name in names if name)


Withdrawn = WithdrawnImage | WithdrawnEntity | WithdrawnClaim | WithdrawnLicense


class WithdrawalList(config.Config):
    """A list of withdrawals. Each key occurs once."""

    format: Literal[1] = 1
    withdrawn: tuple[Annotated[Withdrawn, Field(discriminator="type")], ...] = ()
    """Withdrawals, in the order in which they were made."""

    def __bool__(self) -> bool:
        return bool(self.withdrawn)

    def __iter__(self) -> Iterator[Withdrawn]:  # type: ignore[override]
        return iter(self.withdrawn)

    @property
    def digest(self) -> str:
        """SHA-256 of the content; empty for an empty list."""
        content = orjson.dumps(self.as_json(), option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(content).hexdigest() if self else ""

    @property
    def image_hashes(self) -> frozenset[str]:
        """SHA-256 of the stored copies of withdrawn images."""
        return frozenset(digest for item in self if isinstance(item, WithdrawnImage) for digest in item.images)

    def as_json(self) -> list[dict[str, Any]]:
        """Return the withdrawals without empty keys, as the list and manifests have them."""
        return [item.model_dump(mode="json", exclude_defaults=True) | {"type": item.type} for item in self]

    def merged(self, items: Iterable[Withdrawn]) -> "WithdrawalList":
        """Return the list with more items. Hashes of an item that is known are added to it; the first reason stays."""
        known = {item.key: item for item in self}
        for item in items:
            old = known.get(item.key)
            known[item.key] = item if old is None else united(old, item)
        return WithdrawalList(withdrawn=tuple(known.values()))

    def missing_in(self, manifest: Any) -> list[Withdrawn]:
        """Return the withdrawals that the build of an export did not know."""
        known = {item.key for item in of_manifest(manifest)}
        return [item for item in self if item.key not in known]

    def write(self, path: Path) -> None:
        """Write the list atomically."""
        write_json(path, {"format": FORMAT, "withdrawn": self.as_json()})


NOTHING = WithdrawalList()


def united(old: Withdrawn, new: Withdrawn) -> Withdrawn:
    """Return a withdrawal with the hashes of another one with the same key."""
    update = {
        field: tuple(sorted({*getattr(old, field), *getattr(new, field)}))
        for field in ("images", "sha1", "names", "paths")
        if hasattr(old, field)
    }
    return old.model_copy(update=update)


def license_key(text: str) -> str:
    """Return the code of a license as the table names it; for one that is not in the table, its name in lower case."""
    try:
        return licenses.find(text).code
    except ImageError:
        return " ".join(text.split()).casefold()


def name_hash(text: str) -> str:
    """Return a short hash of a name: lists are published, and a withdrawn name should not be read in them."""
    return hashlib.sha256(text.casefold().encode()).hexdigest()[:16]


def read(path: Path) -> WithdrawalList:
    """Read a list. A file that does not exist is an empty list.

    Raises:
        UserError: the file is not a list of withdrawals.
    """
    try:
        content = read_json(path)
    except FileNotFoundError:
        return WithdrawalList()
    except (OSError, orjson.JSONDecodeError) as error:
        raise UserError(f"{path} is not a withdrawal list ({error}). Restore it from a copy, or remove it.") from error
    if isinstance(content, list):
        content = {"withdrawn": content}
    if not isinstance(content, dict):
        raise UserError(f"{path} is not a withdrawal list (no object). Restore it from a copy, or remove it.")
    parsed = config.parse(WithdrawalList, content, where=str(path))
    return WithdrawalList().merged(parsed)


def of_manifest(manifest: Any) -> WithdrawalList:
    """Return the list that the build of an export followed. A garbled one counts as empty."""
    content = manifest.get(WITHDRAWN) if isinstance(manifest, dict) else None
    try:
        return config.parse(WithdrawalList, {"withdrawn": content or []}, where="manifest")
    except UserError:
        return WithdrawalList()


def beside(export: Path) -> Path:
    """Return the place of the list of the workspace that an export lies in."""
    return export.absolute().parent.parent / "withdrawn.json"


def few(names: Sequence[str], most: int = 3) -> str:
    """Return a few names, and the number of the others, for a message."""
    rest = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
