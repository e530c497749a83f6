"""Leaks between the splits of an export, found from its files alone."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pangea_cultural.dataset.export import SPLITS, Export
from pangea_cultural.errors import ImageError
from pangea_cultural.reference.ids import NAME
from pangea_cultural.utils import near_duplicates
from pangea_cultural.utils.perceptual_hash import Signature, signature

HASH_STEPS = 1_000_000
"""Steps of the hash of an entity, as in `factory.splits.held_out`."""


def leaks(export: Export) -> Iterator[str]:
    """Yield the leaks of an export, one line each.

    - a held-out language in `train`;
    - an image of `train` (or entity, if a question has no image) in another split;
    - images of `train` and of another split that look the same, if the recipe keeps them together;
    - an entity of `train` in a held-out region, of a held-out type, in the held-out share, or related to one of them;
    - more names of held-out entities among the answers of `train` than the manifest states.
    """
    split = export.manifest["recipe"].get("split", {})
    trained = _distinct(export, "train", ["language", "region", "entity", "entity_type", "image"])
    yield from _languages(export, trained)
    yield from _images(export)
    if split.get("near_duplicates"):
        yield from _near_duplicates(export, trained)
    yield from _held_out_parts(split, trained)
    yield from _held_out_share(export, split, trained)
    yield from _held_out_entities(export, trained, drop_names=split.get("held_out_names") == "drop")


def _distinct(export: Export, split: str, columns: list[str]) -> dict[str, set[str]]:
    """Return the distinct values of columns of a split's questions."""
    table = pq.read_table(export.questions_file(split), columns=columns)
    return {name: set(pc.unique(table[name]).to_pylist()) for name in columns}


def _languages(export: Export, trained: dict[str, set[str]]) -> Iterator[str]:
    for code in sorted(trained["language"] & set(export.held_out_languages)):
        yield f"train: rows in held-out language {code}"


def _images(export: Export) -> Iterator[str]:
    trained = _subjects(export, "train")
    for split in SPLITS[1:]:
        shared = trained & _subjects(export, split)
        if shared:
            yield f"{split}: {len(shared)} images are also in train, such as {min(shared)}"


def _subjects(export: Export, split: str) -> set[str]:
    """Return the images of a split's questions, and the entities of questions without an image."""
    table = pq.read_table(export.questions_file(split), columns=["image", "entity"])
    subjects = pc.if_else(pc.equal(table["image"], ""), table["entity"], table["image"])
    return set(pc.unique(subjects).to_pylist())


def _near_duplicates(export: Export, trained: dict[str, set[str]]) -> Iterator[str]:
    """Compare the pixels of all images. Files that cannot be read are another problem of the check."""
    split_of = {
        image: split
        for split in reversed(SPLITS)
        for image in (_distinct(export, split, ["image"])["image"] if split != "train" else trained["image"])
    }
    names = sorted(split_of)
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        signatures = list(threads.map(lambda name: _signature(export, name), names))
    known = [(name, found) for name, found in zip(names, signatures, strict=True) if found is not None]
    arrays = (np.frombuffer(b"".join(part), np.uint8).reshape(-1, 32) for part in _columns(known))
    crossing: dict[str, list[tuple[str, str]]] = {}
    for left, right in near_duplicates.pairs(*arrays).tolist():
        one, other = known[left][0], known[right][0]
        if (split_of[one] == "train") != (split_of[other] == "train"):
            image, alike = (other, one) if split_of[one] == "train" else (one, other)
            crossing.setdefault(split_of[image], []).append((image, alike))
    for split in SPLITS[1:]:
        if split in crossing:
            image, alike = min(crossing[split])
            number = len({image for image, _ in crossing[split]})
            yield f"{split}: {number} images look like images of train, such as {image} like {alike}"


def _columns(known: list[tuple[str, Signature]]) -> tuple[list[bytes], list[bytes]]:
    return [found.hash for _, found in known], [found.colors for _, found in known]


def _signature(export: Export, name: str) -> Signature | None:
    path = export.file(name, below="images")
    try:
        return signature(path) if path else None
    except ImageError:
        return None


def _held_out_parts(split: dict[str, Any], trained: dict[str, set[str]]) -> Iterator[str]:
    for key, column, name in (("held_out_regions", "region", "region"), ("held_out_types", "entity_type", "type")):
        for value in sorted(trained[column] & set(split.get(key, ()))):
            yield f"train: rows of held-out {name} {value}"


def _held_out_share(export: Export, split: dict[str, Any], trained: dict[str, set[str]]) -> Iterator[str]:
    share, seed = split.get("held_out_entities", 0), export.manifest["recipe"].get("seed", 0)
    leaked = [entity for entity in trained["entity"] if share and _position(seed, entity) < share]
    if leaked:
        yield f"train: {len(leaked)} entities of the held-out share, such as {min(leaked)}"


def _position(seed: int, entity: str) -> float:
    """Return the position of an entity between 0 and 1, by the lower half of an MD5."""
    digest = hashlib.md5(f"{seed}|entity|{entity}".encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[8:], "little") % HASH_STEPS / HASH_STEPS


def _held_out_entities(export: Export, trained: dict[str, set[str]], *, drop_names: bool) -> Iterator[str]:
    """Check the entities that images.parquet marks: also those that share an image with held-out ones."""
    images = export.images()
    if not {"entities", "held_out"} <= set(images.column_names):
        return
    rows = images.select(["image", "entities", "held_out"]).to_pylist()
    held_out = {entity for row in rows if row["held_out"] for entity in row["entities"] or ()}
    if shared := held_out & trained["entity"]:
        yield f"train: {len(shared)} held-out entities, such as {min(shared)}"
    shown = [row["image"] for row in rows if row["image"] in trained["image"] and held_out & set(row["entities"] or ())]
    if shown:
        yield f"train: {len(shown)} images of held-out entities, such as {min(shown)}"
    found = _count_names(export, _names(export, held_out))
    stated = export.manifest.get("held_out", {}).get("answers_in_train", 0)
    if drop_names and found:
        yield f"train: {found} rows with the name of a held-out entity as answer, but the recipe drops them"
    elif found > stated:
        yield f"train: {found} rows with the name of a held-out entity as answer, but the manifest states {stated}"


def _names(export: Export, entities: Iterable[str]) -> pa.Array:
    """Return the names of entities in each language, as keys."""
    wanted, keys = pa.array(sorted(entities), pa.string()), []
    for split in SPLITS[1:]:
        columns, named = ["language", "answers", "entity"], [("property", "=", NAME)]
        table = pq.read_table(export.questions_file(split), columns=columns, filters=named)
        table = table.filter(pc.is_in(table["entity"], wanted))
        keys += _keys(table["language"].combine_chunks(), table["answers"].combine_chunks())[0].to_pylist()
    return pa.array(sorted(set(keys)), pa.string())


def _count_names(export: Export, names: pa.Array) -> int:
    """Return the number of rows of train with an answer among names."""
    if not len(names):
        return 0
    found = 0
    for batch in pq.ParquetFile(export.questions_file("train")).iter_batches(columns=["language", "answers"]):
        keys, rows = _keys(batch["language"], batch["answers"])
        found += len(pc.unique(rows.filter(pc.is_in(keys, names))))
    return found


def _keys(languages: pa.Array, answers: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Return language and text of each answer in lower case, and the row of each."""
    rows = pc.list_parent_indices(answers)
    texts = pc.utf8_lower(pc.list_flatten(answers))
    return pc.binary_join_element_wise(languages.take(rows), texts, "|"), rows
