"""A reader of M3LS, news summaries with images in 20 languages.

As published, each archive unpacks to the folder of a language:

    bbcindonesia/
      articles/*.json   one article each: {"url": ..., "title": ..., "summary": ..., "0": {"subheading": ...,
                        "para": [...], "images": [[file, caption], ...]}, "1": {...}, ...}
      imagefolder/      the images; some of the named ones are missing

`subheading`, `para` and `images` may be absent. The image of an article is the first one that exists. Files that users
made from M3LS are read as well: LLaVA chat objects (see llava_chat.py), or objects with the columns of the recipe. All
their images precede the question. Except in chat objects, the question is the recipe's instruction, an empty line and
the text. The answer is the summary.
"""

import functools
import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pangea_cultural import config
from pangea_cultural.dataset.sources import json_reader, llava_chat, reasons
from pangea_cultural.dataset.sources.fields import RowError, image, images, is_blank, readable, text
from pangea_cultural.dataset.sources.rejections import ReadCallbacks
from pangea_cultural.dataset.sources.types import IMAGE_PLACEHOLDER, SourceRow
from pangea_cultural.errors import UserError
from pangea_cultural.reference.languages import languages

ARTICLES, IMAGES = "articles", "imagefolder"
SECTION = re.compile("[0-9]{1,9}")
"""Key of a section. Python refuses to read thousands of digits as a number."""
LANGUAGE_OF_FOLDER = {
    "afrique": "french",
    "bangla": "bengali",
    "brasil": "portuguese",
    "indonesia": "indonesian",
    "mundo": "spanish",
    "ua": "ukrainian",
}
"""Languages of the folders that are not named after their language."""


class Columns(config.Config):
    """Keys of the rows of a file."""

    text: str
    """Key of the text."""
    summary: str
    """Key of the summary."""
    images: str = ""
    """Key of a path or a list of paths; empty if the rows have no images."""
    language: str = ""
    """Key of the language code; empty if all rows have the source's default language."""


def folders(path: Path) -> list[Path]:
    """Return the published folders at `path`: itself or those in it; none for another layout.

    Raises:
        UserError: a folder has no images.
    """
    inside = sorted(path.iterdir()) if path.is_dir() else []
    candidates = [path, *(folder for folder in inside if folder.name.lower().startswith("bbc"))]
    published = [folder for folder in candidates if (folder / ARTICLES).is_dir()]
    for folder in published:
        if not (folder / IMAGES).is_dir():
            raise UserError(f"No images at {folder / IMAGES}. Unpack the complete archive.")
    return published


def articles(folder: Path) -> list[Path]:
    """Return the articles of a published folder. Only regular files: reading a pipe might never end."""
    return sorted(path for path in (folder / ARTICLES).glob("*.json") if path.is_file())


def is_article(path: Path) -> bool:
    """Return whether a file is an article in a published folder."""
    return path.parent.name == ARTICLES and (path.parent.parent / IMAGES).is_dir()


def image_inventory(path: Path) -> list[tuple[str, str]]:
    """Return the name of each published folder and a hash of its image names. The rows depend on both."""
    return [(readable(folder.name), _hash_names(folder / IMAGES)) for folder in folders(path)]


def read_article(
    path: Path, callbacks: ReadCallbacks, *, root: Path, instruction: str, default_language: str
) -> Iterator[SourceRow]:
    """Yield the row of a published article, if it is usable.

    Args:
        path: path of the article.
        callbacks: called if the article is rejected, and for each mebibyte read.
        root: folder that image paths are relative to: that of the language, or its parent.
        instruction: task that precedes the text.
        default_language: language of folders whose name does not give one; empty if every folder needs one.
    """
    folder = path.parent.parent
    name = f"{folder.name}/{path.stem}"
    id = readable(name)
    try:
        if id != name:
            raise RowError(reasons.FILE_NAME_NOT_UTF8)
        item = _chat_from_article(_parse(path), folder, root, instruction)
        yield llava_chat.chat_row(item, id, default_language=default_language, note=callbacks.note)
    except RowError as error:
        callbacks.reject(str(error), error.example(id))
    callbacks.advance(json_reader.mebibytes(path))


