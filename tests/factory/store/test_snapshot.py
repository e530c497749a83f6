"""Counts of a store while another process builds."""

import time

import orjson
import pytest
from click.testing import CliRunner

from factory.store import snapshot
from factory.store.snapshot import Snapshot
from factory.store.store import Store
from pangea_cultural.cli import pcult
from pangea_cultural.errors import UserError
from tests.helpers.runs.forked import Run

PAUSED_BUILD = """
import sys, time
from factory.images import stage
from factory.store import snapshot
snapshot.PERIOD_S = snapshot.COST = 0
stage.run = lambda *arguments: time.sleep(300)
from pangea_cultural.cli import main
main(sys.argv[1:])
"""


def shown(workspace, *arguments):
    return CliRunner().invoke(pcult, ["data", *arguments, "--workspace", str(workspace)])


@pytest.fixture
def building(castles, tmp_path, tmp_path_factory):
    """A workspace in which another process builds, and has selected entities."""
    run = Run(
        ["build", str(castles / "world/recipe.toml"), "--quiet", "--workspace", str(tmp_path)],
        tmp_path_factory.mktemp("output"),
        script=PAUSED_BUILD,
    )
    try:
        for _ in range(600):
            copy = snapshot.read(tmp_path / "store.counts.json")
            if copy and [row for row in copy["stages"][1] if row[0] == "images"]:
                break
            assert run.is_running()
            time.sleep(0.1)
        yield tmp_path
    finally:
        run.kill()
        run.finish()


def test_stats_of_a_running_build_have_their_time(building):
    counts = orjson.loads(shown(building, "stats", "--json").stdout)
    assert counts["entities"] == 6 and counts["as_of"].startswith("20")
    assert [row["done"] for row in counts["stages"]] == [True, False]
    text = shown(building, "stats").stdout
    assert "while a build runs" in text and counts["as_of"][:13] in text


def test_reasons_of_a_running_build_are_listed(building):
    rows = orjson.loads(shown(building, "reject-reasons", "--json").stdout)
    assert "no image named" in [row["reason"] for row in rows]


def test_a_finished_build_leaves_no_copy(castles):
    assert not (castles / "workspace/store.counts.json").exists()
    assert orjson.loads(shown(castles / "workspace", "stats", "--json").stdout)["as_of"] == ""


def test_a_store_in_use_without_a_copy_is_an_error(building):
    for content in (None, b"", b"[]"):
        (building / "store.counts.json").unlink(missing_ok=True)
        if content is not None:
            (building / "store.counts.json").write_bytes(content)
        assert isinstance(shown(building, "stats").exception, UserError)


def test_copies_are_written_at_most_each_period(tmp_path, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(snapshot.time, "monotonic", lambda: clock[0])
    path = tmp_path / "store.counts.json"
    with Store.open(tmp_path / "store.duckdb") as store:
        store.on_commit = Snapshot(store, path, ["select"]).update
        written = []
        for clock[0] in (1000.0, 1004.0, 1006.0):
            path.unlink(missing_ok=True)
            with store.transaction():
                store.reject("select", "Q1", "no image named")
            written.append(path.exists())
    assert written == [True, False, True]


def test_a_copy_that_cannot_be_written_does_not_end_the_build(tmp_path):
    with Store.open(tmp_path / "store.duckdb") as store:
        Snapshot(store, tmp_path / "store.duckdb" / "counts.json", ["select"]).update()
