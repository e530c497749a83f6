"""Rows of published data sets as questions. Their images are still paths of the source."""

import hashlib
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from factory.exchange.imports.valid import require_one_right, require_valid
from pangea_cultural.dataset import tables
from pangea_cultural.dataset.export import SPLITS, Export
from pangea_cultural.dataset.question import QUESTION_SCHEMA
from pangea_cultural.dataset.sources import culturalground, json_reader, llava_chat, m3ls, own_columns, reasons
from pangea_cultural.dataset.sources.fields import RowError, text
from pangea_cultural.dataset.sources.rejections import ReadCallbacks
from pangea_cultural.dataset.sources.types import SourceRow
from pangea_cultural.errors import ImageError, UserError

OPTION = re.compile(r"([A-Z])[.):] +(\S.*)")
BATCH_ROWS = 4096
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
"""Type of an image in a row."""
SHARD = re.compile("[a-z]+-([0-9]{5})-of-([0-9]{5})")
"""Name of a file of the format `parquet`: its number, and the number of files of the split."""
KEEPS_ID = "keeps_id"
"""Key of a row whose id is unique, because this project has written it."""
UNKNOWN_MODEL = "unknown"
"""Published rows do not name the model that has rewritten them."""


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """Options of readers."""

    split_turns: bool = False
    """Whether each turn of a chat becomes a question. Otherwise chats of several turns are rejected."""
    default_language: str = ""
    """Language of rows without one; empty if every row needs one."""
    instruction: str = ""
    """Task that precedes the articles of M3LS."""


@dataclass(frozen=True)
class SourceFile:
    """A file to import, and the split of its rows."""

    path: Path
    split: str
    root: Path
    """Folder of the source: image paths of M3LS are relative to it."""


def culturalground_rows(file: SourceFile, options: ReadOptions, callbacks: ReadCallbacks) -> Iterator[dict[str, Any]]:
    """Iterate over the questions of a published file of CulturalGround.

    A text with lettered options is a choice question, whatever the name of its file.
    """
    parse_row = culturalground.parser(file.path, callbacks.note)

    def parse(item: dict[str, Any], id: str) -> list[dict[str, Any]]:
        row, fact = parse_row(item, id), culturalground.fact(item)
        questions = [_with_fact(question, fact, row) for question in _questions(row, options)]
        if own := own_columns.read(item):
            questions = [question | own | {KEEPS_ID: True} for question in questions]
        for question in questions:
            require_valid(question)
        return questions

    for questions in json_reader.rows(file.path, parse, callbacks):
        yield from questions


def _with_fact(question: dict[str, Any], fact: culturalground.Fact, row: SourceRow) -> dict[str, Any]:
    """Return a question with the columns that its fact and its text give.

    Raises:
        RowError: a choice question has no options, equal ones, or none that is the answer.
    """
    question |= {"entity": fact.entity, "property": fact.property}
    if row.conversation.question_type == "choice" or has_options(question["question"]):
        return question | lettered(question)
    sentence = question["answer"] if fact.label else ""
    answer = fact.label or question["answer"]
    columns = {"answer": answer, "answers": [answer], "sentence": sentence}
    return question | columns | _templates(fact, question["question"], question["answer"])


def _templates(fact: culturalground.Fact, question: str, answer: str) -> dict[str, str]:
    """Return the texts of the templates, if a model has rewritten them."""
    if fact.question in ("", question) and fact.sentence in ("", answer):
        return {}
    return {"template_question": fact.question, "template_sentence": fact.sentence, "rewritten_by": UNKNOWN_MODEL}


def llava_rows(file: SourceFile, options: ReadOptions, callbacks: ReadCallbacks) -> Iterator[dict[str, Any]]:
    """Iterate over the questions of a LLaVA chat file, such as PangeaInstruct."""

    def parse(item: dict[str, Any], id: str) -> list[dict[str, Any]]:
        language = options.default_language
        return _questions(llava_chat.chat_row(item, id, default_language=language, note=callbacks.note), options)

    for questions in json_reader.rows(file.path, parse, callbacks):
        yield from questions


def m3ls_rows(file: SourceFile, options: ReadOptions, callbacks: ReadCallbacks) -> Iterator[dict[str, Any]]:
    """Yield the question of a published article of M3LS."""
    language = options.default_language
    rows = m3ls.read_article(
        file.path, callbacks, root=file.root, instruction=options.instruction, default_language=language
    )
    for row in rows:
        yield from _questions(row, options)


def native_rows(file: SourceFile, options: ReadOptions, callbacks: ReadCallbacks) -> Iterator[dict[str, Any]]:
    """Iterate over the valid questions of a Parquet file in the native layout, or with embedded images."""
    is_embedded = _is_embedded(file.path)
    columns = ["image.path" if name == "image" and is_embedded else name for name in QUESTION_SCHEMA.names]
    for batch in tables.batches(file.path, BATCH_ROWS, columns):
        for row in batch.to_pylist():
            try:
                if is_embedded:
                    row["image"] = _embedded_path(row["image"])
                require_valid(row)
                yield row
            except RowError as error:
                callbacks.reject(str(error), str(row["id"]))
        callbacks.advance(batch.num_rows)