def language_of(folder: str) -> str:
    """Return the language code of a published folder, such as `bbcindonesia` or `bbcnewstelugu`; empty if unknown."""
    name = folder.lower().removeprefix("bbc").removeprefix("news")
    return _codes_by_name().get(LANGUAGE_OF_FOLDER.get(name, name), "")


@functools.cache
def _codes_by_name() -> dict[str, str]:
    return {row.name.lower(): code for code, row in languages().items()}


def _parse(path: Path) -> Any:
    # No real article is that long, and parsing might exhaust memory.
    if path.stat().st_size > json_reader.MAX_ROW_LENGTH:
        raise RowError(reasons.NOT_JSON)
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise RowError(reasons.NOT_JSON) from error


def _chat_from_article(item: Any, folder: Path, root: Path, instruction: str) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise RowError(reasons.NOT_AN_OBJECT)
    sections = [item[key] for key in sorted(filter(SECTION.fullmatch, item), key=int)]
    if not all(isinstance(section, dict) for section in sections):
        raise RowError(reasons.SECTION_NOT_AN_OBJECT)
    parts = []
    for section in sections:
        parts += [section.get("subheading"), *_list(section, "para", reasons.PARAGRAPHS_NOT_A_LIST)]
    article = "\n".join(filter(None, (text(part) for part in parts if part is not None)))
    entries = [entry for section in sections for entry in _list(section, "images", reasons.IMAGES_NOT_A_LIST)]
    file = _first_existing(entries, folder)
    paths = [image(f"{folder.relative_to(root).as_posix()}/{IMAGES}/{file}")] if file else []
    return _chat(article, item.get("summary"), paths, language_of(folder.name), instruction)


def _list(section: dict[str, Any], key: str, reason: str) -> list[Any]:
    """Return a list of a section; empty if it is absent."""
    value = section.get(key)
    if not isinstance(value, list | None):
        raise RowError(reason)
    return value or []


def _first_existing(entries: list[Any], folder: Path) -> str:
    """Return the first image that exists; empty if the article names none."""
    if not all(isinstance(entry, list) and entry for entry in entries):
        raise RowError(reasons.INVALID_IMAGE_PATH)
    # All paths are validated before the first one is looked up.
    files = [image(entry[0]) for entry in entries]
    existing = next((file for file in files if _exists(folder / IMAGES / file)), "")
    if files and not existing:
        raise RowError(reasons.IMAGE_MISSING)
    return existing


def _hash_names(folder: Path) -> str:
    names = sorted(os.fsencode(file.name) for file in folder.iterdir())
    return hashlib.sha256(b"\0".join(names)).hexdigest()


def _exists(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # the name is too long
        return False


def read(
    path: Path, callbacks: ReadCallbacks, *, columns: Columns | None, instruction: str, default_language: str
) -> Iterator[SourceRow]:
    """Iterate over the articles of a file that is not in the published layout.

    Args:
        path: a JSON array, or JSON Lines.
        callbacks: called for rejected rows, dropped first turns and each mebibyte read.
        columns: keys of rows that are not chat objects; None if all are.
        instruction: task that precedes the text of rows that are not chat objects.
        default_language: language of rows without one; empty if every row needs one.

    Raises:
        UserError: the file is broken.
    """

    def parse(item: dict[str, Any], id: str) -> SourceRow:
        if "conversations" not in item:
            item = _chat_from_columns(item, columns, instruction)
        return llava_chat.chat_row(item, id, default_language=default_language, note=callbacks.note)

    return json_reader.rows(path, parse, callbacks)


def _chat_from_columns(item: dict[str, Any], columns: Columns | None, instruction: str) -> dict[str, Any]:
    if columns is None:
        raise RowError(reasons.UNKNOWN_ROW_LAYOUT)
    paths = list(images(item.get(columns.images)))
    article, summary = text(item.get(columns.text)), item.get(columns.summary)
    return _chat(article, summary, paths, item.get(columns.language), instruction)


def _chat(article: str, summary: Any, images: list[str], language: Any, instruction: str) -> dict[str, Any]:
    if is_blank(article):
        raise RowError(reasons.EMPTY_TEXT)
    question = f"{IMAGE_PLACEHOLDER}\n" * len(images) + f"{instruction}\n\n{article}"
    messages = [{"from": "human", "value": question}, {"from": "gpt", "value": summary}]
    return {"image": images, "language": language, "conversations": messages}
