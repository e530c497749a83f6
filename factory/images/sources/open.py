"""The image sources that a recipe names.

Each is imported where a recipe names it: a recipe is checked at the start of every build, also of one without images.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from factory.images.base import ImageSource
from factory.net.user_agent import require_contact, user_agent
from factory.recipe import CommonsSource, DrawingsSource, FolderSource, Recipe

if TYPE_CHECKING:
    from factory.net.client import Client


def check(recipe: Recipe) -> None:
    """Refuse a recipe that wants images from a host that wants to know whom to contact, before hours of work.

    Raises:
        UserError: there is no contact, or it is none.
    """
    user_agent(recipe.network.contact, "")
    for source in recipe.images.sources:
        if isinstance(source, CommonsSource):
            require_contact(source.api, recipe.network.contact)


@contextlib.contextmanager
def opened(recipe: Recipe) -> Iterator[list[ImageSource]]:
    """Open the sources of a recipe, in its order, and close them at the end of the block."""
    with contextlib.ExitStack() as stack:
        # One client for all: the limits of a host hold for the whole build.
        online = any(isinstance(source, CommonsSource) for source in recipe.images.sources)
        client = stack.enter_context(recipe.network.client(seed=recipe.seed)) if online else None
        yield [stack.enter_context(_source(source, recipe, client)) for source in recipe.images.sources]


def _source(
    source: DrawingsSource | FolderSource | CommonsSource, recipe: Recipe, client: Client | None
) -> ImageSource:
    if isinstance(source, DrawingsSource):
        from factory.images.sources.drawings import Drawings

        return Drawings(source.path, seed=recipe.seed)
    if isinstance(source, FolderSource):
        from factory.images.sources.folder import Folder

        return Folder(source.path)
    from factory.images.sources.commons.photo_rules import Rules
    from factory.images.sources.commons.source import Commons

    assert client is not None
    rules = Rules(min_side_px=source.min_side_px, drawings=source.drawings)
    return Commons(client=client, api=source.api, width=source.width, rules=rules)
