"""Errors that the user can fix, and errors of images that cannot be used."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """An error that the user can fix. The message states the fact and one instruction, in one line."""


class ImageError(Exception):
    """An image that cannot be used.

    Args:
        reason: the same text for all images with the same fault, so that they can be counted.
        detail: facts about this image.
        subject: what is at fault if several images share it, such as a drawing with many views.
    """

    def __init__(self, reason: str, detail: str = "", subject: str = "") -> None:
        super().__init__(reason, detail, subject)
        self.reason = reason
        self.detail = detail
        self.subject = subject

    def __str__(self) -> str:
        return self.reason


def unknown(label: str, name: str, known: Iterable[str]) -> UserError:
    """Return an error for a name that is not in a table; it names near matches.

    Args:
        label: the user's term for the name ("language", "region", "key").
        name: the name as the user wrote it.
        known: the accepted names.
    """
    names = sorted(known)
    near = difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.6)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(names)}."
    return UserError(f"Unknown {label} {name!r}. {hint}")
