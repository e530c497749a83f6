"""Interrupted training runs, in this process: resume, and the settings that may change."""

import os
import shutil
import signal
from types import SimpleNamespace

import pytest
import torch
from filelock import FileLock
from safetensors.torch import load_file
from transformers import TrainerCallback

from pangea_cultural.dataset.export import Export
from pangea_cultural.errors import UserError
from pangea_cultural.training.batching import image_sizes, saved_array
from pangea_cultural.training.data.corpus import Corpus
from pangea_cultural.training.loop import checkpoints, reporters, resume, trainer
from pangea_cultural.training.loop import run as runs
from pangea_cultural.training.loop.stop_signals import Stopped
from pangea_cultural.utils.files import read_json, sha256_file, write_json
from pangea_cultural.workspace import Workspace
from tests.helpers import tiny
from tests.helpers.recipes import merged
from tests.helpers.short_training import STAGE, images, log_without_times, train, trained_images

SAVED = {"checkpoint": {"save_steps": 1}}


@pytest.fixture
def interrupt(monkeypatch):
    """A function that trains and is interrupted before a step."""
    training_step = trainer.StageTrainer.training_step

    def train_until(*arguments, before, **fields):
        def interrupted_step(self, *inputs):
            if self.state.global_step == before - 1:
                raise KeyboardInterrupt
            return training_step(self, *inputs)

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(trainer.StageTrainer, "training_step", interrupted_step)
            train(*arguments, **fields)

    return train_until


def weights(workspace):
    return read_json(workspace.checkpoints / "micro/training.json")["weights_sha256"]


def work(workspace):
    return workspace.checkpoints / ".micro.work"


def test_signal_saves_and_stops_after_the_step(tmp_path, new_workspace, base, monkeypatch):
    """The validation after the step comes when the run is resumed, so that the log is the same."""
    validation = {"path": "exports/colors", "questions_per_language": 2, "steps": 2, "answers": 0}
    whole = train(new_workspace(tmp_path / "whole"), base, validation=validation)
    training_step, workspace = trainer.StageTrainer.training_step, new_workspace(tmp_path / "stopped")

    def signaled_step(self, *inputs):
        if self.state.global_step == 1:
            os.kill(os.getpid(), signal.SIGUSR1)
        return training_step(self, *inputs)

    with monkeypatch.context() as patch, pytest.raises(Stopped, match=r"Stopped by SIGUSR1\. Run the") as stopped:
        patch.setattr(trainer.StageTrainer, "training_step", signaled_step)
        train(workspace, base, validation=validation)
    assert stopped.value.code == 0 and signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL
    record = train(workspace, base, validation=validation)
    assert record["stages"][0]["resumed_from"] == "checkpoint-2"
    assert record["stages"][0]["validation"] == whole["stages"][0]["validation"]
    assert log_without_times(record) == log_without_times(whole)
    assert record["weights_sha256"] == whole["weights_sha256"]


def test_signal_before_the_steps_ends_the_run_at_once(workspace, base, monkeypatch):
    monkeypatch.setattr(runs.training_data, "open_all", lambda *_: os.kill(os.getpid(), signal.SIGUSR1))
    with pytest.raises(Stopped) as stopped:
        train(workspace, base)
    assert stopped.value.code == 0


def test_tracker_goes_on_with_the_run_after_a_resume(workspace, base, interrupt, monkeypatch):
    runs = []

    class Tracker(TrainerCallback):
        def on_train_begin(self, args, state, control, **_):
            runs.append((os.environ["WANDB_RUN_ID"], os.environ["WANDB_RESUME"], args.run_name))

    monkeypatch.setitem(reporters.INTEGRATION_TO_CALLBACK, "wandb", Tracker)
    interrupt(workspace, base, before=3, stage=SAVED, report_to=["wandb"])
    train(workspace, base, stage=SAVED, report_to=["wandb"])
    assert runs[0] == runs[1] and "WANDB_RUN_ID" not in os.environ
    number, resumes, name = runs[0]
    assert len(number) == 32 and resumes == "allow" and name == f"micro main {number[:8]}"
    monkeypatch.setenv("WANDB_RUN_ID", "mine")
    train(workspace, base, report_to=["wandb"], restart=True, overwrite=True)
    assert runs[2][0] == "mine" and runs[2][2] != name


