"""Our own exports: the questions of a split, and English names as captions."""

from collections.abc import Iterator
from pathlib import Path

from pangea_cultural.export import Export
from pangea_cultural.training.records import Conversation, Row


def opened(path: Path) -> Export:
    """The export.

    Raises:
        UserError: nothing complete lies there.
    """
    return Export.open(path)


def read(path: Path, split: str) -> Iterator[Row]:
    """The questions of a split.

    Raises:
        UserError: nothing complete lies there.
    """
    export = opened(path)
    captions = {q.image: q.answer for q in export.questions(split) if q.property == "label" and q.language == "en"}
    for question in export.questions(split):
        turns = ((question.prompt(), question.target()),)
        own = Conversation(question.id, question.language, turns, question.region, question.kind)
        yield Row(own, (question.image,) if question.image else (), captions.get(question.image, ""))
