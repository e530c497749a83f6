"""LLaVA chat files, as PangeaInstruct is published.

    {"id": …, "image": "a/b.jpg", "language": "de", "conversations": [{"from": "human", "value": "<image>\\n…"},
                                                                      {"from": "gpt", "value": "…"}, …]}

`image` is a path, a list of paths, or absent. What LLaVA does with a row is done here: a first turn that is not the
human's is left out, and with exactly one image every mark is taken off, for its place is always at the front.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pangea_cultural.training.data.rejections import Count, ReadCallbacks
from pangea_cultural.training.data.sources import json_reader
from pangea_cultural.training.data.sources.fields import RowError, images, language_code, text
from pangea_cultural.training.data.types import IMAGE_MARK, Conversation, SourceRow


def read(path: Path, callbacks: ReadCallbacks, *, default_language: str) -> Iterator[SourceRow]:
    """The conversations of a chat file.

    Args:
        path: a JSON array, or JSON Lines.
        callbacks: is told of rows that are not usable or lose their first turn, and of mebibytes.
        default_language: our code of the language of rows that do not name theirs; empty if each has to.

    Raises:
        UserError: the file is broken.
    """

    def parse(item: dict[str, Any], id: str) -> SourceRow:
        return conversation(item, id, default_language=default_language, note=callbacks.note)

    return json_reader.rows(path, parse, callbacks)


def conversation(
    item: dict[str, Any], id: str, *, default_language: str, note: Count, clean: Callable[[str], str] = str.strip
) -> SourceRow:
    """The row of a chat object.

    Args:
        item: the object; keys that are not named above are of no interest.
        id: what the row is called.
        default_language: as in `read`.
        note: is told if the row loses its first turn.
        clean: is applied to every text.

    Raises:
        RowError: a field is missing or is not what it should be.
    """
    paths = images(item.get("image"))
    code = language_code(item.get("language"), default_language)
    said = _said(item.get("conversations"))
    begins_late = said[0][0] != "human"
    turns = _turns(said[begins_late:], len(paths), clean)
    if begins_late:
        note("a first turn that is not the human's is left out", id)
    return SourceRow(Conversation(id, code, turns, question_type="chat"), paths)


def _said(parts: Any) -> list[tuple[str, str]]:
    """Who said what."""
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise RowError("conversations that are no list of turns")
    if any(part.get("from") == "system" for part in parts):
        raise RowError("a system turn")
    if any(part.get("from") not in ("human", "gpt") for part in parts):
        raise RowError("a speaker that is neither human nor gpt")
    if not parts:
        raise RowError("turns that are not question and answer by turns")
    return [(part["from"], text(part.get("value"))) for part in parts]


def _turns(said: list[tuple[str, str]], num_images: int, clean: Callable[[str], str]) -> tuple[tuple[str, str], ...]:
    """Questions and answers, their marks as a group has them."""
    if not said or [speaker for speaker, _ in said] != ["human", "gpt"] * (len(said) // 2):
        raise RowError("turns that are not question and answer by turns")
    texts = [words for _, words in said]
    if num_images == 1:
        texts = [words.replace(IMAGE_MARK, "") for words in texts]
    elif sum(words.count(IMAGE_MARK) for words in texts[::2]) != num_images:
        raise RowError("image marks and images differ in number")
    elif any(IMAGE_MARK in words for words in texts[1::2]):
        raise RowError("an image mark in an answer")
    texts = [clean(words) for words in texts]
    if not all(words.replace(IMAGE_MARK, "").strip() for words in texts):
        raise RowError("a question or answer without words")
    return tuple(zip(texts[::2], texts[1::2], strict=True))
