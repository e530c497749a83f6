"""A reader of LLaVA chat files, the format of PangeaInstruct.

    {"id": ..., "image": "a/b.jpg", "language": "de", "conversations": [{"from": "human", "value": "<image>\\n..."},
                                                                        {"from": "gpt", "value": "..."}, ...]}

`image` is a path, a list of paths, or absent. Rows are treated as in LLaVA: a first turn that is not the human's is
dropped. With exactly one image all placeholders are removed, because the image always comes first.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pangea_cultural.dataset.sources import json_reader, reasons
from pangea_cultural.dataset.sources.fields import RowError, images, is_blank, language_code, text
from pangea_cultural.dataset.sources.rejections import CountReason, ReadCallbacks
from pangea_cultural.dataset.sources.types import IMAGE_PLACEHOLDER, Conversation, SourceRow


def read(path: Path, callbacks: ReadCallbacks, *, default_language: str) -> Iterator[SourceRow]:
    """Iterate over the conversations of a chat file.

    Args:
        path: a JSON array, or JSON Lines.
        callbacks: called for rejected rows, dropped first turns and each mebibyte read.
        default_language: language of rows without one; empty if every row needs one.

    Raises:
        UserError: the file is broken.
    """

    def parse(item: dict[str, Any], id: str) -> SourceRow:
        return chat_row(item, id, default_language=default_language, note=callbacks.note)

    return json_reader.rows(path, parse, callbacks)


def chat_row(
    item: dict[str, Any], id: str, *, default_language: str, note: CountReason, clean: Callable[[str], str] = str.strip
) -> SourceRow:
    """Return the row of a chat object.

    Args:
        item: the object. Keys other than those above are ignored.
        id: id of the row.
        default_language: language of rows without one; empty if every row needs one.
        note: called if the first turn is dropped.
        clean: function applied to every text.

    Raises:
        RowError: a field is missing or invalid.
    """
    paths = images(item.get("image"))
    language = language_code(item.get("language"), default_language)
    messages = _messages(item.get("conversations"))
    drop_first = messages[0][0] != "human"
    turns = _turns(messages[drop_first:], len(paths), clean)
    if drop_first:
        note(reasons.REMARK_FIRST_TURN, id)
    return SourceRow(Conversation(id, language, turns, question_type="chat"), paths)


def _messages(items: Any) -> list[tuple[str, str]]:
    """Return pairs of speaker and text."""
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise RowError(reasons.NOT_A_LIST_OF_TURNS)
    speakers = [item.get("from") for item in items]
    if "system" in speakers:
        raise RowError(reasons.SYSTEM_TURN)
    if any(speaker not in ("human", "gpt") for speaker in speakers):
        raise RowError(reasons.UNKNOWN_SPEAKER)
    if not items:
        raise RowError(reasons.TURNS_DO_NOT_ALTERNATE)
    return [(item["from"], text(item.get("value"))) for item in items]


def _turns(
    messages: list[tuple[str, str]], num_images: int, clean: Callable[[str], str]
) -> tuple[tuple[str, str], ...]:
    """Return questions and answers, with image placeholders as in a `Group`."""
    if not messages or [speaker for speaker, _ in messages] != ["human", "gpt"] * (len(messages) // 2):
        raise RowError(reasons.TURNS_DO_NOT_ALTERNATE)
    texts = [text for _, text in messages]
    if num_images == 1:
        texts = [text.replace(IMAGE_PLACEHOLDER, "") for text in texts]
    elif sum(question.count(IMAGE_PLACEHOLDER) for question in texts[::2]) != num_images:
        raise RowError(reasons.PLACEHOLDER_COUNT)
    elif any(IMAGE_PLACEHOLDER in answer for answer in texts[1::2]):
        raise RowError(reasons.PLACEHOLDER_IN_ANSWER)
    texts = [clean(text) for text in texts]
    if any(is_blank(text.replace(IMAGE_PLACEHOLDER, "")) for text in texts):
        raise RowError(reasons.EMPTY_TEXT)
    return tuple(zip(texts[::2], texts[1::2], strict=True))