def test_resume_accepts_changed_memory_and_checkpoint_settings(workspace, base, interrupt):
    interrupt(workspace, base, before=3, stage=SAVED | {"steps": 6})
    fingerprint = read_json(work(workspace) / "run.json")
    cheaper = {"per_device_batch_size": 1, "gradient_checkpointing": True}
    stage = {"memory": cheaper, "checkpoint": {"logging_steps": 3}, "steps": 6}
    record = train(workspace, base, stage=stage, max_broken_image_ratio=0.5, num_workers=1)
    assert record["stages"][0]["resumed_from"] == "checkpoint-2"
    assert [entry["step"] for entry in record["stages"][0]["log"]] == [1, 2, 3, 6]
    assert record["fingerprint"] == fingerprint


def test_resume_after_a_stage_with_vision_tower_in_bfloat16(workspace, base, interrupt):
    """Only the trained layers of the tower are loaded in float32. The others must follow."""
    first = merged(STAGE, {"name": "first", "trainable": ["vision_tower"], "steps": 1})
    second = merged(STAGE, SAVED | {"name": "second"})
    options = {"stages": [first, second], "model": {"checkpoint": str(base), "dtype": "bfloat16"}}
    interrupt(workspace, base, before=3, **options)
    assert train(workspace, base, **options)["stages"][1]["resumed_from"] == "checkpoint-2"


@pytest.mark.parametrize("change", ["data", "deepspeed", "processes"])
def test_resume_rejects_changed_inputs(tmp_path, change):
    """Dropout's random numbers follow from the rows of each process."""
    stages = [{"lora": {"dropout": 0.1}}]
    fingerprint = {"data": {"colors": "a"}, "deepspeed": None, "processes": 1, "recipe": {"stages": stages}}
    resume.claim_work_folder(tmp_path, fingerprint)
    (tmp_path / "0-main.safetensors").touch()
    with pytest.raises(UserError, match=rf"different settings \({change}.*--restart"):
        resume.claim_work_folder(tmp_path, fingerprint | {change: {"data": {"colors": "b"}}.get(change, 2)})


def test_number_of_processes_may_change_unless_the_result_would(tmp_path):
    fingerprint = {"processes": 2, "deepspeed": None, "recipe": {"stages": [{"lora": None}]}}
    write_json(tmp_path / "run.json", fingerprint)
    assert resume.is_in_progress(tmp_path, fingerprint | {"processes": 8})
    assert (
        resume.run_differences(fingerprint | {"deepspeed": {}}, fingerprint | {"deepspeed": {}, "processes": 3}) == []
    )
    sharded = fingerprint | {"deepspeed": {"zero_optimization": {"stage": 2}}}
    assert resume.run_differences(sharded, sharded | {"processes": 3}) == ["processes was 2, now is 3"]


def test_resume_rejects_a_changed_base_model(workspace, base, interrupt, tmp_path):
    copy = shutil.copytree(base, tmp_path / "copy")
    interrupt(workspace, copy, before=3, stage=SAVED)
    (copy / "model.safetensors").write_bytes((copy / "model.safetensors").read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match=r"different settings \(base_model\..*copy was \w+, now is \w+"):
        train(workspace, copy, stage=SAVED)


def test_log_is_empty_after_an_interrupt_before_the_first_checkpoint(workspace, base, interrupt):
    interrupt(workspace, base, before=3)
    assert len((work(workspace) / "0-main/log.jsonl").read_bytes().splitlines()) == 2
    record = train(workspace, base)
    assert [entry["step"] for entry in record["stages"][0]["log"]] == [1, 2, 3]


def test_changed_settings_are_accepted_before_the_first_checkpoint(workspace, base, interrupt):
    interrupt(workspace, base, before=3)
    assert train(workspace, base, seed=1)["seed"] == 1


def test_work_folder_without_fingerprint_is_discarded(workspace, new_workspace, base, interrupt, tmp_path):
    """A removal was interrupted: stages of one seed must not be in the checkpoint of another."""
    clean = new_workspace(tmp_path / "clean")
    train(clean, base, seed=1)
    interrupt(workspace, base, before=3, stage=SAVED)
    (work(workspace) / "run.json").unlink()
    train(workspace, base, seed=1)
    assert weights(workspace) == weights(clean)


