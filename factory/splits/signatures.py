"""Perceptual signatures of the images, and the groups of images that look the same."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa

from factory.splits import connected
from factory.store.store import Rejection, Store
from pangea_cultural.errors import ImageError
from pangea_cultural.utils import near_duplicates
from pangea_cultural.utils.console import Reporter
from pangea_cultural.utils.perceptual_hash import Signature, signature

BATCH = 4000
"""Images of a transaction: a killed build loses at most a few seconds."""


def update(store: Store, folder: Path, reporter: Reporter) -> None:
    """Compute the signatures of the images that have none, on all cores.

    They stay in the store: they depend on nothing but the image. An unreadable file is a rejection.
    """
    store.execute("DELETE FROM image_signature WHERE image NOT IN (SELECT image FROM image)")
    rows = store.rows(
        """SELECT image, path FROM image
           WHERE image NOT IN (SELECT image FROM image_signature)
             AND image NOT IN (SELECT item FROM rejection WHERE stage = 'split' AND unit = 'file')
           ORDER BY image"""
    )
    if not rows:
        return
    with reporter.bar("split: images", len(rows), "images") as bar, ThreadPoolExecutor(os.cpu_count()) as threads:
        for start in range(0, len(rows), BATCH):
            batch = rows[start : start + BATCH]
            results = list(threads.map(lambda row: _signature(folder / row[1]), batch))
            with store.transaction():
                _write(store, [image for image, _ in batch], results)
            bar.advance(len(batch))


def _signature(path: Path) -> Signature | ImageError:
    try:
        return signature(path)
    except ImageError as error:
        return error


def _write(store: Store, images: list[str], results: list[Signature | ImageError]) -> None:
    found = [
        {"image": image, "hash": result.hash, "colors": result.colors}
        for image, result in zip(images, results, strict=True)
        if isinstance(result, Signature)
    ]
    if found:
        store.append("image_signature", pa.Table.from_pylist(found))
    store.reject_all(
        "split",
        (
            Rejection(image, result.reason, result.detail, unit="file")
            for image, result in zip(images, results, strict=True)
            if isinstance(result, ImageError)
        ),
    )


def groups(store: Store) -> pa.Table:
    """Return the images that look like others: columns `image` and `first`, the first image of the group."""
    table = store.table("SELECT image, hash, colors FROM image_signature SEMI JOIN image USING (image) ORDER BY image")
    hashes, colors = (_array(table[name]) for name in ("hash", "colors"))
    pairs = near_duplicates.pairs(hashes, colors)
    first = connected.first_of_component(len(table), pairs[:, 0], pairs[:, 1])
    grouped = np.union1d(pairs[:, 0], pairs[:, 1])
    return pa.table({"image": table["image"].take(grouped), "first": table["image"].take(first[grouped])})


def _array(column: pa.ChunkedArray) -> np.ndarray:
    """Return values of 32 bytes as rows of an array."""
    return np.frombuffer(b"".join(column.to_pylist()), np.uint8).reshape(len(column), -1 if len(column) else 32)
