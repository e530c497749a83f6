"""What training reads: conversations, and the pictures that they share."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Conversation:
    """Questions and answers in turn; later turns see earlier ones."""

    id: str
    language: str
    turns: tuple[tuple[str, str], ...]
    """Question and answer."""
    region: str = ""
    kind: str = ""
    """`open`, `choice` or `chat`."""


@dataclass(frozen=True, slots=True)
class Group:
    """A picture (or none) and conversations about it, which do not see each other.

    A conversation over several pictures is a group of its own; its texts have a mark `<image>` for each picture.
    """

    source: int
    images: tuple[Path, ...]
    conversations: tuple[Conversation, ...]
    caption: str = ""
    """What the picture shows, in English; empty where nobody says."""


@dataclass(frozen=True, slots=True)
class Row:
    """A conversation as a source has it, with its pictures relative to the source's folder of pictures."""

    conversation: Conversation
    images: tuple[str, ...] = ()
    caption: str = ""
