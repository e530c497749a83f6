"""Withdrawals as a user names them, completed by what the store knows: titles, hashes and keys of values."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from factory.reference.properties import IMAGE_PROPERTIES
from factory.store.store import Store
from pangea_cultural import config
from pangea_cultural.dataset.titles import is_valid, normalized
from pangea_cultural.dataset.withdrawal import (
    Withdrawn,
    WithdrawnClaim,
    WithdrawnEntity,
    WithdrawnImage,
    WithdrawnLicense,
    name_hash,
)
from pangea_cultural.errors import UserError
from pangea_cultural.reference import ids

IMAGE_HASHES = """
SELECT DISTINCT i.image, i.sha1 FROM image i LEFT JOIN entity_image e USING (image)
WHERE list_contains($titles, i.file) OR list_contains($titles, e.title) ORDER BY ALL
"""
TITLES = """
SELECT file FROM image WHERE upper(left(replace(file, '_', ' '), 1)) || substr(replace(file, '_', ' '), 2) = $title
UNION SELECT title FROM entity_image
WHERE upper(left(replace(title, '_', ' '), 1)) || substr(replace(title, '_', ' '), 2) = $title
"""
PATHS = """
SELECT DISTINCT i.entity || ' ' || a.property AS path
FROM item i JOIN asked a USING (asked) JOIN claim c ON c.entity = i.entity AND c.property = a.first_step
WHERE a.second_step IS NOT NULL AND c.value = ? ORDER BY path
"""
NEAR = "SELECT file FROM image ORDER BY jaro_winkler_similarity(file, ?) DESC, file LIMIT 3"
MAX_VALUES = 5
"""Values of a property to name in an error."""
_DATE = re.compile(r"([+-]?)(\d{1,16})(?:-(\d\d))?(?:-(\d\d))?")


@dataclass(frozen=True, kw_only=True)
class Request:
    """Withdrawals as written on the command line."""

    images: Sequence[str] = ()
    entities: Sequence[str] = ()
    claims: Sequence[str] = ()
    """Entity, property and optionally the value, separated by spaces."""
    licenses: Sequence[str] = ()
    sources: Sequence[str] = ()
    """Sources of statements of own knowledge."""
    reason: str = ""
    date: str = ""

    def items(self) -> list[Withdrawn]:
        """Return the withdrawals.

        Raises:
            UserError: one is not written as its option asks.
        """
        rest = {"reason": self.reason, "date": self.date}
        return [
            *(config.parse(WithdrawnImage, {"file": _title(text), **rest}, where="--image") for text in self.images),
            *(
                config.parse(WithdrawnEntity, {"entity": _item(text), **rest}, where="--entity")
                for text in self.entities
            ),
            *(config.parse(WithdrawnClaim, _claim(text) | rest, where="--claim") for text in self.claims),
            *(config.parse(WithdrawnLicense, {"license": text, **rest}, where="--license") for text in self.licenses),
        ]


def _title(text: str) -> str:
    title = normalized(text)
    if not is_valid(title):
        raise UserError(f"{text!r} is not the title of a file. Write it as on Commons: File:NAME.jpg.")
    return title


def _item(text: str) -> str:
    if not ids.is_entity(text.strip()):
        raise UserError(f"{text!r} is not an entity. Write Q and a number, or the id of an entity of your own.")
    return text.strip()


def _claim(text: str) -> dict[str, Any]:
    parts = text.split(maxsplit=2)
    if len(parts) < 2 or not ids.is_entity(parts[0]) or not ids.is_property(parts[1]):
        raise UserError(f'{text!r} is not a claim. Write "Q1 P17", or with its value "Q1 P17 Q42".')
    return {"entity": parts[0], "property": parts[1], "value": parts[2].strip() if len(parts) > 2 else ""}


def completed(store: Store, item: Withdrawn, *, strict: bool) -> list[Withdrawn]:
    """Return a withdrawal with the hashes that the store knows. A value as a user writes it can be several claims.

    Args:
        store: the store.
        item: the withdrawal.
        strict: whether a value must be in the store, if its property is.

    Raises:
        UserError: the entity has the property, but not the value.
    """
    if isinstance(item, WithdrawnImage):
        return [_with_hashes(store, item)]
    if isinstance(item, WithdrawnEntity):
        paths = tuple(sorted({*item.paths, *(path for (path,) in store.rows(PATHS, [item.entity]))}))
        return [item.model_copy(update={"names": _names(store, item.entity, item.names), "paths": paths})]
    if isinstance(item, WithdrawnClaim) and item.value:
        found = _values(store, item, strict=strict)
        return [item.model_copy(update={"value": value, "names": _names(store, value, item.names)}) for value in found]
    return [item]


def _with_hashes(store: Store, item: WithdrawnImage) -> WithdrawnImage:
    titles = [title for (title,) in store.rows(TITLES, {"title": item.file})] if item.file else []
    rows = store.rows(IMAGE_HASHES, {"titles": titles}) if titles else []
    images, originals = {image for image, _ in rows}, {sha1 for _, sha1 in rows if sha1}
    update = {"images": tuple(sorted(images.union(item.images))), "sha1": tuple(sorted(originals.union(item.sha1)))}
    return item.model_copy(update=update)


def _names(store: Store, value: str, known: Sequence[str]) -> tuple[str, ...]:
    """Return the hashes of a value's names, with those that a list has."""
    texts = store.rows(
        "SELECT text FROM value_text WHERE value = $1 UNION SELECT text FROM label WHERE entity = $1", [value]
    )
    return tuple(sorted({name_hash(text) for (text,) in texts}.union(known)))


def _values(store: Store, item: WithdrawnClaim, *, strict: bool) -> list[str]:
    """Return the keys of the values that a text means. Without the property in the store, the text is the key."""
    rows = store.rows(
        "SELECT DISTINCT value, value_type FROM claim WHERE entity = ? AND property = ? ORDER BY value",
        [item.entity, item.property],
    )
    found = [value for value, value_type in rows if _means(item, value, value_type)]
    if rows and not found and strict:
        some = ", ".join(value for value, _ in rows[:MAX_VALUES])
        raise UserError(f"{item.entity} has no {item.property} with the value {item.value}. Choose one of: {some}.")
    return found or [item.value]


def _means(item: WithdrawnClaim, value: str, value_type: str) -> bool:
    if item.value == value:
        return True
    if item.property in IMAGE_PROPERTIES:
        return normalized(item.value) == normalized(value)
    if value_type == "quantity":
        return item.value == value.rpartition("/")[0]
    if value_type == "time" and (match := _DATE.fullmatch(item.value)):
        sign, year, month, day = match.groups()
        return value.startswith(f"{sign or '+'}{int(year):04d}-{month or '00'}-{day or '00'}T")
    return False


def not_found(store: Store | None, item: Withdrawn, place: str) -> UserError:
    """Return the error for something that is nowhere in a place, such as the workspace."""
    hint = "Check its name."
    if isinstance(item, WithdrawnImage) and store is not None:
        near = [f"File:{file}" for (file,) in store.rows(NEAR, [item.file])]
        hint = f"Did you mean {' or '.join(near)}?" if near else hint
    elif isinstance(item, WithdrawnLicense) and store is not None:
        codes = store.rows("SELECT DISTINCT license_code FROM image WHERE license_code <> '' ORDER BY ALL")
        hint = f"Licenses in the store: {', '.join(code for (code,) in codes)}." if codes else hint
    return UserError(f"{item.name} is not in {place}. {hint} A file for --list can name what is not there yet.")
