"""Withdrawals beside a build, and withdrawals that end after any of their writes."""

import contextlib
import itertools
import shutil
from pathlib import Path

import pytest

from factory.store.store import Store
from pangea_cultural.dataset.check import check
from pangea_cultural.dataset.export import MANIFEST, Export
from pangea_cultural.utils.files import sha256_file, write_json
from tests.factory.withdraw.test_withdraw import copy, rows, train_image, withdraw, write_run
from tests.helpers import world
from tests.helpers.runs.forked import Run
from tests.helpers.store_contents import contents, differences, files

WAITING = """
import sys, time
from pathlib import Path
from pangea_cultural.cli import main
from tests.helpers.interrupted_writes import after_write

def wait():
    Path(sys.argv[2]).touch()
    while Path(sys.argv[2]).exists():
        time.sleep(0.02)

with after_write(int(sys.argv[1]), wait):
    main(sys.argv[3:])
"""
"""A build that waits after a write, until the file that it has made is removed."""


@contextlib.contextmanager
def waiting_build(recipe, workspace, write):
    """Yield a running build that waits, and the file whose removal ends the wait."""
    sign = workspace.parent / "waits"
    arguments = ["build", str(recipe), "--workspace", str(workspace), "--quiet"]
    build = Run([str(write), str(sign), *arguments], workspace.parent, script=WAITING)
    try:
        build.wait_for(sign)
        yield build, sign
    finally:
        build.kill()
        build.finish()


def test_a_withdrawal_beside_a_build_is_refused_and_changes_nothing(castles, tmp_path):
    workspace = tmp_path / "workspace"
    with waiting_build(castles / "world/recipe.toml", workspace, 6) as (build, sign):
        message = world.error_of("data", "withdraw", "--workspace", workspace, "--entity", "Q9001")
        assert "Another process is using the store" in message and "Wait until it ends, or stop it." in message
        assert not (workspace / "withdrawn.json").exists()
        sign.unlink()
        assert build.finish().returncode == 0
    assert differences(castles / "workspace", workspace) == [], "the build did not notice"
    assert withdraw(workspace, "--entity", "Q9001")["store"]["entities"] == 1


def test_a_withdrawal_after_a_killed_build_asks_to_finish_it(castles, tmp_path):
    workspace = tmp_path / "workspace"
    with waiting_build(castles / "world/recipe.toml", workspace, 4):
        pass
    message = world.error_of("data", "withdraw", "--workspace", workspace, "--entity", "Q9001")
    assert "is not finished. Finish the build with `pcult build`, then withdraw." in message
    assert not (workspace / "withdrawn.json").exists()
    world.build(castles / "world/recipe.toml", workspace)
    withdraw(workspace, "--entity", "Q9001")
    world.build(castles / "world/recipe.toml", workspace)
    assert check(Export.open(workspace / "exports/castles")) == []


def test_a_build_beside_a_withdrawal_is_refused(castles, tmp_path):
    workspace = copy(castles / "workspace", tmp_path / "workspace")
    arguments = ["data", "withdraw", "--workspace", str(workspace), "--entity", "Q9001"]
    sign = tmp_path / "waits"
    withdrawal = Run(["1", str(sign), *arguments], tmp_path, script=WAITING)
    try:
        withdrawal.wait_for(sign)
        message = world.error_of("build", castles / "world/recipe.toml", "--workspace", workspace, "--quiet")
        assert "Another process is using the store" in message
        sign.unlink()
        assert withdrawal.finish().returncode == 0
    finally:
        withdrawal.kill()
    world.build(castles / "world/recipe.toml", workspace)
    assert rows(workspace, "SELECT count(*) FROM question_key WHERE entity = 'Q9001'") == [(0,)]


def everything(workspace):
    """Return the store, the export, the list, the images, and what checkpoints and runs say."""
    names = ("images", "checkpoints", "runs", "cache")
    return contents(workspace), (workspace / "withdrawn.json").read_bytes(), *(files(workspace / n) for n in names)


@pytest.fixture
def traced(castles, tmp_path):
    """Return a workspace with an export, a checkpoint, a run and a cache that all have a castle."""
    workspace = copy(castles / "workspace", tmp_path / "traced")
    manifest = sha256_file(workspace / "exports/castles" / MANIFEST)
    checkpoint = workspace / "checkpoints/micro"
    write_json(checkpoint / "training.json", {"data": {"castles": {MANIFEST: manifest}}, "weights_sha256": {"m": "1"}})
    (checkpoint / "README.md").write_text("# Model\n")
    write_run(workspace, {"m": "1"}, train_image(workspace)[1])
    write_json(workspace / "cache/training/old/corpus.json", {"files": {MANIFEST: manifest}})
    return workspace


def test_a_withdrawal_that_ended_after_any_write_is_completed_by_the_same_command(castles, traced, tmp_path):
    """A copy has the files that a killed withdrawal leaves there."""
    title, _ = train_image(traced)
    options = ("--image", title, "--entity", "Q9001", "--claim", "Q9002 P571", "--date", "2026-11-30")
    whole, copies = copy(traced, tmp_path / "whole"), tmp_path / "copies"
    copies.mkdir()
    with after_each_change(whole, lambda number: copy(whole, copies / str(number))):
        withdraw(whole, *options)
    moments = sorted(int(folder.name) for folder in copies.iterdir())
    # The notes, the list, the image files, the store and the cache.
    assert len(moments) > 8
    expected = everything(whole)
    for number in moments:
        withdraw(copies / str(number), *options)
        assert everything(copies / str(number)) == expected, f"ended after write {number}"
    for number in moments[:: len(moments) // 3]:
        world.build(castles / "world/recipe.toml", copies / str(number))
        assert check(Export.open(copies / str(number) / "exports/castles")) == []


@contextlib.contextmanager
def after_each_change(folder, call):
    """Call a function with a number after each file of a folder that is replaced or removed, and each transaction."""
    numbers = itertools.count(1)
    originals = {(owner, name): getattr(owner, name) for owner, name in CHANGES}

    def counting(change):
        def changed(subject, *arguments, **options):
            result = change(subject, *arguments, **options)
            if str(subject).startswith(str(folder)):
                call(next(numbers))
            return result

        return changed

    transaction = Store.transaction

    @contextlib.contextmanager
    def counted(store):
        with transaction(store):
            yield
        call(next(numbers))

    for (owner, name), change in originals.items():
        setattr(owner, name, counting(change))
    Store.transaction = counted
    try:
        yield
    finally:
        Store.transaction = transaction
        for (owner, name), change in originals.items():
            setattr(owner, name, change)


CHANGES = ((Path, "replace"), (Path, "unlink"), (Path, "rename"), (shutil, "rmtree"))
