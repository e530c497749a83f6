"""The picture sources that a recipe names."""

import contextlib
from collections.abc import Iterator

from factory.commons.drawings import Drawings
from factory.commons.folder import Folder
from factory.commons.source import PictureSource
from factory.recipe import DrawingsSource, FolderSource, Recipe


@contextlib.contextmanager
def opened(recipe: Recipe) -> Iterator[list[PictureSource]]:
    """Open the sources of a recipe, in its order, and close them at the end of the block."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(_source(source, recipe)) for source in recipe.images.sources]


def _source(source: DrawingsSource | FolderSource, recipe: Recipe) -> PictureSource:
    if isinstance(source, DrawingsSource):
        return Drawings(source.path, seed=recipe.seed)
    return Folder(source.path)
