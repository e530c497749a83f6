"""CulturalGround as it is published (neulab/CulturalGround): chat rows of the training mixture, or refined rows.

Chat rows are LLaVA's with stray quotes around the texts and ids that end in the property (`Q27797552_P17`, `_None` for
questions of what is shown). Refined rows (`<region>_refined.jsonl`) have a question and an answer before and after
rewriting, and the word "None" where a value is missing.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from pangea_cultural.regions import regions
from pangea_cultural.training.corpus import Rejections
from pangea_cultural.training.records import Conversation, Row
from pangea_cultural.training.sources import chat, files

QUOTES = ('""', "''", "“”", "«»")
SUFFIX = "_refined"


def read(path: Path, reject: Rejections) -> Iterator[Row]:
    """The questions of a file, or of a folder of refined files; `reject` counts those that cannot be used.

    Raises:
        UserError: the file is no JSON array.
    """
    of_file = path.stem.removesuffix(SUFFIX) if path.suffix == ".jsonl" else ""
    for number, content in enumerate(files.rows(path, reject)):
        content = {key: None if value == "None" else value for key, value in content.items()}
        name = str(content.get("id", number))
        made = _chat(name, content) if "conversations" in content else _refined(content, of_file)
        if isinstance(made, str):
            reject(made, name)
        else:
            yield made


def _chat(name: str, content: dict[str, Any]) -> Row | str:
    made = chat.row(name, content, "en")
    if isinstance(made, str):
        return made
    own = made.conversation
    turns = tuple((unquoted(question), unquoted(answer)) for question, answer in own.turns)
    if not all(question and answer for question, answer in turns):
        return "empty question or answer"
    kind = "choice" if len(turns[0][1]) == 1 else "open"
    return Row(Conversation(name, own.language, turns, _region(made.images), kind), made.images)


def _refined(content: dict[str, Any], of_file: str) -> Row | str:
    texts = [content.get(f"reformulated_{part}") or content.get(f"original_{part}") for part in ("question", "answer")]
    if not all(isinstance(text, str) and text.strip() for text in texts):
        return "empty question or answer"
    language = files.code(content.get("language"), "en")
    if language is None:
        return "language unknown"
    media = content.get("media") or content.get("image")
    image = files.inside(media) if media else ""
    if image is None:
        return "picture path outside the images folder"
    if image and of_file and "/" not in image:
        image = f"{of_file}/{image}"
    question, answer = (unquoted(str(text)) for text in texts)
    name = f"{content.get('id')}_{content.get('property_id')}_{content.get('question_type')}_{language}"
    images = (image,) if image else ()
    return Row(Conversation(name, language, ((question, answer),), of_file or _region(images), "open"), images)


def unquoted(text: str) -> str:
    """A text without the quotes around it; one that has them at one end only keeps them."""
    text = text.strip()
    if len(text) > 1 and text[0] + text[-1] in QUOTES and text[0] not in text[1:-1] and text[-1] not in text[1:-1]:
        return text[1:-1].strip()
    return text


def _region(images: tuple[str, ...]) -> str:
    """The region's folder in a picture's path; empty where none of ours is there."""
    parts = PurePosixPath(images[0]).parts[:-1] if images else ()
    return next((part for part in reversed(parts) if part in regions()), "")
