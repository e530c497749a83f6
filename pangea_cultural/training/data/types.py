"""What the data side of training speaks: conversations, the images they are about, and rows as sources give them."""

from dataclasses import dataclass
from pathlib import Path

IMAGE_MARK = "<image>"
"""Stands in a text where an image stands; only texts about several images keep it."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """Questions and answers in turn; later turns see earlier ones."""

    id: str
    language: str
    turns: tuple[tuple[str, str], ...]
    """Question and answer."""
    region: str = ""
    """Slug of the region that it is about; empty where the source does not say."""
    question_type: str = ""
    """`open`, `choice`, or `chat` where the source does not tell questions apart."""


@dataclass(frozen=True, slots=True)
class Group:
    """What shares images.

    Conversations about one image, or none, do not see each other, and their texts carry no image marks. A
    conversation about several images is a group of its own, and its questions carry as many marks as images.
    """

    source: int
    """Number of the source in the recipe."""
    images: tuple[Path, ...]
    conversations: tuple[Conversation, ...]
    caption: str = ""
    """What the image shows, in English; empty where nobody says."""


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One row of a source."""

    conversation: Conversation
    images: tuple[str, ...] = ()
    """Paths relative to the source's folder of images, with `/` between the parts."""
    caption: str = ""
    """As the group's."""
