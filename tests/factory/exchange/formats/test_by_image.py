"""The questions of a split by image: each image's rows together, in order, whether they are near each other or not."""

import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from factory.exchange.formats import by_image
from factory.exchange.source import Source
from pangea_cultural.dataset.export import Export
from pangea_cultural.utils.console import Reporter

ROWS = 30_000


def near(rng):
    """Return images of entities with three images each, whose questions take turns, and some questions without one."""
    return [rng.choice(["", f"e{n // 90}-{n % 3}", f"e{n // 90}-{n % 3}"]) for n in range(ROWS)]


def apart(rng):
    return [f"image {rng.randrange(40)}" for _ in range(ROWS)]


def found(folder, images, rows, monkeypatch, max_waiting):
    """Return the pairs of image and number in the order of `batches`, and whether DuckDB sorted them."""
    monkeypatch.setattr(by_image, "MAX_WAITING", max_waiting)
    table = pa.table({"image": images, "number": range(len(images))})
    pq.write_table(table, folder / "questions-train.parquet", row_group_size=7_000)
    queries = []
    with (
        Reporter(quiet=True).bar("rows", len(images)) as bar,
        Source(Export(folder, {"questions": {"train": len(images)}}), folder / "sort", bar) as source,
    ):
        batches = source.batches
        monkeypatch.setattr(source, "batches", lambda *args: queries.append(args[2]) or batches(*args))
        tables = list(by_image.batches(source, "image, number", "train", rows))
    pairs = [pair for table in tables for pair in zip(*table.to_pydict().values(), strict=True)]
    return pairs, by_image.SORTED in queries, tables


@pytest.mark.parametrize("images", [near, apart])
@pytest.mark.parametrize("max_waiting", [10_000, 100_000])
@pytest.mark.parametrize("rows", [2_048, 5_000])
def test_rows_of_an_image_are_neighbors_in_their_order(tmp_path, monkeypatch, images, max_waiting, rows):
    names = images(random.Random(1))
    pairs, is_sorted, _ = found(tmp_path, names, rows, monkeypatch, max_waiting)
    assert is_sorted == (images is apart and max_waiting == 10_000)
    order = {name: number for number, name in reversed(list(enumerate(names))) if name}
    expected = sorted(enumerate(names), key=lambda pair: (not pair[1], order.get(pair[1], 0), pair[0]))
    assert pairs == [(name, number) for number, name in expected]


def test_few_rows_wait_for_others_of_their_image(tmp_path, monkeypatch):
    pairs, _, tables = found(tmp_path, near(random.Random(2)), 2_048, monkeypatch, 10_000)
    assert len(pairs) == ROWS and max(table.num_rows for table in tables) < 2_048 + 2_048


def test_runs_are_those_of_neighboring_rows():
    images = pa.array(["b", "b", "a", "b", "", ""])
    assert list(by_image.runs(images)) == [("b", 0, 2), ("a", 2, 3), ("b", 3, 4), ("", 4, 6)]
    assert list(by_image.runs(pa.array([], pa.string()))) == []
