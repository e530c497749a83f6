"""CulturalGround's published layout: refined rows by region, chat JSON, and one archive of images by region.

    CulturalGround-Recipes/CulturalGround-Refined-OE/<region>_refined.jsonl    open questions
    CulturalGround-OE.json, CulturalGround-MCQs.json                           chats: open and choice questions
    CultureGroundImages/<region>.tar.gz                                        images of all splits

The published data has no splits. `train` has these paths; other splits have the same layout in a folder of their name.
"""

import contextlib
import itertools
import re
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
from isal import igzip

from factory.exchange.formats import base
from factory.exchange.formats.archives import Archive
from factory.exchange.formats.lines import ArrayFile, LineFiles, array_file, groups, json_members
from factory.exchange.formats.prompts import prompt_and_reply
from factory.exchange.source import Source
from factory.exchange.target import Target
from pangea_cultural.dataset.sources.culturalground import IMAGES, MISSING, REFINED, REFINED_SUFFIX
from pangea_cultural.dataset.sources.own_columns import COLUMNS as OWN_COLUMNS
from pangea_cultural.dataset.sources.own_columns import KEY
from pangea_cultural.errors import UserError

CHATS = {"open": "CulturalGround-OE.json", "choice": "CulturalGround-MCQs.json"}
"""Chat file by question type. The reader knows choice questions by `MCQ` in the name."""
NO_REGION = "unknown"
"""Name of the files of questions without a region."""
REGION = re.compile("[a-z0-9][a-z0-9_-]*")
COMPRESSION = 1
"""Level of isal. Level 0 would make images a quarter larger; zlib takes several times as long."""

FILE = "parse_filename(image, false, 'forward_slash')"
REFINED_ROW = {
    "id": "entity",
    "property_id": "{property}",
    "question_type": "question_type",
    "language": "{language}",
    "original_question": "CASE WHEN template_question <> '' THEN template_question ELSE question END",
    "reformulated_question": "question",
    "original_answer": "coalesce(nullif(template_sentence, ''), nullif(sentence, ''), answer)",
    "reformulated_answer": "CASE WHEN sentence <> '' THEN sentence ELSE answer END",
    "label": "answer",
    "media": FILE,
    "image": f"'{MISSING}'",
}
COLUMNS = """
question_type, {region} AS region,
CASE WHEN question_type = 'open' THEN concat('{{', {refined}, {own}, '}}', chr(10)) ELSE '' END AS refined,
concat(',', chr(10), '{{"id":', to_json(entity || '_' || {property}),
       ',"conversations":[{{"from":"human","value":', to_json('<image>' || chr(10) || {prompt}),
       '}},{{"from":"gpt","value":', to_json({reply}),
       '}}],"image":', to_json('{images}/' || {region} || '/' || {file}),
       ',"language":', to_json({language}), CASE WHEN question_type = 'choice' THEN concat({own}) ELSE '' END,
       '}}') AS chat
"""
"""Lines of refined rows and elements of chats. Texts are joined by hand: nested lists take twice the time."""
OWN = f"""',"{KEY}":{{', {json_members({name: name for name in OWN_COLUMNS})}, '}}'"""
"""Columns that the published layout lacks. Chats of open questions do not have them: refined rows do."""
PROPERTY = f"CASE WHEN property = 'label' THEN '{MISSING}' ELSE property END"
LANGUAGE = "CASE WHEN language = 'he' THEN 'iw' ELSE language END"
"""Language codes as published; the others are the same."""
REGION_OR_NONE = f"CASE WHEN region = '' THEN '{NO_REGION}' ELSE region END"
SNIPPET = """
from pathlib import Path

from datasets import load_dataset

folder = str(Path.cwd())  # or the name of a repository on the hub
data = load_dataset(folder, "refined")
choices = load_dataset(folder, "choice")
"""


def _write(source: Source, target: Target, options: base.Options) -> None:
    _require_region_names(source)
    source.leave_out("question without an image", "image = ''", target)
    prompt, reply = prompt_and_reply(source, options.answer_style)
    names = {"region": REGION_OR_NONE, "property": PROPERTY, "language": LANGUAGE}
    refined_row = {key: value.format(**names) for key, value in REFINED_ROW.items()}
    columns = COLUMNS.format(
        refined=json_members(refined_row), prompt=prompt, reply=reply, images=IMAGES, file=FILE, own=OWN, **names
    )
    for split in source.splits:
        folder = _folder(split)
        with LineFiles(target) as refined, contextlib.ExitStack() as stack:
            chats = {type: stack.enter_context(array_file(target, folder + name)) for type, name in CHATS.items()}
            for batch in source.batches(columns, split, "WHERE image <> ''"):
                _write_batch(batch, f"{folder}{REFINED}", refined, chats)
    _write_images(source, target)


def _write_batch(batch: pa.RecordBatch, folder: str, refined: LineFiles, chats: dict[str, ArrayFile]) -> None:
    for question_type, rows in groups(batch, "question_type"):
        chats[question_type].write(rows["chat"])
        if question_type == "open":
            for region, lines in groups(rows, "region"):
                refined.write(f"{folder}/{region}{REFINED_SUFFIX}.jsonl", lines["refined"])


def _folder(split: str) -> str:
    return "" if split == "train" else f"{split}/"


def _require_region_names(source: Source) -> None:
    """Raise an error for a region whose name would be a path."""
    for row in source.rows("SELECT DISTINCT region FROM question WHERE region <> '' ORDER BY region"):
        if not REGION.fullmatch(row["region"]):
            raise UserError(f"{source.export.path}: {row['region']!r} is not a region's name. Build the export again.")


def _write_images(source: Source, target: Target) -> None:
    """Write an archive by region. Its bytes do not depend on time or user."""
    query = f"SELECT DISTINCT {REGION_OR_NONE} AS region, image FROM question WHERE image <> '' ORDER BY region, image"
    for region, rows in itertools.groupby(source.rows(query), key=lambda row: row["region"]):
        with (
            target.open(f"{IMAGES}/{region}.tar.gz") as file,
            igzip.IGzipFile(filename="", mode="wb", compresslevel=COMPRESSION, fileobj=file, mtime=0) as packed,
            Archive(packed) as archive,
        ):
            for row in rows:
                content = source.image_file(row["image"]).read_bytes()
                archive.add(f"{region}/{PurePosixPath(row['image']).name}", content)


def _configs(source: Source) -> list[dict[str, Any]]:
    asked = "SELECT DISTINCT question_type, split FROM question WHERE image <> '' ORDER BY split"
    types = {(row["question_type"], row["split"]) for row in source.rows(asked)}

    def files(name: str, question_type: str) -> dict[str, str]:
        return {split: f"{_folder(split)}{name}" for split in source.splits if (question_type, split) in types}

    return [
        base.config(files(f"{REFINED}/*.jsonl", "open"), "refined"),
        base.config(files(CHATS["open"], "open"), "open", default=False),
        base.config(files(CHATS["choice"], "choice"), "choice", default=False),
    ]


FORMAT = base.Format(
    name="culturalground",
    summary="The layout of the published CulturalGround: refined rows, chats, and one archive of images by region.",
    write=_write,
    configs=_configs,
    snippet=SNIPPET,
)
