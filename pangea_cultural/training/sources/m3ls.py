"""M3LS, summaries of news with pictures in 20 languages.

Its published layout could not be read when this was written, and nothing is guessed: a row is either a LLaVA chat
object (converted by the user; see chat.py), or an object whose keys the recipe names. Of the latter the question is
the recipe's instruction, an empty line and the text, the answer is the summary, and all pictures stand before the
question.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pangea_cultural import config
from pangea_cultural.training.records import IMAGE_MARK, Row
from pangea_cultural.training.sources import chat, json_rows
from pangea_cultural.training.sources.fields import RowError, pictures, text
from pangea_cultural.training.tally import Listener


class Columns(config.Config):
    """Under which keys a row keeps what."""

    text: str
    summary: str
    images: str = ""
    """A path or a list of paths; empty where the rows have no pictures."""
    language: str = ""
    """A code; empty where all rows are in the source's default language."""


def read(
    path: Path, listener: Listener, *, columns: Columns | None, instruction: str, default_language: str
) -> Iterator[Row]:
    """The articles of a file.

    Args:
        path: a JSON array, or JSON Lines.
        listener: is told of rows that are not usable or lose their first turn, and of mebibytes.
        columns: the keys of rows that are no chat objects; None where all are.
        instruction: what to do with a text; for rows that are no chat objects.
        default_language: our code of the language of rows that do not name theirs; empty if each has to.

    Raises:
        UserError: the file is broken.
    """

    def parse(item: dict[str, Any], id: str) -> Row:
        if "conversations" not in item:
            item = _as_chat(item, columns, instruction)
        return chat.conversation(item, id, default_language=default_language, note=listener.note)

    return json_rows.rows(path, parse, listener)


def _as_chat(item: dict[str, Any], columns: Columns | None, instruction: str) -> dict[str, Any]:
    if columns is None:
        raise RowError("neither a chat object nor columns in the recipe")
    article, summary = text(item.get(columns.text)), text(item.get(columns.summary))
    if not article:
        raise RowError("a question or answer without words")
    images = pictures(item.get(columns.images))
    question = f"{IMAGE_MARK}\n" * len(images) + f"{instruction}\n\n{article}"
    said = [{"from": "human", "value": question}, {"from": "gpt", "value": summary}]
    return {"image": list(images), "language": item.get(columns.language), "conversations": said}
