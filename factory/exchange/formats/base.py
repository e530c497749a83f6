"""The interface of a format."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from factory.exchange.source import Source
from factory.exchange.target import Target
from pangea_cultural.dataset.question import AnswerStyle


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of an export."""

    answer_style: AnswerStyle = "short"
    """Answers to open questions in chats: the value's name, a sentence, or one of both by a hash of the id."""


class Write(Protocol):
    """Writer of a format."""

    def __call__(self, source: Source, target: Target, options: Options) -> None:
        """Write all questions and images. Equal exports give equal bytes."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format of data sets."""

    name: str
    summary: str
    """Description of the files, for the card."""
    write: Write
    configs: Callable[[Source], list[dict[str, Any]]]
    """Returns the `configs` of the card's YAML: the files of each split."""
    features: Callable[[Source], list[dict[str, Any]]] | None = None
    """Returns the columns for the card's YAML; None if `datasets` finds them in the files."""
    snippet: str
    """Python code that loads the data of the current folder into `data`."""
    left_out: tuple[str, ...] = ()
    """Columns of a native export that the format cannot carry."""


def config(files: dict[str, str], name: str = "default", *, default: bool = True) -> dict[str, Any]:
    """Return a configuration of the hub.

    Args:
        files: path or pattern of the files by split.
        name: name of the configuration.
        default: whether it is loaded if no name is given.
    """
    data_files = [{"split": split, "path": path} for split, path in files.items()]
    return {"config_name": name, "data_files": data_files} | ({"default": True} if default else {})


def by_split(source: Source, pattern: str) -> dict[str, str]:
    """Return a pattern for each split that has questions; `{split}` stands for its name."""
    return {split: pattern.format(split=split) for split in source.splits}
