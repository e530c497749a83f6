"""M3LS, summaries of news with images in 20 languages.

As published, one archive unpacks to the folder of a language:

    bbcindonesia/
      articles/*.json   one article each: {"url": …, "title": …, "summary": …, "0": {"subheading": …, "para": […],
                        "images": [[file, caption], …]}, "1": {…}, …}; `subheading`, `para` and `images` may be absent
      imagefolder/      the images; some of those that are named are missing

The image of an article is the first one that is there. Rows of files that the user has made of it are read too: LLaVA
chat objects (see chat.py), or objects whose keys the recipe names; all their images stand before the question. Unless
a chat says otherwise, the question is the recipe's instruction, an empty line and the text, the answer is the summary.
"""

import functools
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pangea_cultural import config
from pangea_cultural.errors import UserError
from pangea_cultural.reference.languages import languages
from pangea_cultural.training.data.rejections import ReadCallbacks
from pangea_cultural.training.data.sources import json_reader, llava_chat
from pangea_cultural.training.data.sources.fields import RowError, image, images, readable, text
from pangea_cultural.training.data.types import IMAGE_MARK, SourceRow

ARTICLES, IMAGES = "articles", "imagefolder"
NAMES = {
    "afrique": "french",
    "bangla": "bengali",
    "brasil": "portuguese",
    "indonesia": "indonesian",
    "mundo": "spanish",
    "ua": "ukrainian",
}
"""Languages of the folders that have another name than their language."""


class Columns(config.Config):
    """Under which keys a row keeps what."""

    text: str
    summary: str
    images: str = ""
    """A path or a list of paths; empty where the rows have no images."""
    language: str = ""
    """A code; empty where all rows are in the source's default language."""


def folders(path: Path) -> list[Path]:
    """Folders as published: this one, or those in it; none where the layout is another.

    Raises:
        UserError: the images of a folder are not there.
    """
    inside = sorted(path.iterdir()) if path.is_dir() else []
    named = [folder for folder in inside if folder.name.lower().startswith("bbc")]
    found = [folder for folder in (path, *named) if (folder / ARTICLES).is_dir()]
    for folder in found:
        if not (folder / IMAGES).is_dir():
            raise UserError(f"no images at {folder / IMAGES}: unpack the whole archive")
    return found


def articles(folder: Path) -> list[Path]:
    """The articles of a folder as published; to read what is no regular file might not come to an end."""
    return sorted(path for path in (folder / ARTICLES).glob("*.json") if path.is_file())


def is_article(path: Path) -> bool:
    """Whether a file lies where articles do as published."""
    return path.parent.name == ARTICLES and (path.parent.parent / IMAGES).is_dir()


def images_there(path: Path) -> list[tuple[str, str]]:
    """Of each folder as published its name, and a hash of which images are there: both decide about its rows."""
    return [(readable(folder.name), _names(folder / IMAGES)) for folder in folders(path)]


def read_article(
    path: Path, callbacks: ReadCallbacks, *, root: Path, instruction: str, default_language: str
) -> Iterator[SourceRow]:
    """The row of an article as published, if it is usable.

    Args:
        path: of the article.
        callbacks: is told if it is not usable, and of mebibytes.
        root: folder that the row's image starts from; the folder of the language, or one that it lies in.
        instruction: what to do with the text.
        default_language: our code of the language of a folder whose name says none; empty if each has to.
    """
    folder = path.parent.parent
    name = f"{folder.name}/{path.stem}"
    id = readable(name)
    try:
        if id != name:
            raise RowError("file name that is not UTF-8")
        item = _from_article(_parsed(path), folder, root, instruction)
        yield llava_chat.conversation(item, id, default_language=default_language, note=callbacks.note)
    except RowError as reason:
        callbacks.reject(str(reason), id)
    callbacks.advance(json_reader.mebibytes(path))