def _is_embedded(path: Path) -> bool:
    """Return whether the images of a Parquet file are in its rows. Its other columns are those of questions.

    Raises:
        UserError: the file cannot be read, or has other columns.
    """
    with tables.readable(path), pq.ParquetFile(path) as opened:
        schema = opened.schema_arrow
    position = schema.get_field_index("image")
    is_embedded = position >= 0 and schema.field(position).type == IMAGE
    if is_embedded:
        schema = schema.set(position, QUESTION_SCHEMA.field("image"))
    for problem in tables.wrong_columns(schema, QUESTION_SCHEMA, tables.QUESTION_NEEDED):
        raise UserError(f"{path}: {problem}. Choose another --format.")
    return is_embedded


def _embedded_path(image: dict[str, str | None] | None) -> str:
    """Return the path of an embedded image; empty if the row has none."""
    if image is None:
        return ""
    if not (path := image["path"]):
        raise RowError(reasons.IMAGE_WITHOUT_NAME)
    return path


def embedded_images(files: list[SourceFile], wanted: set[str]) -> Iterator[tuple[str, bytes | ImageError]]:
    """Iterate over the embedded images of Parquet files, each once. A path with two contents comes again as an error.

    An image that is named by its hash is not compared with the other rows of its path, because there are many.
    """
    hashes: dict[str, str] = {}
    for file in files:
        if not _is_embedded(file.path):
            raise UserError(f"{file.path} has no images in its rows. Import it with --format native.")
        with tables.readable(file.path), pq.ParquetFile(file.path) as opened:
            for number in range(opened.num_row_groups):
                image = opened.read_row_group(number, columns=["image"])["image"].combine_chunks()
                contents = image.field("bytes")
                for row, path in enumerate(image.field("path").to_pylist()):
                    if path not in wanted:
                        continue
                    content = contents[row].as_py() or b""
                    digest = hashlib.sha256(content).hexdigest()
                    if path not in hashes:
                        hashes[path] = digest
                        if digest in path:
                            wanted.discard(path)
                        yield path, content
                    elif hashes[path] != digest:
                        wanted.discard(path)
                        yield path, ImageError(reasons.SEVERAL_CONTENTS)


def native_files(path: Path) -> list[SourceFile]:
    """Return the files of an export.

    Raises:
        UserError: it is not a complete export.
    """
    export = Export.of_manifest(path)  # rows of damaged tables are rejected one by one
    return [SourceFile(export.questions_file(split), split, export.path) for split in SPLITS]


def parquet_files(path: Path) -> list[SourceFile]:
    """Return the files of a data set in the format `parquet`.

    Raises:
        UserError: one of the numbered files of a split is missing, or belongs to another version of the data set.
    """
    found = [(split, file) for split in SPLITS for file in sorted((path / "data").glob(f"{split}-*.parquet"))]
    for split in SPLITS:
        numbers = [SHARD.fullmatch(file.stem) for name, file in found if name == split]
        known = [(int(match[1]), int(match[2])) for match in numbers if match]
        if known and known != [(number, len(known)) for number in range(len(known))]:
            raise UserError(f"{path / 'data'} has not the {known[0][1]} files of {split}. Pull the complete data set.")
    return [SourceFile(file, split, path) for split, file in found]


def _questions(row: SourceRow, options: ReadOptions) -> list[dict[str, Any]]:
    """Return the questions of a conversation.

    Raises:
        RowError: it has several images, or several turns that are not to be divided.
    """
    chat = row.conversation
    if len(row.images) > 1:
        raise RowError(reasons.SEVERAL_IMAGES)
    if len(chat.turns) > 1 and not options.split_turns:
        raise RowError(reasons.SEVERAL_TURNS)
    head = dict.fromkeys(QUESTION_SCHEMA.names, "") | {"choices": [], "entity_type": "any", "question_type": "open"}
    head |= {"id": chat.id, "language": chat.language, "region": chat.region, "image": "".join(row.images)}
    return [head | {"question": text(asked), "answer": answer, "answers": [answer]} for asked, answer in chat.turns]


def has_options(text: str) -> bool:
    """Return whether a text has lettered options on lines of their own."""
    return bool(_options(text.split("\n"))[0])


def _options(lines: list[str]) -> tuple[list[int], dict[str, str]]:
    """Return the places of the lines with options, and the options by letter; no places if there is no such list."""
    matches = [OPTION.fullmatch(line.strip()) for line in lines]
    places = [place for place, match in enumerate(matches) if match]
    letters = "".join(match[1] for match in matches if match)
    is_list = len(places) > 1 and places == list(range(places[0], places[-1] + 1))
    if not is_list or not string.ascii_uppercase.startswith(letters):
        return [], {}
    return places, {match[1]: match[2].strip() for match in matches if match}


def lettered(question: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of a choice question whose options are lettered lines of its text.

    Lines before the options are the question, lines behind them the instruction. The answer is a letter, or an option.

    Raises:
        RowError: there are no options, some are equal, or none of them is the answer.
    """
    lines = question["question"].split("\n")
    places, options = _options(lines)
    if not places:
        raise RowError(reasons.NO_OPTIONS)
    asked, answer = "\n".join(lines[: places[0]]).strip(), question["answer"]
    found = OPTION.fullmatch(answer)
    answer = options.get(answer.rstrip(".):"), found[2].strip() if found else answer)
    if not asked:
        raise RowError(reasons.EMPTY_TEXT)
    require_one_right(answer, list(options.values()))
    instruction = "\n".join(lines[places[-1] + 1 :]).strip()
    columns = {"question_type": "choice", "question": asked, "answer": answer, "answers": [answer]}
    return columns | {"choices": list(options.values()), "instruction": instruction}
