"""Estimates of builds from a dump."""

import bz2
import gzip
import random

import orjson
import pytest
from backports import zstd

from factory import estimate
from factory.recipe import Recipe
from pangea_cultural.errors import UserError
from pangea_cultural.utils.console import Reporter
from tests.helpers.world import item, labels, text, year

NUM_LINES = 4000


def documents():
    rng = random.Random(3)
    for number in range(NUM_LINES):
        images = rng.randint(1, 4)
        linked = number % 4 == 0
        claims = {"P18": [text(f"{number} {n}.jpg") for n in range(images)], "P571": [year(1500)]}
        claims |= {"P17": [item("Q17" if linked else "Q30")]}
        name = f"Q{10_000 + number}"
        yield {"type": "item", "id": name, "labels": labels(en=f"{rng.random()} {rng.random()}"), "claims": claims}


@pytest.fixture(scope="module")
def dump():
    return b"[\n" + b",\n".join(map(orjson.dumps, documents())) + b"\n]\n"


def estimated(path):
    fields = {"name": "r", "sources": [{"type": "dump", "path": path}], "images": {"sources": [{"type": "commons"}]}}
    return estimate.estimate(Recipe.model_validate(fields), Reporter(quiet=True))


def test_a_small_dump_is_read_completely(tmp_path, dump):
    path = tmp_path / "dump.json"
    path.write_bytes(dump)
    result = estimated(path)
    source = result["sources"][0]
    assert (source["documents"], source["entities"], source["basis"]) == (NUM_LINES, NUM_LINES // 4, "read completely")
    assert result["images"] == sum(min(3, len(d["claims"]["P18"])) for d in list(documents())[::4])
    assert result["image_calls"] == -(-result["images"] // 50)
    assert result["image_gigabytes"] == round(result["images"] * estimate.THUMBNAIL_BYTES / 1e9, 2)


@pytest.mark.parametrize(
    ("suffix", "compress"),
    [
        ("json", bytes),
        ("gz", gzip.compress),
        ("bz2", lambda d: bz2.compress(d[:300_000], 1) + bz2.compress(d[300_000:], 1)),
        ("zst", zstd.compress),
    ],
)
def test_a_large_dump_is_scaled_up_from_its_beginning(tmp_path, monkeypatch, dump, suffix, compress):
    path = tmp_path / f"dump.{suffix}"
    path.write_bytes(compress(dump))
    monkeypatch.setattr(estimate, "SAMPLE_BYTES", path.stat().st_size // 2)
    source = estimated(path)["sources"][0]
    assert source["documents"] == pytest.approx(NUM_LINES, rel=0.15)
    assert source["entities"] == pytest.approx(NUM_LINES / 4, rel=0.15)
    assert "scaled up from the first 50 %" in source["basis"]


def test_a_content_that_does_not_match_the_suffix_is_refused(tmp_path, dump):
    path = tmp_path / "dump.json.gz"
    path.write_bytes(dump)
    with pytest.raises(UserError, match="content does not match its suffix"):
        estimated(path)
