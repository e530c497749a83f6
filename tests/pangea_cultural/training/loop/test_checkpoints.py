"""Checkpoints of an unfinished stage: damage is found before a training resumes."""

import json

import pytest

from pangea_cultural.errors import UserError
from pangea_cultural.training.loop import checkpoints, stage
from pangea_cultural.training.loop.checkpoints import COMPLETE, damage, mark_complete, newest_intact
from pangea_cultural.utils import files
from tests.helpers.short_training import STAGE, recipe
from tests.helpers.source_rows import NoteReporter


@pytest.fixture
def folder(tmp_path):
    """The folder of a stage with two checkpoints."""
    for step in (4, 8):
        (tmp_path / f"checkpoint-{step}/shards").mkdir(parents=True)
        for name in ("optimizer.pt", "scheduler.pt", "shards/0.distcp"):
            (tmp_path / f"checkpoint-{step}" / name).write_text(f"{name} of step {step}")
        mark_complete(tmp_path / f"checkpoint-{step}", 2)
    return tmp_path


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda path: (path / "optimizer.pt").unlink(), "optimizer.pt is missing"),
        (lambda path: (path / "scheduler.pt").write_text("sche"), "scheduler.pt has 4 of 22 bytes"),
        (
            lambda path: (path / "shards/0.distcp").write_text("shards/0.distcp of step 9"),
            "shards/0.distcp has changed",
        ),
        (lambda path: (path / COMPLETE).write_text("{"), "complete is garbled"),
    ],
)
def test_previous_checkpoint_is_taken_for_a_damaged_one(folder, change, fault):
    change(folder / "checkpoint-8")
    reporter = NoteReporter()
    assert newest_intact(folder, reporter) == folder / "checkpoint-4"
    assert reporter.notes == [f"checkpoint-8 is damaged ({fault}): resuming from checkpoint-4"]
    assert not (folder / "checkpoint-8").exists()


def test_only_damaged_checkpoints_are_an_error_and_stay(folder):
    for step in (4, 8):
        (folder / f"checkpoint-{step}/optimizer.pt").unlink()
    with pytest.raises(UserError, match=r"checkpoint-8 is damaged \(optimizer.pt is missing\)\. Restore the file"):
        newest_intact(folder, NoteReporter())
    assert len(list(folder.glob("checkpoint-*"))) == 2


def test_intact_checkpoint_of_an_earlier_version_is_taken(folder):
    (folder / "checkpoint-8" / COMPLETE).write_text("")
    assert newest_intact(folder, NoteReporter()) == folder / "checkpoint-8"
    assert newest_intact(folder / "checkpoint-8", NoteReporter()) is None, "there is none yet"


@pytest.fixture
def compared(tmp_path):
    """A function that saves checkpoints, given the best step at each, and returns the steps that are kept."""

    def save(best_steps, limit):
        for step, best in best_steps.items():
            (tmp_path / f"checkpoint-{step}").mkdir()
            state = {"best_global_step": best, "best_metric": float("inf")}
            (tmp_path / f"checkpoint-{step}/trainer_state.json").write_text(json.dumps(state))
            mark_complete(tmp_path / f"checkpoint-{step}", limit, keeps_best=True)
        return [checkpoints.step_of(path) for path in checkpoints.complete_checkpoints(tmp_path)]

    return save


@pytest.mark.parametrize(
    ("best_steps", "limit", "kept"),
    [
        ({1: None, 2: 2, 3: 2, 4: 2}, 1, [2, 4]),
        ({1: 1, 2: 1, 3: 3}, 1, [3]),
        ({1: 1, 2: 1, 3: 3}, 2, [1, 2, 3]),  # 2 can be resumed from if 3 is damaged
        ({1: 1, 2: 1, 3: 3, 4: 3}, 2, [3, 4]),
        ({1: None, 2: None, 3: None}, 2, [2, 3]),
    ],
)
def test_best_checkpoints_are_kept_beyond_the_limit(compared, best_steps, limit, kept):
    assert compared(best_steps, limit) == kept


def test_checkpoint_without_its_best_one_is_damaged(compared, tmp_path):
    compared({2: 2, 4: 2, 6: 6, 8: 6}, 4)
    (tmp_path / "checkpoint-6/complete").unlink()
    reporter = NoteReporter()
    assert newest_intact(tmp_path, reporter, needs_best=True) == tmp_path / "checkpoint-4"
    assert reporter.notes == [
        "checkpoint-8 is damaged (its best checkpoint is checkpoint-6: complete is missing): resuming from checkpoint-4"
    ]


def test_files_are_on_the_disk_before_the_checkpoint_counts(folder, monkeypatch):
    synced = []
    monkeypatch.setattr(files.os, "fsync", lambda _: synced.append((folder / "checkpoint-9" / COMPLETE).exists()))
    (folder / "checkpoint-9/shards").mkdir(parents=True)
    for name in ("optimizer.pt", "shards/0.distcp"):
        (folder / "checkpoint-9" / name).touch()
    mark_complete(folder / "checkpoint-9", 3)
    assert synced == [False] * 4 + [True] * 3, "two files, two folders; then the list and its folders"
    assert not damage(folder / "checkpoint-9")


def test_damaged_weights_of_a_finished_stage_are_an_error(tmp_path, base):
    inputs = type("Inputs", (), {"recipe": recipe(base)})
    context = stage.StageContext(inputs, 0, tmp_path, NoteReporter())
    assert not stage.is_finished(context)
    context.weights.write_text("weights")
    files.write_json(context.record, {"weights_sha256": files.sha256_file(context.weights)})
    assert context.stage.name == STAGE["name"] and stage.is_finished(context)
    context.weights.write_text("weight")
    with pytest.raises(UserError, match=r"0-main\.safetensors is missing or damaged\. Restore it"):
        stage.is_finished(context)


def test_checkpoint_needs_a_file_of_each_process(tmp_path):
    (tmp_path / "rng_state_0.pth").touch()
    with pytest.raises(UserError, match=r"rng_state_1\.pth is missing"):
        checkpoints.require_rank_files(tmp_path, 2)
