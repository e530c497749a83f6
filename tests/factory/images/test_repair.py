"""A second build makes damaged files again and tries files again that failed for a passing reason."""

import os
import shutil

import pytest

from factory.images import repair
from pangea_cultural.dataset.check import check
from pangea_cultural.dataset.export import Export
from tests.factory.images.test_stage import FILES, build, rejected, rows, tables, write
from tests.helpers.servers.commons_server import CommonsServer

BOMB = {"Castle 4 a.png": ["bomb!"]}
SECONDS = "SELECT name, seconds FROM stage"


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.jpg")}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return the workspace of an undisturbed build."""
    folder = tmp_path_factory.mktemp("finished")
    with CommonsServer(FILES, faults=BOMB) as server:
        assert build(write(folder, server), folder / "workspace").returncode == 0
    return folder / "workspace"


DAMAGES = {
    "deleted": lambda path: path.unlink(),
    "emptied": lambda path: path.write_bytes(b""),
    "truncated": lambda path: os.truncate(path, 9),
    "changed": lambda path: path.write_bytes(b"x" * path.stat().st_size),
}


@pytest.mark.parametrize("place", ["images", "exports/castles/images"])
def test_damaged_files_are_made_again(finished, tmp_path, place):
    with CommonsServer(FILES, faults=BOMB) as server:
        workspace = tmp_path / "workspace"
        recipe = write(tmp_path, server)
        assert build(recipe, workspace).returncode == 0
        before, stages, asked = files(workspace), rows(workspace, SECONDS), len(server.requests)
        for path, damage in zip(sorted((workspace / place).rglob("*.jpg")), DAMAGES.values(), strict=False):
            damage(path)
        assert build(recipe, workspace).returncode == 0
        assert files(workspace) == before
        assert len(server.requests) > asked
        asked = len(server.requests)
        assert build(recipe, workspace).returncode == 0
        assert len(server.requests) == asked, "nothing is left to repair"
    assert rows(workspace, SECONDS) == stages, "no stage ran again"
    assert tables(workspace) == tables(finished)
    assert check(Export.open(workspace / "exports/castles")) == []


def test_deleted_link_is_made_again_without_the_network(tmp_path):
    with CommonsServer(FILES, faults=BOMB) as server:
        workspace = tmp_path / "workspace"
        recipe = write(tmp_path, server)
        assert build(recipe, workspace).returncode == 0
        before, asked = files(workspace), len(server.requests)
        shutil.rmtree(workspace / "exports/castles/images")
        assert build(recipe, workspace).returncode == 0
        assert (files(workspace), len(server.requests)) == (before, asked)


def test_file_that_is_gone_is_replaced_and_later_stages_run_again(tmp_path):
    with CommonsServer(FILES, faults=dict(BOMB)) as server:
        workspace = tmp_path / "workspace"
        recipe = write(tmp_path, server)
        assert build(recipe, workspace).returncode == 0
        first = rows(workspace, "SELECT path FROM image WHERE file = 'Castle 0 a.png'")[0][0]
        (workspace / "images" / first).unlink()
        server.faults["Castle 0 a.png"] = ["404!"]
        assert build(recipe, workspace).returncode == 0
    found = rows(workspace, "SELECT file FROM image WHERE file LIKE 'Castle 0%' ORDER BY file")
    assert [file for (file,) in found] == [f"Castle 0 {letter}.png" for letter in "bcd"]
    assert rejected(workspace, "Q9000") == {"Castle 0 a.png": "HTTP 404"}
    export = Export.open(workspace / "exports/castles")
    assert check(export) == []
    assert not (export.path / "images" / first).exists()


def with_two_tries(recipe, stall_s=30):
    settings = f"[network.retry]\ntries = 2\nmax_backoff_s = 0.01\nstall_s = {stall_s}"
    recipe.write_text(recipe.read_text().replace("[network.retry]", settings))
    return recipe


@pytest.mark.parametrize("fault", ["503!", "reset!", "hang!"])
def test_files_that_failed_for_a_passing_reason_are_tried_again(finished, tmp_path, fault):
    failing = {"Castle 0 a.png": [fault], "Castle 2 b.png": [fault]}
    with CommonsServer(FILES, faults=BOMB | failing) as server:
        workspace = tmp_path / "workspace"
        # Short only for the server that does not answer: a busy machine may take as long for an ordinary answer.
        recipe = with_two_tries(write(tmp_path, server), stall_s=2 if fault == "hang!" else 30)
        assert build(recipe, workspace).returncode == 0
        assert rejected(workspace, "Q9002")[""] == "no usable image"
        assert rejected(workspace, "Q9000")["Castle 0 a.png"] in repair.PASSING_REASONS
        server.faults = dict(BOMB)
        assert build(recipe, workspace).returncode == 0
        asked = len(server.requests)
        assert build(recipe, workspace).returncode == 0
        assert len(server.requests) == asked, "permanent rejections are not tried again"
    assert tables(workspace) == tables(finished)
    counts = [rows(path, "SELECT inputs, kept FROM stage WHERE name = 'images'") for path in (workspace, finished)]
    assert counts[0] == counts[1]
    for name in ("questions-train.parquet", "questions-test.parquet", "images.parquet"):
        repaired, undisturbed = (path / "exports/castles" / name for path in (workspace, finished))
        assert repaired.read_bytes() == undisturbed.read_bytes()


def test_service_that_is_still_down_does_not_end_a_finished_build(tmp_path):
    with CommonsServer(FILES, faults=BOMB | {"Castle 0 a.png": ["503!"]}) as server:
        workspace = tmp_path / "workspace"
        recipe = with_two_tries(write(tmp_path, server))
        assert build(recipe, workspace).returncode == 0
        before = tables(workspace)
        server.faults["api"] = ["503!"]
        assert build(recipe, workspace).returncode == 0
        assert tables(workspace) == before
        assert "Castle 0 a.png" in rejected(workspace, "Q9000")


def test_damaged_file_without_its_source_is_a_one_line_error(tmp_path):
    with CommonsServer(FILES, faults=dict(BOMB)) as server:
        workspace = tmp_path / "workspace"
        recipe = with_two_tries(write(tmp_path, server))
        assert build(recipe, workspace).returncode == 0
        before = tables(workspace)
        shutil.rmtree(workspace / "images")
        server.faults["api"] = ["503!"]
        result = build(recipe, workspace)
        assert (result.returncode, result.stderr.count("\n")) == (1, 1), result.stderr
        assert "Run the same command again" in result.stderr
        server.faults["api"] = []
        assert build(recipe, workspace).returncode == 0
    assert tables(workspace) == before
    assert len(list((workspace / "images").rglob("*.jpg"))) == len(before[0])
