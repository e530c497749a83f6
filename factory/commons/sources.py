"""The picture sources that a recipe names."""

from factory.commons.drawings import Drawings
from factory.commons.folder import Folder
from factory.commons.source import PictureSource
from factory.recipe import DrawingsSource, Recipe


def open_all(recipe: Recipe) -> list[PictureSource]:
    """Open the sources of a recipe, in its order."""
    return [
        Drawings(source.path, seed=recipe.seed) if isinstance(source, DrawingsSource) else Folder(source.path)
        for source in recipe.images.sources
    ]
