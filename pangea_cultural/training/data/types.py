"""Groups of conversations that share their images."""

from dataclasses import dataclass
from pathlib import Path

from pangea_cultural.dataset.sources.types import Conversation


@dataclass(frozen=True, slots=True)
class Group:
    """Conversations that share their images.

    Conversations about one image, or none, do not see each other, and their texts contain no image placeholders. A
    conversation about several images is a group of its own. Its questions contain one placeholder per image.
    """

    source: int
    """Index of the source in the recipe."""
    images: tuple[Path, ...]
    conversations: tuple[Conversation, ...]
    caption: str = ""
    """English caption of the image; empty if the source has none."""
