"""Chat in LLaVA's form, as PangeaInstruct is published: `id`, `image`, `conversations`, `language`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pangea_cultural.model.tokenizer import IMAGE
from pangea_cultural.training.corpus import Rejections
from pangea_cultural.training.records import Conversation, Row
from pangea_cultural.training.sources import files

ROLES = {"human": "human", "user": "human", "gpt": "gpt", "assistant": "gpt"}


def read(path: Path, default_language: str, reject: Rejections) -> Iterator[Row]:
    """The conversations of a file; `reject` counts those that cannot be used.

    With one picture, its mark is taken off: the picture stands before the first question, as LLaVA moves it there. With
    several, the text must have a mark for each.

    Raises:
        UserError: the file is no JSON array.
    """
    for number, content in enumerate(files.rows(path, reject)):
        name = str(content.get("id", number))
        made = row(name, content, default_language)
        if isinstance(made, str):
            reject(made, name)
        else:
            yield made


def row(name: str, content: dict[str, Any], default_language: str) -> Row | str:
    """A row, or the reason why it cannot be used."""
    language = files.code(content.get("language"), default_language)
    if language is None:
        return "language unknown"
    listed = content.get("image") or []
    images = [files.inside(image) for image in (listed if isinstance(listed, list) else [listed])]
    if None in images:
        return "picture path outside the images folder"
    turns = _turns(content.get("conversations"))
    if isinstance(turns, str):
        return turns
    marks = sum(text.count(IMAGE) for turn in turns for text in turn)
    if len(images) > 1:
        if marks != len(images) or any(IMAGE in answer for _, answer in turns):
            return "as many <image> marks as pictures are needed, in questions"
    else:
        turns = tuple((_unmarked(question), _unmarked(answer)) for question, answer in turns)
    if not all(question and answer for question, answer in turns):
        return "empty question or answer"
    return Row(Conversation(name, language, turns, kind="chat"), tuple(image for image in images if image))


def _unmarked(text: str) -> str:
    return text.replace(IMAGE, "").strip()


def _turns(said: Any) -> tuple[tuple[str, str], ...] | str:
    """Questions and answers in turn, or the reason why there are none. What is said before the first question is
    dropped, as LLaVA does.
    """
    if not isinstance(said, list) or not all(isinstance(part, dict) for part in said):
        return "no conversations"
    roles = [ROLES.get(str(part.get("from"))) for part in said]
    texts = [part.get("value") for part in said]
    if None in roles or not all(isinstance(text, str) for text in texts):
        return "conversations are not of human and gpt"
    while roles and roles[0] != "human":
        roles, texts = roles[1:], texts[1:]
    if not roles or roles != ["human", "gpt"] * (len(roles) // 2):
        return "conversations do not alternate between human and gpt"
    return tuple(zip([t.strip() for t in texts[::2]], [t.strip() for t in texts[1::2]], strict=True))
