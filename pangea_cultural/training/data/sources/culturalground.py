"""A reader of CulturalGround as neulab publishes it, in both layouts. The keys of a row tell its layout.

- Chat rows (`CulturalGround-OE-Filtered-14M.json`, `CulturalGround-MCQs-Filtered-7M.json`): as in LLaVA, but with stray
  quotes around questions and answers. The last folder of `image` is the region's slug.
- Refined rows (`CulturalGround-Recipes/CulturalGround-Refined-OE/<region>_refined.jsonl`): one question each, the
  image's file name in `media`, the region in the file's name. A missing value is the word "None".

The image archives unpack to one folder per region. Images are expected there, whatever precedes region and file in
`image`. Every row of both layouts has an image and a language.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pangea_cultural.reference.regions import regions
from pangea_cultural.training.data import reasons
from pangea_cultural.training.data.rejections import CountReason, ReadCallbacks
from pangea_cultural.training.data.sources import json_reader, llava_chat
from pangea_cultural.training.data.sources.fields import RowError, image, images, language_code, text
from pangea_cultural.training.data.types import Conversation, SourceRow

REFINED_SUFFIX = "_refined"
MISSING = "None"


def read(path: Path, callbacks: ReadCallbacks) -> Iterator[SourceRow]:
    """Iterate over the questions of a published file.

    Args:
        path: a JSON array, or JSON Lines. `MCQ` in the name means multiple choice.
        callbacks: called for rejected rows, unknown regions and each mebibyte read.

    Raises:
        UserError: the file is broken.
    """
    question_type = "choice" if "MCQ" in path.name else "open"
    folder = path.stem.removesuffix(REFINED_SUFFIX)

    def parse(item: dict[str, Any], id: str) -> SourceRow:
        if "conversations" in item:
            return _chat(item, id, question_type, callbacks.note)
        return _refined(item, id, folder, callbacks.note)

    return json_reader.rows(path, parse, callbacks)


def _chat(item: dict[str, Any], id: str, question_type: str, note: CountReason) -> SourceRow:
    paths = images(item.get("image"))
    if len(paths) != 1 or "/" not in paths[0]:
        raise RowError(reasons.NO_REGION_FOLDER)
    folder, file = paths[0].split("/")[-2:]
    chat = llava_chat.chat_row(item, id, default_language="", note=note, clean=_unquote).conversation
    region, path = _region_and_path(folder, file, id, note)
    return SourceRow(Conversation(id, chat.language, chat.turns, region, question_type), (path,))


def _refined(item: dict[str, Any], id: str, folder: str, note: CountReason) -> SourceRow:
    present = {key: value for key, value in item.items() if value not in (None, "", MISSING)}
    if "media" not in present:
        raise RowError(reasons.NO_REGION_FOLDER)
    if not {"reformulated_question", "reformulated_answer"} <= present.keys():
        raise RowError(reasons.NO_REFINED_QUESTION)
    question, answer = (_unquote(text(present[f"reformulated_{part}"])) for part in ("question", "answer"))
    if not question or not answer:
        raise RowError(reasons.EMPTY_TEXT)
    language = language_code(present.get("language"), "")
    region, path = _region_and_path(folder, image(present["media"]), id, note)
    return SourceRow(Conversation(id, language, ((question, answer),), region, "open"), (path,))


def _region_and_path(folder: str, file: str, id: str, note: CountReason) -> tuple[str, str]:
    """Return the region of a folder, and the path of an image in it."""
    if folder.lower() in regions():
        return folder.lower(), f"{folder.lower()}/{file}"
    note(reasons.REMARK_UNKNOWN_REGION, id)
    return "", f"{folder}/{file}"


def _unquote(text: str) -> str:
    """Remove surrounding whitespace and a pair of quotes. A quote at one end only belongs to the text."""
    bare = text.strip()
    is_quoted = len(bare) > 1 and bare[0] == bare[-1] == '"'
    return bare[1:-1].strip() if is_quoted else bare
