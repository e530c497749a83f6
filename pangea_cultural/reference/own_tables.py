"""Rows of a user's own tables, which extend or replace those of the shipped ones.

They hold within a block, for the code that runs in it: two builds in one process can have different tables. The tables
are read in many places, from validators of recipes to worker processes. So they are a context, not an argument of each
function.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pangea_cultural import config

Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class OwnTables:
    """Rows of own tables, as in their files. They are checked at the first use."""

    files: Mapping[str, Path] = field(default_factory=dict)
    """Files by the label of a table, such as `region`."""
    rows: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Rows by the label of a table."""
    templates: Path | None = None
    """Folder with template files, which replace the shipped ones of their languages."""
    cache: dict[Any, Any] = field(default_factory=dict, repr=False)
    """Results of functions that read tables."""

    @classmethod
    def read(cls, files: Mapping[str, Path], templates: Path | None = None) -> "OwnTables":
        """Read the files of own tables.

        Raises:
            UserError: a file cannot be read, or is not TOML.
        """
        if not files and templates is None:
            return SHIPPED  # with its cache: a second build in a process reads no table again
        return cls(files, {label: config.read_toml(path) for label, path in files.items()}, templates)

    def __reduce__(self) -> tuple[Any, ...]:
        """Return the content without the cache, for worker processes."""
        return OwnTables, (self.files, self.rows, self.templates)


SHIPPED = OwnTables()
"""The tables of the package alone."""
_current: ContextVar[OwnTables] = ContextVar("own_tables", default=SHIPPED)


def current() -> OwnTables:
    """Return the own tables that hold here."""
    return _current.get()


def start(tables: OwnTables) -> None:
    """Let tables hold for the rest of a worker process."""
    _current.set(tables)


@contextlib.contextmanager
def using(tables: OwnTables) -> Iterator[None]:
    """Let tables hold in the block."""
    token = _current.set(tables)
    try:
        yield
    finally:
        _current.reset(token)


def cached(function: Callable[..., Result]) -> Callable[..., Result]:
    """Cache the results of a function that reads tables, for each set of own tables."""

    @functools.wraps(function)
    def wrapper(*arguments: Any) -> Result:
        cache, key = current().cache, (wrapper, *arguments)
        if key not in cache:
            cache[key] = function(*arguments)
        return cache[key]

    def cache_clear() -> None:
        cache = current().cache
        for key in [key for key in cache if key[0] is wrapper]:
            del cache[key]

    wrapper.cache_clear = cache_clear  # type: ignore[attr-defined]
    return wrapper
