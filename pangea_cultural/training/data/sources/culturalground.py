"""CulturalGround as neulab publishes it, in both of its layouts; which one a row has, its keys tell.

- Chat rows (`CulturalGround-OE-Filtered-14M.json`, `CulturalGround-MCQs-Filtered-7M.json`): LLaVA's, but with stray
  quotes around questions and answers, and with the region's slug as the last folder of `image`.
- Refined rows (`CulturalGround-Recipes/CulturalGround-Refined-OE/<region>_refined.jsonl`): one question each, the
  image's file name in `media`, the region in the name of the file; a missing value is the word "None".

The images' archives unpack to one folder a region: that is where a row's image is looked for, whatever stands
before region and file in `image`. Every row of both layouts has an image and a language.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pangea_cultural.reference.regions import regions
from pangea_cultural.training.data.rejections import Count, ReadCallbacks
from pangea_cultural.training.data.sources import json_reader, llava_chat
from pangea_cultural.training.data.sources.fields import RowError, image, images, language_code, text
from pangea_cultural.training.data.types import Conversation, SourceRow

REFINED_FILE = "_refined"
MISSING = "None"


def read(path: Path, callbacks: ReadCallbacks) -> Iterator[SourceRow]:
    """The questions of a published file.

    Args:
        path: a JSON array, or JSON Lines; that its questions are choices is told by `MCQ` in its name.
        callbacks: is told of rows that are not usable or have a folder that is no region's, and of mebibytes.

    Raises:
        UserError: the file is broken.
    """
    question_type = "choice" if "MCQ" in path.name else "open"
    folder = path.stem.removesuffix(REFINED_FILE)

    def parse(item: dict[str, Any], id: str) -> SourceRow:
        if "conversations" in item:
            return _chat(item, id, question_type, callbacks.note)
        return _refined(item, id, folder, callbacks.note)

    return json_reader.rows(path, parse, callbacks)


def _chat(item: dict[str, Any], id: str, question_type: str, note: Count) -> SourceRow:
    shown = images(item.get("image"))
    if len(shown) != 1 or "/" not in shown[0]:
        raise RowError("no image in a region's folder")
    folder, file = shown[0].split("/")[-2:]
    asked = llava_chat.conversation(item, id, default_language="", note=note, clean=_unquoted).conversation
    region, image = _placed(folder, file, id, note)
    return SourceRow(Conversation(id, asked.language, asked.turns, region, question_type), (image,))


def _refined(item: dict[str, Any], id: str, folder: str, note: Count) -> SourceRow:
    present = {key: value for key, value in item.items() if value not in (None, "", MISSING)}
    if "media" not in present:
        raise RowError("no image in a region's folder")
    if not {"reformulated_question", "reformulated_answer"} <= present.keys():
        raise RowError("no refined question and answer")
    question, answer = (_unquoted(text(present[f"reformulated_{part}"])) for part in ("question", "answer"))
    if not question or not answer:
        raise RowError("a question or answer without words")
    code = language_code(present.get("language"), "")
    region, path = _placed(folder, image(present["media"]), id, note)
    return SourceRow(Conversation(id, code, ((question, answer),), region, "open"), (path,))


def _placed(folder: str, file: str, id: str, note: Count) -> tuple[str, str]:
    """The region of a folder, and where the image lies."""
    if folder.lower() in regions():
        return folder.lower(), f"{folder.lower()}/{file}"
    note("a folder that is no region: region unknown", id)
    return "", f"{folder}/{file}"


def _unquoted(words: str) -> str:
    """A text without blanks and quotes around it; a quote at a single end belongs to the text."""
    bare = words.strip()
    quoted = len(bare) > 1 and bare[0] == bare[-1] == '"'
    return bare[1:-1].strip() if quoted else bare
