"""WebDataset: tar files of samples, one sample for each image with all its questions.

    <split>-000000.tar
      <sha256>.jpg    the image, with its own suffix
      <sha256>.json   {"image": name of the image, "questions": [the columns of each question]}

A question without an image is a sample of its own, without an image file.
"""

import hashlib
import itertools
from collections.abc import Iterable, Iterator
from operator import itemgetter
from pathlib import PurePosixPath
from typing import Any

import orjson
import pyarrow as pa

from factory.exchange.formats import base, by_image
from factory.exchange.formats.archives import Archive, Content
from factory.exchange.formats.lines import json_members, text_bytes
from factory.exchange.formats.shards import Shards
from factory.exchange.source import Source
from factory.exchange.target import Target
from pangea_cultural.dataset.question import QUESTION_SCHEMA

SHARD_BYTES = 1_000_000_000
"""Size after which a new file begins."""
MEMBERS = json_members({name: name for name in QUESTION_SCHEMA.names})
COLUMNS = f"image, concat('{{', {MEMBERS}, '}},') AS question"
"""A question as JSON, with a comma behind it."""
BATCH_ROWS = 20_000
SNIPPET = """
from pathlib import Path

import webdataset

files = sorted(str(file) for file in Path().glob("train-*.tar"))
data = webdataset.WebDataset(files, shardshuffle=False).decode("pil").rename(image="jpg;png;webp", json="json")
"""


def _write(source: Source, target: Target, options: base.Options) -> None:
    for split in source.splits:
        with Shards(target, f"{split}-{{:06}}.tar".format, Archive, SHARD_BYTES) as shards:
            for image, parts in itertools.groupby(_questions(source, split), key=itemgetter(0)):
                if image:
                    _write_image(source, image, [text_bytes(texts) for _, texts in parts], shards)
                else:
                    _write_texts((text for _, texts in parts for text in texts.to_pylist()), shards)


def _questions(source: Source, split: str) -> Iterator[tuple[str, pa.Array]]:
    """Iterate over pairs of an image and some of its questions as JSON."""
    for batch in by_image.batches(source, COLUMNS, split, BATCH_ROWS):
        for image, first, end in by_image.runs(batch["image"]):
            yield image, batch["question"][first:end]


def _write_image(source: Source, image: str, questions: list[memoryview], shards: Shards[Archive]) -> None:
    path, name = source.image_file(image), PurePosixPath(image)
    archive = shards.writer()  # one for both files: a sample is never divided
    archive.add(f"{name.stem}{name.suffix.lower() or '.bin'}", path.read_bytes())
    archive.add(f"{name.stem}.json", *_sample(image, questions))


def _write_texts(questions: Iterable[str], shards: Shards[Archive]) -> None:
    for question in questions:
        content = question.encode()
        key = hashlib.sha256(content[:-1]).hexdigest()
        shards.writer().add(f"{key}.json", *_sample("", [memoryview(content)]))


def _sample(image: str, questions: list[memoryview]) -> list[Content]:
    """Return the parts of a sample's JSON. The questions are JSON already, each with a comma behind it."""
    head = orjson.dumps({"image": image})[:-1] + b',"questions":['
    return [head, *questions[:-1], questions[-1][:-1], b"]}"]


def _features(source: Source) -> list[dict[str, Any]]:
    """Return the columns, which `datasets` would guess wrongly from the first five samples."""
    suffixes = (
        "SELECT DISTINCT lower(regexp_extract(image, '[^.]*$')) AS name FROM question WHERE image <> '' ORDER BY 1"
    )
    columns = [
        {"name": field.name, **({"list": "string"} if pa.types.is_list(field.type) else {"dtype": str(field.type)})}
        for field in QUESTION_SCHEMA
    ]
    sample = [{"name": "image", "dtype": "string"}, {"name": "questions", "list": columns}]
    return [
        *({"name": row["name"], "dtype": "image"} for row in source.rows(suffixes)),
        {"name": "json", "struct": sample},
        {"name": "__key__", "dtype": "string"},
        {"name": "__url__", "dtype": "string"},
    ]


FORMAT = base.Format(
    name="webdataset",
    summary="Tar files with a sample for each image: the image and a JSON file with all its questions.",
    write=_write,
    configs=lambda source: [base.config(base.by_split(source, "{split}-*.tar"))],
    features=_features,
    snippet=SNIPPET,
)