def test_finished_run_keeps_an_interrupted_run_of_the_same_name(workspace, base, interrupt):
    first = train(workspace, base, stage=SAVED)
    with pytest.raises(
        UserError, match=r"trained with different settings \(recipe.seed was 0, now is 1\)\. .*--overwrite"
    ):
        train(workspace, base, stage=SAVED, seed=1)
    interrupt(workspace, base, before=3, stage=SAVED, seed=1, overwrite=True)
    assert train(workspace, base, stage=SAVED) == first
    record = train(workspace, base, stage=SAVED, seed=1, overwrite=True)
    assert record["stages"][0]["resumed_from"] == "checkpoint-2"


def test_checkpoint_of_an_older_version_is_not_replaced(workspace, base):
    """Its record has no fingerprint."""
    write_json(workspace.checkpoints / "micro/training.json", {"name": "micro"})
    with pytest.raises(UserError, match=r"trained with different settings .*--overwrite"):
        train(workspace, base)


def test_interrupted_restart_resumes_and_keeps_the_finished_checkpoint(workspace, base, interrupt):
    train(workspace, base, stage=SAVED)
    interrupt(workspace, base, before=3, stage=SAVED, restart=True, overwrite=True)
    assert (workspace.checkpoints / "micro/training.json").is_file()
    assert train(workspace, base, stage=SAVED)["stages"][0]["resumed_from"] == "checkpoint-2"


def test_image_repaired_before_the_first_step_is_used(workspace, base):
    broken = trained_images(workspace)[0]
    good = broken.read_bytes()
    broken.unlink()
    with pytest.raises(UserError, match="Repair them"):
        train(workspace, base)
    broken.write_bytes(good)
    record = train(workspace, base)
    assert not record["broken_images"] and not record["stages"][0]["left_out"]["colors"]


def test_image_repaired_after_an_interrupt_stays_excluded(workspace, base, interrupt, tmp_path):
    """The repaired image would change the order of all questions."""
    broken = trained_images(workspace)[0]
    good = broken.read_bytes()
    broken.unlink()
    options = {"max_broken_image_ratio": 0.5, "stage": SAVED}
    interrupt(workspace, base, before=2, **options)
    uninterrupted = Workspace(shutil.copytree(workspace.root, tmp_path / "uninterrupted"))
    shutil.rmtree(work(uninterrupted))
    train(uninterrupted, base, **options)
    broken.write_bytes(good)
    train(workspace, base, **options)
    assert weights(workspace) == weights(uninterrupted)


def test_image_repaired_after_an_interrupt_does_not_count_as_broken(workspace, base, interrupt):
    """It was truncated, which only decoding shows. The limit may change on resume."""
    truncated = trained_images(workspace)[0]
    good = truncated.read_bytes()
    truncated.write_bytes(good[:300])
    options = {"stage": merged(SAVED, {"batch": {"global_batch_size": 60}})}
    interrupt(workspace, base, before=3, max_broken_image_ratio=0.5, **options)
    saved = read_json(work(workspace) / "0-main/checkpoint-2/metrics.json")
    assert [*saved["skipped"]] == [str(truncated)]
    truncated.write_bytes(good)
    assert not train(workspace, base, max_broken_image_ratio=0, **options)["stages"][0]["skipped"]


def test_repaired_images_of_all_processes_do_not_count(tmp_path):
    """Each process meets some, and all learn of them at a checkpoint."""
    repaired, broken = tmp_path / "a.png", tmp_path / "b.png"
    tiny.image("Q1", 0).save(repaired)
    found = dict.fromkeys(map(str, (repaired, broken)), "not a readable image")
    process = SimpleNamespace(_max_broken_images=1, metrics=SimpleNamespace(skipped=dict(found)))
    trainer.StageTrainer._require_few_broken(process, found)
    assert [*process.metrics.skipped] == [str(broken)]
    process._max_broken_images = 0
    with pytest.raises(UserError, match=r"1 images are broken, such as \S+/b\.png \(image missing\)"):
        trainer.StageTrainer._require_few_broken(process, found)


@pytest.mark.parametrize(("owner", "name"), [(image_sizes, "read_size"), (Corpus, "texts")])
def test_interrupted_measurement_is_not_repeated(workspace, base, monkeypatch, owner, name):
    monkeypatch.setattr(saved_array, "CHUNK", 1)
    monkeypatch.setattr(saved_array, "SAVE_INTERVAL_S", 0)
    seen, measure = [], getattr(owner, name)

    def count(*arguments):
        if len(seen) == 3:
            seen.append("stop")
            raise KeyboardInterrupt
        seen.append(arguments[-1])
        return measure(*arguments)

    monkeypatch.setattr(owner, name, count)
    with pytest.raises(KeyboardInterrupt):
        train(workspace, base)
    train(workspace, base)
    assert "stop" in seen and len(seen) == len(set(seen)) > 5


