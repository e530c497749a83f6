"""Errors that are the user's to mend: the CLI prints one line and exits with 1."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something the user can mend; the message says what is wrong and what to do, in one line."""


def unknown(kind: str, name: str, known: Iterable[str]) -> UserError:
    """An error for a name that is not in a table, naming the near matches.

    Args:
        kind: what the name stands for, as the user calls it ("language", "region", "recipe key").
        name: what the user wrote.
        known: the names that would have been accepted.
    """
    names = sorted(known)
    near = difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(names)}"
    return UserError(f"unknown {kind} {name!r}: {hint}")
