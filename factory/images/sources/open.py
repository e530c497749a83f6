"""Opening of the image sources in a recipe.

Modules of sources are imported on use: every build checks its recipe, even one without images.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from factory.images.base import ImageSource
from factory.images.config import AnyImageSource, CommonsConfig, DrawingsConfig, FolderConfig, OwnImages
from factory.net.config import NetworkConfig
from factory.net.user_agent import require_contact, user_agent

if TYPE_CHECKING:
    from factory.net.client import Client


def check_contact(configs: Sequence[AnyImageSource], network: NetworkConfig) -> None:
    """Check before the build that the recipe has a contact, if the host of an image source requires one.

    Raises:
        UserError: the contact is missing or not valid.
    """
    user_agent(network.contact, "")
    for config in configs:
        if isinstance(config, CommonsConfig):
            require_contact(config.api, network.contact)


@contextlib.contextmanager
def open_sources(
    configs: Sequence[AnyImageSource], network: NetworkConfig, *, seed: int, scratch: Path
) -> Iterator[list[ImageSource]]:
    """Open the sources of a recipe in its order, and close them at the end of the block.

    Args:
        configs: the sources.
        network: limits and contact.
        seed: seed of drawings and of the client.
        scratch: folder for temporary data.
    """
    with contextlib.ExitStack() as stack:
        # All sources share one client, because the limits of a host apply to the whole build.
        online = any(isinstance(config, CommonsConfig) for config in configs)
        client = stack.enter_context(network.client(seed=seed)) if online else None
        yield [stack.enter_context(_source(config, client, seed, scratch)) for config in configs]


def _source(config: AnyImageSource, client: Client | None, seed: int, scratch: Path) -> ImageSource:
    if isinstance(config, DrawingsConfig):
        from factory.images.sources.drawings import DrawingsSource

        return DrawingsSource(config.path, seed=seed)
    if isinstance(config, FolderConfig):
        from factory.images.sources.folder import FolderSource

        return FolderSource(config.path)
    if isinstance(config, OwnImages):
        from factory.images.sources.knowledge import KnowledgeImages

        return KnowledgeImages(config.sources, scratch)
    from factory.images.sources.commons.photo_rules import PhotoRules
    from factory.images.sources.commons.source import CommonsSource

    assert client is not None
    rules = PhotoRules(min_side_px=config.min_side_px, drawings=config.drawings)
    return CommonsSource(client=client, api=config.api, width=config.width, rules=rules)
