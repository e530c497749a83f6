"""Types that the readers of data sets return: conversations, and rows with their images."""

from dataclasses import dataclass

IMAGE_PLACEHOLDER = "<image>"
"""Position of an image in a text. Only texts about several images keep it."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """Alternating questions and answers. Later turns see earlier ones."""

    id: str
    language: str
    turns: tuple[tuple[str, str], ...]
    """Pairs of question and answer."""
    region: str = ""
    """Slug of the region that the conversation is about; empty if unknown."""
    question_type: str = ""
    """`open`, `choice`, or `chat` if the source does not distinguish them."""


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One row of a source."""

    conversation: Conversation
    images: tuple[str, ...] = ()
    """Paths relative to the source's image folder, with `/` as separator."""
    caption: str = ""
    """English caption of the image; empty if the source has none."""
