"""The image sources that a recipe names.

Each is imported where a recipe names it: a recipe is checked at the start of every build, also of one without images.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from factory.images.base import ImageSource
from factory.images.config import CommonsConfig, DrawingsConfig, FolderConfig, ImageSourceConfig
from factory.net.config import Network
from factory.net.user_agent import require_contact, user_agent

if TYPE_CHECKING:
    from factory.net.client import Client


def check(configs: Sequence[ImageSourceConfig], network: Network) -> None:
    """Refuse a recipe that wants images from a host that wants to know whom to contact, before hours of work.

    Raises:
        UserError: there is no contact, or it is none.
    """
    user_agent(network.contact, "")
    for config in configs:
        if isinstance(config, CommonsConfig):
            require_contact(config.api, network.contact)


@contextlib.contextmanager
def opened(configs: Sequence[ImageSourceConfig], network: Network, *, seed: int) -> Iterator[list[ImageSource]]:
    """Open the sources of a recipe, in its order, and close them at the end of the block."""
    with contextlib.ExitStack() as stack:
        # One client for all: the limits of a host hold for the whole build.
        online = any(isinstance(config, CommonsConfig) for config in configs)
        client = stack.enter_context(network.client(seed=seed)) if online else None
        yield [stack.enter_context(_source(config, client, seed)) for config in configs]


def _source(config: ImageSourceConfig, client: Client | None, seed: int) -> ImageSource:
    if isinstance(config, DrawingsConfig):
        from factory.images.sources.drawings import Drawings

        return Drawings(config.path, seed=seed)
    if isinstance(config, FolderConfig):
        from factory.images.sources.folder import Folder

        return Folder(config.path)
    from factory.images.sources.commons.photo_rules import Rules
    from factory.images.sources.commons.source import Commons

    assert client is not None
    rules = Rules(min_side_px=config.min_side_px, drawings=config.drawings)
    return Commons(client=client, api=config.api, width=config.width, rules=rules)
