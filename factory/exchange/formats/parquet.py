"""Parquet with embedded images, as `datasets.load_dataset` reads it: one row for each question.

The rows of an image are neighbors, and the column with its bytes has a dictionary. So a file has the bytes of an image
once in each row group, whatever the number of its questions.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from factory.exchange.ahead import ahead
from factory.exchange.formats import base, by_image
from factory.exchange.formats.native import credits_config
from factory.exchange.formats.shards import Shards
from factory.exchange.question_files import REPEATED
from factory.exchange.source import Source
from factory.exchange.target import HashingFile, Target
from pangea_cultural.dataset.question import QUESTION_SCHEMA

SHARD_BYTES = 450_000_000
"""Size after which a new file begins. The hub recommends at most 500 MB."""
BATCH_ROWS = 10_000
"""Rows of most row groups."""
GROUP_BYTES, GROUP_ROWS = 256_000_000, 2 * BATCH_ROWS
"""Limits of a row group: bytes of images, counted for each row because readers expand the dictionary; and rows."""
IMAGE = pa.struct([("bytes", pa.dictionary(pa.int32(), pa.binary())), ("path", pa.dictionary(pa.int32(), pa.string()))])
COLUMNS = ", ".join(["image", *(name for name in QUESTION_SCHEMA.names if name != "image")])
BYTES = "image.bytes"
SNIPPET = """
from pathlib import Path

from datasets import load_dataset

folder = str(Path.cwd())  # or the name of a repository on the hub
data = load_dataset(folder)
images = load_dataset(folder, "images", split="images")
"""


SCHEMA = pa.schema([field.with_type(IMAGE) if field.name == "image" else field for field in QUESTION_SCHEMA])


def _features() -> dict[str, Any]:
    """Return the columns as features of `datasets`, which reads them from the metadata of the file."""
    return {name: {"_type": "Image"} if name == "image" else _feature(SCHEMA.field(name).type) for name in SCHEMA.names}


def _feature(type: pa.DataType) -> dict[str, Any]:
    if pa.types.is_list(type):
        return {"feature": _feature(type.value_type), "_type": "List"}
    return {"dtype": str(type), "_type": "Value"}


def _write(source: Source, target: Target, options: base.Options) -> None:
    for split in source.splits:
        file_name = f"data/{split}-{{:05}}.parquet".format
        with Shards(target, file_name, _begin, SHARD_BYTES) as shards, ThreadPoolExecutor(1) as pool:
            for table in ahead(_tables(source, split), pool):
                shards.writer().write_table(table, row_group_size=len(table))
        for number, name in enumerate(shards.names):
            target.rename(name, f"data/{split}-{number:05}-of-{len(shards.names):05}.parquet")


def _tables(source: Source, split: str) -> Iterator[pa.Table]:
    """Iterate over tables for one row group each."""
    for batch in by_image.batches(source, COLUMNS, split, BATCH_ROWS):
        files: dict[str, Path | None] = {}
        sizes = np.empty(len(batch), np.int64)
        for name, first, end in by_image.runs(batch["image"]):
            files[name] = file = source.image_file(name) if name else None
            sizes[first:end] = file.stat().st_size if file else 0
        for first, end in _groups(np.cumsum(sizes)):
            yield _with_images(batch.slice(first, end - first), files)


def _groups(sizes: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Divide rows into groups of at most `GROUP_BYTES` and `GROUP_ROWS`, given the sums of their sizes up to each."""
    first, before = 0, 0
    while first < len(sizes):
        end = int(np.searchsorted(sizes, before + GROUP_BYTES, "right"))
        end = min(max(end, first + 1), first + GROUP_ROWS)
        yield first, end
        first, before = end, sizes[end - 1]


def _with_images(batch: pa.RecordBatch, files: dict[str, Path | None]) -> pa.Table:
    """Return the rows with the bytes of their images, as a dictionary: pyarrow writes each image once.

    Equal bytes of two names are one entry, because pyarrow writes a dictionary with repetition row by row.
    """
    names = batch["image"].dictionary_encode()
    contents: dict[bytes, int] = {}
    places = [
        contents.setdefault(file.read_bytes() if (file := files[name]) else b"", len(contents))
        for name in names.dictionary.to_pylist()
    ]
    bytes_of = pa.array(places, pa.int32()).take(names.indices)
    parts = [pa.DictionaryArray.from_arrays(bytes_of, pa.array([*contents], pa.binary())), names]
    image = pa.StructArray.from_arrays(parts, ["bytes", "path"], mask=pc.equal(batch["image"], ""))
    columns = [image if field.name == "image" else batch[field.name] for field in QUESTION_SCHEMA]
    return pa.table(columns, names=QUESTION_SCHEMA.names)


def _begin(file: HashingFile) -> pq.ParquetWriter:
    leaves = [column for column in _leaves() if column != BYTES]
    writer = pq.ParquetWriter(
        file,
        SCHEMA,
        use_dictionary=["image.bytes", "image.path", *REPEATED],
        dictionary_pagesize_limit=2 * GROUP_BYTES,
        compression=dict.fromkeys(leaves, "zstd"),
        write_statistics=leaves,
        store_schema=False,  # it would make readers return dictionaries
    )
    writer.add_key_value_metadata({"huggingface": orjson.dumps({"info": {"features": _features()}}).decode()})
    return writer


def _leaves() -> list[str]:
    """Return the names of the columns in the file."""
    names = {"image": [BYTES, "image.path"]}
    for field in SCHEMA:
        is_list = pa.types.is_list(field.type)
        names.setdefault(field.name, [f"{field.name}.list.element" if is_list else field.name])
    return [leaf for field in SCHEMA for leaf in names[field.name]]


FORMAT = base.Format(
    name="parquet",
    summary="Parquet with embedded images, one row for each question; `images.parquet` has author and license.",
    write=_write,
    configs=lambda source: [base.config(base.by_split(source, "data/{split}-*.parquet")), credits_config()],
    snippet=SNIPPET,
)
