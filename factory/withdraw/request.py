"""Withdrawals as a user names them on the command line."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from factory.store.store import Store
from pangea_cultural import config
from pangea_cultural.dataset.titles import is_valid, normalized
from pangea_cultural.dataset.withdrawal import (
    Withdrawn,
    WithdrawnClaim,
    WithdrawnEntity,
    WithdrawnImage,
    WithdrawnLicense,
)
from pangea_cultural.errors import UserError
from pangea_cultural.reference import ids

CODES = """
SELECT license_code FROM image WHERE license_code <> ''
UNION SELECT license_code FROM statement WHERE license_code <> '' ORDER BY ALL
"""
NEAR = "SELECT file FROM image ORDER BY jaro_winkler_similarity(file, ?) DESC, file LIMIT 3"


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


def not_found(store: Store | None, item: Withdrawn, place: str) -> UserError:
    """Return the error for something that is nowhere in a place, such as the workspace."""
    hint = "Check its name."
    if isinstance(item, WithdrawnImage) and store is not None:
        near = [f"File:{file}" for (file,) in store.rows(NEAR, [item.file])]
        hint = f"Did you mean {' or '.join(near)}?" if near else hint
    elif isinstance(item, WithdrawnLicense) and store is not None:
        codes = store.rows(CODES)
        hint = f"Licenses in the store: {', '.join(code for (code,) in codes)}." if codes else hint
    return UserError(f"{item.name} is not in {place}. {hint} A file for --list can name what is not there yet.")
