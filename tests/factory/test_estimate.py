"""Estimates of builds from a dump."""

import bz2
import gzip
import random
import subprocess
import sys
import zlib

import orjson
import pytest
from backports import zstd

from factory import estimate
from factory.recipe import Recipe
from pangea_cultural.errors import UserError
from pangea_cultural.utils.console import Reporter
from tests.helpers.world import item, labels, text, year

NUM_LINES = 4000
RECIPE = """
name = "trial"
languages = ["en", "de"]
[[sources]]
type = "dump"
path = "{path}"
[[images.sources]]
type = "commons"
[network]
contact = "me@example.org"
"""


def documents():
    rng = random.Random(3)
    for number in range(NUM_LINES):
        images = rng.randint(1, 4)
        linked = number % 4 == 0
        claims = {"P18": [text(f"{number} {n}.jpg") for n in range(images)], "P571": [year(1500)]}
        claims |= {"P17": [item("Q17" if linked else "Q30")]}
        name = f"Q{990_000_000 + number}"
        yield {"type": "item", "id": name, "labels": labels(en=f"{rng.random()} {rng.random()}"), "claims": claims}


@pytest.fixture(scope="module")
def dump():
    return b"[\n" + b",\n".join(map(orjson.dumps, documents())) + b"\n]\n"


def estimated(path, **keys):
    fields = {"name": "r", "sources": [{"type": "dump", "path": path}], "images": {"sources": [{"type": "commons"}]}}
    return estimate.estimate(Recipe.model_validate(fields | keys), Reporter(quiet=True))


def test_a_small_dump_is_read_completely(tmp_path, dump):
    path = tmp_path / "dump.json"
    path.write_bytes(dump)
    result = estimated(path)
    source = result["sources"][0]
    assert (source["documents"], source["entities"], source["basis"]) == (NUM_LINES, NUM_LINES // 4, "read completely")
    assert result["images"] == sum(min(3, len(d["claims"]["P18"])) for d in list(documents())[::4])
    assert result["image_calls"] == -(-result["images"] // 50)
    assert result["image_gigabytes"] == round(result["images"] * estimate.THUMBNAIL_BYTES / 1e9, 2)


def test_relevance_costs_a_request_for_each_image_and_model(tmp_path, dump):
    (tmp_path / "dump.json").write_bytes(dump)
    model = {"endpoints": ["http://127.0.0.1:8000/v1"], "model": "judge"}
    assert estimated(tmp_path / "dump.json")["relevance_requests"] == 0
    result = estimated(tmp_path / "dump.json", relevance=model | {"second": model | {"model": "other"}})
    assert result["relevance_requests"] == 2 * result["images"] > 0


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


def test_a_name_does_not_decide_on_the_compression(tmp_path, dump):
    path = tmp_path / "dump.json.gz"
    path.write_bytes(dump)
    assert estimated(path)["sources"][0]["documents"] == NUM_LINES


def test_a_truncated_archive_is_refused(tmp_path, dump):
    path = tmp_path / "dump.json.gz"
    path.write_bytes(gzip.compress(dump)[:-1000])
    with pytest.raises(UserError, match="broken or truncated"):
        estimated(path)


def bomb(path, megabytes):
    """Write an archive whose second line has many megabytes, and return its size."""
    archive = zlib.compressobj(9, wbits=31)
    with path.open("wb") as file:
        file.write(archive.compress(b'[\n{"type":"item","id":"Q7400001","x":"'))
        for _ in range(megabytes):
            file.write(archive.compress(b"a" * (1 << 20)))
        file.write(archive.compress(b'"}\n]\n') + archive.flush())


MEASURED = """
import sys
from pathlib import Path
from pangea_cultural.cli import main
try:
    main(sys.argv[1:])
finally:
    status = Path("/proc/self/status").read_text()
    print(int(status.split("VmHWM:")[1].split()[0]) * 1024, file=sys.stderr)
"""
"""Peak memory of the command alone. `getrusage` starts with the peak of the process that started it."""


def test_a_dry_run_of_a_bomb_stays_in_bounded_memory(tmp_path):
    bomb(tmp_path / "bomb.json.gz", 900)
    (tmp_path / "recipe.toml").write_text(RECIPE.format(path="bomb.json.gz"))
    command = [sys.executable, "-c", MEASURED, "build", str(tmp_path / "recipe.toml"), "--dry-run", "--json"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert orjson.loads(result.stdout)["sources"][0]["entities"] == 0
    assert int(result.stderr.split()[-1]) < 700_000_000


def test_the_sample_of_a_bomb_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(estimate, "SAMPLE_PLAIN_BYTES", 1 << 20)
    bomb(tmp_path / "bomb.json.gz", 20)
    assert "scaled up from the first" in estimated(tmp_path / "bomb.json.gz")["sources"][0]["basis"]
