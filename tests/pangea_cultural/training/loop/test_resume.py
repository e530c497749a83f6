"""Trainings that are stopped, in this process, and what may differ when they are called again."""

import shutil

import pytest
import torch
from filelock import FileLock
from safetensors.torch import load_file

from pangea_cultural.dataset.export import Export
from pangea_cultural.errors import UserError
from pangea_cultural.training.batching import lengths
from pangea_cultural.training.data.corpus import Corpus
from pangea_cultural.training.loop import checkpoints, resume, trainer
from pangea_cultural.utils.files import read_json, sha256_file, write_json
from pangea_cultural.workspace import Workspace
from tests.helpers import tiny
from tests.helpers.recipes import merged
from tests.helpers.short_training import images, learnt_images, train

SAVED = {"checkpoint": {"save_steps": 1}}


@pytest.fixture
def stop(monkeypatch):
    """Trains, and stops before a step."""
    step = trainer.StageTrainer.training_step

    def stop(*places, before, **fields):
        def until(self, *inputs):
            if self.state.global_step == before - 1:
                raise KeyboardInterrupt
            return step(self, *inputs)

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(trainer.StageTrainer, "training_step", until)
            train(*places, **fields)

    return stop


def weights(workspace):
    return read_json(workspace.checkpoints / "micro/training.json")["weights_sha256"]


def work(workspace):
    return workspace.checkpoints / ".micro.work"


def test_what_only_costs_may_change(workspace, start, stop):
    stop(workspace, start, before=3, stage=SAVED | {"steps": 6})
    fingerprint = read_json(work(workspace) / "run.json")
    cheaper = {"per_device_batch_size": 1, "gradient_checkpointing": True}
    stage = {"memory": cheaper, "checkpoint": {"logging_steps": 3}, "steps": 6}
    record = train(workspace, start, stage=stage, max_broken_image_ratio=0.5, num_workers=1)
    assert record["stages"][0]["resumed_from"] == "checkpoint-2"
    assert [entry["step"] for entry in record["stages"][0]["log"]] == [1, 2, 3, 6]
    assert record["fingerprint"] == fingerprint


@pytest.mark.parametrize("change", ["data", "deepspeed", "processes"])
def test_what_was_begun_on_other_fingerprint_does_not_go_on(tmp_path, change):
    fingerprint = {"data": {"colors": "a"}, "deepspeed": None, "processes": 1}
    resume.claim_work_folder(tmp_path, fingerprint)
    (tmp_path / "0-main.safetensors").touch()
    with pytest.raises(UserError, match=rf"different settings \({change}.*--restart"):
        resume.claim_work_folder(tmp_path, fingerprint | {change: {"data": {"colors": "b"}}.get(change, 2)})


def test_another_model_in_the_same_place_does_not_go_on(workspace, start, stop, tmp_path):
    own = shutil.copytree(start, tmp_path / "own")
    stop(workspace, own, before=3, stage=SAVED)
    (own / "model.safetensors").write_bytes((own / "model.safetensors").read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match=r"different settings \(base_model\..*own was \w+, now is \w+"):
        train(workspace, own, stage=SAVED)


def test_a_stop_before_the_first_checkpoint_leaves_nothing_in_the_log(workspace, start, stop):
    stop(workspace, start, before=3)
    assert len((work(workspace) / "0-main/log.jsonl").read_bytes().splitlines()) == 2
    record = train(workspace, start)
    assert [entry["step"] for entry in record["stages"][0]["log"]] == [1, 2, 3]


def test_where_nothing_was_saved_other_settings_begin(workspace, start, stop):
    stop(workspace, start, before=3)
    assert train(workspace, start, seed=1)["seed"] == 1


def test_a_work_folder_without_its_mark_is_nobodys(workspace, start, stop, tmp_path):
    """The rest of a removal that was killed: stages of one seed must not go into the checkpoint of another."""
    clean = Workspace.create(tmp_path / "clean")
    tiny.write_export(clean.root / "exports/colors")
    train(clean, start, seed=1)
    stop(workspace, start, before=3, stage=SAVED)
    (work(workspace) / "run.json").unlink()
    train(workspace, start, seed=1)
    assert weights(workspace) == weights(clean)


def test_what_is_trained_already_throws_nothing_of_another_training_away(workspace, start, stop):
    first = train(workspace, start, stage=SAVED)
    with pytest.raises(
        UserError, match=r"trained with different settings \(recipe.seed was 0, now is 1\)\. .*--overwrite"
    ):
        train(workspace, start, stage=SAVED, seed=1)
    stop(workspace, start, before=3, stage=SAVED, seed=1, overwrite=True)
    assert train(workspace, start, stage=SAVED) == first
    record = train(workspace, start, stage=SAVED, seed=1, overwrite=True)
    assert record["stages"][0]["resumed_from"] == "checkpoint-2"


def test_begun_anew_and_stopped_it_goes_on_without_losing_what_was_finished(workspace, start, stop):
    train(workspace, start, stage=SAVED)
    stop(workspace, start, before=3, stage=SAVED, restart=True)
    assert (workspace.checkpoints / "micro/training.json").is_file()
    assert train(workspace, start, stage=SAVED)["stages"][0]["resumed_from"] == "checkpoint-2"


