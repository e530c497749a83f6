"""M3LS (Verma et al., 2023, arXiv 2302.06560): news articles with pictures and their summaries, in twenty languages.

The form in which it is published could not be read, so nothing is assumed of it: rows are JSON objects, and the recipe
names the columns. The article with the instruction is the question, the summary is the answer.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pangea_cultural.config import Config
from pangea_cultural.model.tokenizer import IMAGE
from pangea_cultural.training.corpus import Rejections
from pangea_cultural.training.records import Conversation, Row
from pangea_cultural.training.sources import files


class Columns(Config):
    """Which column holds what."""

    id: str = "id"
    text: str = "text"
    summary: str = "summary"
    images: str = "images"
    """A path, or a list of paths."""
    language: str = "language"


def read(path: Path, columns: Columns, instruction: str, default_language: str, reject: Rejections) -> Iterator[Row]:
    """Articles to be summarised; `reject` counts those that cannot be used.

    Raises:
        UserError: a .json file is no array.
    """
    for number, content in enumerate(files.rows(path, reject)):
        name = str(content.get(columns.id, number))
        made = _row(name, content, columns, instruction, default_language)
        if isinstance(made, str):
            reject(made, name)
        else:
            yield made


def _row(name: str, content: dict[str, Any], columns: Columns, instruction: str, default_language: str) -> Row | str:
    language = files.code(content.get(columns.language), default_language)
    if language is None:
        return "language unknown"
    text, summary = content.get(columns.text), content.get(columns.summary)
    if not all(isinstance(part, str) and part.strip() for part in (text, summary)):
        return "empty question or answer"
    listed = content.get(columns.images) or []
    images = [files.inside(image) for image in (listed if isinstance(listed, list) else [listed])]
    if None in images:
        return "picture path outside the images folder"
    question = f"{str(text).replace(IMAGE, '').strip()}\n{instruction}"
    if len(images) > 1:
        question = f"{' '.join([IMAGE] * len(images))}\n{question}"
    own = Conversation(name, language, ((question, str(summary).replace(IMAGE, "").strip()),), kind="chat")
    return Row(own, tuple(image for image in images if image))