def language_of(folder: str) -> str:
    """Our code of the language of a published folder, such as `bbcindonesia` or `bbcnewstelugu`; empty if unknown."""
    name = folder.lower().removeprefix("bbc").removeprefix("news")
    return _codes().get(NAMES.get(name, name), "")


@functools.cache
def _codes() -> dict[str, str]:
    return {row.name.lower(): code for code, row in languages().items()}


def _parsed(path: Path) -> Any:
    # No article is that long: to parse it might take all memory.
    if path.stat().st_size > json_reader.LONGEST_ROW:
        raise RowError("not JSON")
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise RowError("not JSON") from error


def _from_article(item: Any, folder: Path, root: Path, instruction: str) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise RowError("not a JSON object")
    sections = [item[key] for key in sorted(filter(str.isdecimal, item), key=int)]
    if not all(isinstance(section, dict) for section in sections):
        raise RowError("a section that is none")
    words = [part for section in sections for part in (section.get("subheading"), *_list(section, "para"))]
    article = "\n".join(filter(None, (text(part) for part in words if part is not None)))
    file = _first_there([entry for section in sections for entry in _list(section, "images")], folder)
    shown = [image(f"{folder.relative_to(root).as_posix()}/{IMAGES}/{file}")] if file else []
    return _as_chat(article, item.get("summary"), shown, language_of(folder.name), instruction)


def _list(section: dict[str, Any], key: str) -> list[Any]:
    """A list of a section, which may be absent."""
    value = section.get(key)
    if not isinstance(value, list | None):
        raise RowError(f"{key} that is no list")
    return value or []


def _first_there(entries: list[Any], folder: Path) -> str:
    """The first image that is there; empty where the article has none."""
    if not all(isinstance(entry, list) and entry for entry in entries):
        raise RowError("an image path that is none")
    # All are checked before one is looked for.
    files = [image(entry[0]) for entry in entries]
    there = next((file for file in files if _is_there(folder / IMAGES / file)), "")
    if files and not there:
        raise RowError("image missing")
    return there


def _names(folder: Path) -> str:
    names = sorted(os.fsencode(file.name) for file in folder.iterdir())
    return hashlib.sha256(b"\0".join(names)).hexdigest()


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # its name is too long
        return False


def read(
    path: Path, callbacks: ReadCallbacks, *, columns: Columns | None, instruction: str, default_language: str
) -> Iterator[SourceRow]:
    """The articles of a file that is not as published.

    Args:
        path: a JSON array, or JSON Lines.
        callbacks: is told of rows that are not usable or lose their first turn, and of mebibytes.
        columns: the keys of rows that are no chat objects; None where all are.
        instruction: what to do with a text; for rows that are no chat objects.
        default_language: our code of the language of rows that do not name theirs; empty if each has to.

    Raises:
        UserError: the file is broken.
    """

    def parse(item: dict[str, Any], id: str) -> SourceRow:
        if "conversations" not in item:
            item = _from_columns(item, columns, instruction)
        return llava_chat.conversation(item, id, default_language=default_language, note=callbacks.note)

    return json_reader.rows(path, parse, callbacks)


def _from_columns(item: dict[str, Any], columns: Columns | None, instruction: str) -> dict[str, Any]:
    if columns is None:
        raise RowError("neither a chat object nor columns in the recipe")
    shown = list(images(item.get(columns.images)))
    article, summary = text(item.get(columns.text)), item.get(columns.summary)
    return _as_chat(article, summary, shown, item.get(columns.language), instruction)


def _as_chat(article: str, summary: Any, images: list[str], language: Any, instruction: str) -> dict[str, Any]:
    if not article:
        raise RowError("a question or answer without words")
    question = f"{IMAGE_MARK}\n" * len(images) + f"{instruction}\n\n{article}"
    said = [{"from": "human", "value": question}, {"from": "gpt", "value": summary}]
    return {"image": images, "language": language, "conversations": said}