def test_run_rejects_a_locked_work_folder(workspace, base, monkeypatch):
    monkeypatch.setattr(resume, "LOCK_TIMEOUT_S", 0)
    with FileLock(work(workspace).with_suffix(".lock")), pytest.raises(UserError, match="Another process is training"):
        train(workspace, base)


def test_resume_from_the_checkpoint_before_a_damaged_one_gives_the_same_bits(workspace, base, interrupt, tmp_path):
    # Without the optimizer's file, transformers would resume with a new optimizer.
    whole = Workspace(shutil.copytree(workspace.root, tmp_path / "whole"))
    train(whole, base, stage=SAVED)
    interrupt(workspace, base, before=3, stage=SAVED)
    (work(workspace) / "0-main/checkpoint-2/optimizer.pt").unlink()
    assert train(workspace, base, stage=SAVED)["stages"][0]["resumed_from"] == "checkpoint-1"
    assert weights(workspace) == weights(whole)


def test_resume_removes_incomplete_files(workspace, base, interrupt):
    interrupt(workspace, base, before=3, stage=SAVED)
    folder = work(workspace) / "0-main"
    (folder / "checkpoint-1/complete").unlink()
    (work(workspace) / ".0-main.safetensors.a1b2c3d_").touch()
    interrupt(workspace, base, before=3, stage=SAVED)
    assert [path.name for path in folder.glob("checkpoint-*")] == ["checkpoint-2"]
    assert not (work(workspace) / ".0-main.safetensors.a1b2c3d_").exists()


def test_infinite_gradients_do_not_reach_the_weights(workspace, base, monkeypatch):
    forward_backward = trainer.StageTrainer._forward_backward

    def with_infinite_gradient(self, model, batch):
        loss = forward_backward(self, model, batch)
        if self.state.global_step == 2:
            next(p for p in model.parameters() if p.grad is not None).grad.fill_(torch.nan)
        return loss

    monkeypatch.setattr(trainer.StageTrainer, "_forward_backward", with_infinite_gradient)
    message = r"The norm of the gradients is nan at step 3\. Questions of this step: \S+\. Lower learning_rate"
    with pytest.raises(UserError, match=message):
        train(workspace, base, stage=SAVED)
    saved = checkpoints.complete_checkpoints(work(workspace) / "0-main")
    assert saved[-1].name == "checkpoint-2"
    assert all(value.isfinite().all() for value in load_file(saved[-1] / checkpoints.WEIGHTS).values())


def test_save_total_limit_keeps_the_newest_checkpoints(workspace, base, interrupt):
    interrupt(workspace, base, before=3, stage=merged(SAVED, {"checkpoint": {"save_total_limit": 1}}))
    assert [path.name for path in (work(workspace) / "0-main").glob("checkpoint-*")] == ["checkpoint-2"]


def test_record_has_languages_and_file_hashes(workspace, base):
    record = train(workspace, base)
    assert record["languages"] == ["de", "en"] and record["statements"][0] == "Trained in: German, English."
    digest = sha256_file(Export.open(workspace.exports / "colors").path / "export.json")
    assert record["data"] == {"colors": {"export.json": digest}}
    assert digest in (workspace.checkpoints / "micro/README.md").read_text()
    assert {"accelerate", "pillow", "torch"} <= record["environment"]["versions"].keys()


def test_broken_image_ratio_counts_each_image_of_a_row(workspace, base):
    names = [f"images/{path.name}" for path in images(workspace)[:9]] + ["images/missing.png"]
    turns = [{"from": "human", "value": "<image><image>\nWhich?"}, {"from": "gpt", "value": "Both."}]
    rows = [{"id": str(n), "image": [names[n], names[(n + 1) % 10]], "conversations": turns} for n in range(10)]
    write_json(workspace.exports / "colors/pairs.json", rows)
    source = {"type": "chat", "path": "exports/colors/pairs.json"}
    with pytest.raises(UserError, match=r"1 of 10 images cannot be used \(image missing: 1\)"):
        train(workspace, base, sources=[source], max_broken_image_ratio=0.09)
    record = train(workspace, base, sources=[source], max_broken_image_ratio=0.1, stage={"batch": {"max_length": 600}})
    assert record["broken_images"] == {"image missing": 1}
