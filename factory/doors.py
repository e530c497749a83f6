"""The doors that a recipe names, opened."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from factory.recipe import DumpDoor, Recipe
from factory.wikidata import dump
from factory.wikidata.door import LookupDoor, StreamDoor
from factory.wikidata.dump import Batch
from factory.wikidata.files import FilesDoor


class Dump:
    """The dump door of a recipe.

    Args:
        path: the file.
        name: stands in the store as the place that rows came from.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self.name = name

    def batches(self, wanted: Callable[[bytes], object], *, start: int = 0) -> Iterator[Batch]:
        """The lines that a test lets through, from a position on."""
        return dump.batches(self._path, wanted, start=start)


@contextlib.contextmanager
def open_doors(recipe: Recipe) -> Iterator[list[StreamDoor | LookupDoor]]:
    """The doors of a recipe, in its order; connections end with the block."""
    names = _names(recipe)
    doors: list[StreamDoor | LookupDoor] = []
    for door, name in zip(recipe.doors, names, strict=True):
        doors.append(Dump(door.path, name) if isinstance(door, DumpDoor) else FilesDoor(door.path, name))
    yield doors


def _names(recipe: Recipe) -> list[str]:
    """What each door is called; two files of the same name are told apart by their place in the recipe."""
    plain = [door.label() for door in recipe.doors]
    return [name if plain.count(name) == 1 else f"{name} ({n})" for n, name in enumerate(plain, 1)]
