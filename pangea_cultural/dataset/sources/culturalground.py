"""A reader of CulturalGround as neulab publishes it, in both layouts. The keys of a row tell its layout.

- Chat rows (`CulturalGround-OE-Filtered-14M.json`, `CulturalGround-MCQs-Filtered-7M.json`): as in LLaVA, but with stray
  quotes around questions and answers. The last folder of `image` is the region's slug.
- Refined rows (`CulturalGround-Recipes/CulturalGround-Refined-OE/<region>_refined.jsonl`): one question each, the
  image's file name in `media`, the region in the file's name. A missing value is the word "None".

The image archives unpack to one folder per region. Images are expected there, whatever precedes region and file in
`image`. Every row of both layouts has an image and a language.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pangea_cultural.dataset.sources import json_reader, llava_chat, reasons
from pangea_cultural.dataset.sources.fields import RowError, image, images, is_blank, language_code, text
from pangea_cultural.dataset.sources.rejections import CountReason, ReadCallbacks
from pangea_cultural.dataset.sources.types import Conversation, SourceRow
from pangea_cultural.reference.ids import NAME
from pangea_cultural.reference.regions import regions

REFINED, REFINED_SUFFIX = "CulturalGround-Recipes/CulturalGround-Refined-OE", "_refined"
IMAGES = "CultureGroundImages"
"""Folder of the image archives, as published."""
MISSING = "None"
ITEM, PROPERTY = re.compile("Q[1-9][0-9]{0,15}"), re.compile("P[1-9][0-9]{0,15}")


def read(path: Path, callbacks: ReadCallbacks) -> Iterator[SourceRow]:
    """Iterate over the questions of a published file.

    Args:
        path: a JSON array, or JSON Lines. `MCQ` in the name means multiple choice.
        callbacks: called for rejected rows, unknown regions and each mebibyte read.

    Raises:
        UserError: the file is broken.
    """
    return json_reader.rows(path, parser(path, callbacks.note), callbacks)


def parser(path: Path, note: CountReason) -> json_reader.Parse[SourceRow]:
    """Return the parser of the rows of a published file, which calls `note` for unknown regions."""
    question_type = "choice" if "MCQ" in path.name else "open"
    folder = path.stem.removesuffix(REFINED_SUFFIX)

    def parse(item: dict[str, Any], id: str) -> SourceRow:
        if "conversations" in item:
            return _chat(item, id, question_type, note)
        return _refined(item, id, folder, note)

    return parse


class Fact(NamedTuple):
    """The fact that a row asks for, as far as the row states it."""

    entity: str
    """Wikidata id; empty if unknown."""
    property: str
    """Wikidata id; `label` if the row asks for the entity's name."""
    label: str
    """The short answer; empty if the row has none."""
    question: str
    sentence: str
    """Texts of the templates, before a model has rewritten them; empty if the row has none."""


def fact(item: dict[str, Any]) -> Fact:
    """Return the fact of a row, a chat object or a refined one.

    The id of a chat is that of the entity and of the property, such as `Q1_P17`. Without a property, which is the word
    "None", the name of the entity is asked for.
    """
    id = item.get("id")
    entity, _, of_chat = (id if isinstance(id, str) else "").partition("_")
    property = item.get("property_id", of_chat)
    return Fact(
        entity if ITEM.fullmatch(entity) else "",
        property if isinstance(property, str) and PROPERTY.fullmatch(property) else NAME,
        *(_optional(item.get(key)) for key in ("label", "original_question", "original_answer")),
    )


def _optional(value: Any) -> str:
    """Return a text, or an empty one for a missing value."""
    return _unquote(text(value)) if isinstance(value, str) and value != MISSING else ""


def _chat(item: dict[str, Any], id: str, question_type: str, note: CountReason) -> SourceRow:
    path = item.get("image")
    if isinstance(path, str):
        path = "/".join(path.split("/")[-2:])  # the folders before may be absolute: those of the authors' machine
    paths = images(path)
    if len(paths) != 1 or "/" not in paths[0]:
        raise RowError(reasons.NO_REGION_FOLDER)
    folder, file = paths[0].split("/")[-2:]
    image_only = item | {"image": path}
    chat = llava_chat.chat_row(image_only, id, default_language="", note=note, clean=_unquote).conversation
    region, path = _region_and_path(folder, file, id, note)
    return SourceRow(Conversation(id, chat.language, chat.turns, region, question_type), (path,))


def _refined(item: dict[str, Any], id: str, folder: str, note: CountReason) -> SourceRow:
    present = {key: value for key, value in item.items() if value not in (None, "", MISSING)}
    if "media" not in present:
        raise RowError(reasons.NO_REGION_FOLDER)
    if not {"reformulated_question", "reformulated_answer"} <= present.keys():
        raise RowError(reasons.NO_REFINED_QUESTION)
    question, answer = (_unquote(text(present[f"reformulated_{part}"])) for part in ("question", "answer"))
    if is_blank(question) or is_blank(answer):
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