def test_images_that_are_mended_before_anything_was_learnt_are_learnt(workspace, start):
    broken = learnt_images(workspace)[0]
    good = broken.read_bytes()
    broken.unlink()
    with pytest.raises(UserError, match="Repair them"):
        train(workspace, start)
    broken.write_bytes(good)
    record = train(workspace, start)
    assert not record["broken_images"] and not record["stages"][0]["left_out"]["colors"]


def test_a_image_that_is_mended_meanwhile_stays_left_out(workspace, start, stop, tmp_path):
    """With it the order of all questions would be another one."""
    broken = learnt_images(workspace)[0]
    good = broken.read_bytes()
    broken.unlink()
    options = {"max_broken_image_ratio": 0.5, "stage": SAVED}
    stop(workspace, start, before=2, **options)
    whole = Workspace.create(shutil.copytree(workspace.root, tmp_path / "whole"))
    shutil.rmtree(work(whole))
    train(whole, start, **options)
    broken.write_bytes(good)
    train(workspace, start, **options)
    assert weights(workspace) == weights(whole)


@pytest.mark.parametrize(("place", "name"), [(lengths, "read_size"), (Corpus, "texts")])
def test_what_was_measured_before_a_stop_is_not_measured_again(workspace, start, monkeypatch, place, name):
    monkeypatch.setattr(lengths, "CHUNK", 1)
    monkeypatch.setattr(lengths, "SAVED_EVERY_S", 0)
    seen, measure = [], getattr(place, name)

    def note(*arguments):
        if len(seen) == 3:
            seen.append("stop")
            raise KeyboardInterrupt
        seen.append(arguments[-1])
        return measure(*arguments)

    monkeypatch.setattr(place, name, note)
    with pytest.raises(KeyboardInterrupt):
        train(workspace, start)
    train(workspace, start)
    assert "stop" in seen and len(seen) == len(set(seen)) > 5


def test_two_trainings_do_not_share_a_folder(workspace, start, monkeypatch):
    monkeypatch.setattr(resume, "LOCK_TIMEOUT_S", 0)
    with FileLock(work(workspace).with_suffix(".lock")), pytest.raises(UserError, match="Another process is training"):
        train(workspace, start)


def test_what_a_kill_has_cut_off_is_removed(workspace, start, stop):
    stop(workspace, start, before=3, stage=SAVED)
    folder = work(workspace) / "0-main"
    (folder / "checkpoint-1/complete").unlink()
    (work(workspace) / ".0-main.safetensors.a1b2c3d_").touch()
    stop(workspace, start, before=3, stage=SAVED)
    assert [path.name for path in folder.glob("checkpoint-*")] == ["checkpoint-2"]
    assert not (work(workspace) / ".0-main.safetensors.a1b2c3d_").exists()


def test_gradients_that_are_no_number_do_not_reach_the_weights(workspace, start, monkeypatch):
    learn = trainer.StageTrainer._forward_backward

    def spoilt(self, model, batch):
        loss = learn(self, model, batch)
        if self.state.global_step == 2:
            next(p for p in model.parameters() if p.grad is not None).grad.fill_(torch.nan)
        return loss

    monkeypatch.setattr(trainer.StageTrainer, "_forward_backward", spoilt)
    message = r"The norm of the gradients is nan at step 3\. Questions of this step: \S+\. Lower learning_rate"
    with pytest.raises(UserError, match=message):
        train(workspace, start, stage=SAVED)
    saved = checkpoints.complete_checkpoints(work(workspace) / "0-main")
    assert saved[-1].name == "checkpoint-2"
    assert all(value.isfinite().all() for value in load_file(saved[-1] / checkpoints.WEIGHTS).values())


def test_only_so_many_checkpoints_are_kept(workspace, start, stop):
    stop(workspace, start, before=3, stage=merged(SAVED, {"checkpoint": {"save_total_limit": 1}}))
    assert [path.name for path in (work(workspace) / "0-main").glob("checkpoint-*")] == ["checkpoint-2"]


def test_the_record_names_languages_and_files_where_the_recipe_does_not(workspace, start):
    record = train(workspace, start)
    assert record["languages"] == ["de", "en"] and record["statements"][0] == "Trained in: German, English."
    digest = sha256_file(Export.open(workspace.exports / "colors").path / "export.json")
    assert record["data"] == {"colors": {"export.json": digest}}
    assert digest in (workspace.checkpoints / "micro/README.md").read_text()
    assert {"accelerate", "pillow", "torch"} <= record["environment"]["versions"].keys()


def test_of_rows_with_several_images_each_image_counts(workspace, start):
    names = [f"images/{path.name}" for path in images(workspace)[:9]] + ["images/missing.png"]
    said = [{"from": "human", "value": "<image><image>\nWhich?"}, {"from": "gpt", "value": "Both."}]
    rows = [{"id": str(n), "image": [names[n], names[(n + 1) % 10]], "conversations": said} for n in range(10)]
    write_json(workspace.exports / "colors/pairs.json", rows)
    source = {"type": "chat", "path": "exports/colors/pairs.json"}
    with pytest.raises(UserError, match=r"1 of 10 images cannot be used \(image missing: 1\)"):
        train(workspace, start, sources=[source], max_broken_image_ratio=0.09)
    record = train(workspace, start, sources=[source], max_broken_image_ratio=0.1, stage={"batch": {"max_length": 600}})
    assert record["broken_images"] == {"image missing": 1}
