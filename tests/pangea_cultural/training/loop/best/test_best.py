"""The best weights of a stage and its early end: the same after every interruption, and refused where they are lost."""

import math
import os
import shutil
import signal
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file
from transformers import Trainer, TrainerControl, TrainerState

from pangea_cultural.errors import UserError
from pangea_cultural.training.loop import checkpoints, stage, trainer
from pangea_cultural.training.loop.best import outcome
from pangea_cultural.training.loop.best.callback import EarlyStopping
from pangea_cultural.training.loop.best.metrics import metrics, require_languages
from pangea_cultural.training.loop.stop_signals import Stopped
from pangea_cultural.training.loop.validation import Validation
from pangea_cultural.training.recipe import Checkpoint
from pangea_cultural.training.setup.disk import checkpoints_kept
from pangea_cultural.workspace import Workspace
from tests.helpers.short_training import log_without_times, recipe, train

LOSSES = {1: 3.0, 2: 1.0, 3: 2.0, 4: 1.0, 5: 0.5}
"""Loss of the validation after each step. The stage ends after step 4, which is not lower than step 2."""
CHOICE = {"load_best_model_at_end": True, "early_stopping_patience": 2, "metric_for_best_model": "loss"}
OPTIONS = {
    "validation": {"path": "exports/colors", "steps": 1, "answers": 0, "questions_per_language": 1},
    "stage": {"steps": 5, "checkpoint": {"save_steps": 200, "save_total_limit": 1, **CHOICE}},
}


@pytest.fixture(autouse=True)
def losses(monkeypatch):
    """Let validations have the losses above."""

    def validate(self, trained):
        loss = LOSSES[trained.state.global_step]
        return {"loss": loss, "by_language": {"de": loss, "nl": 2 * loss}, "answers": []}

    monkeypatch.setattr(Validation, "__call__", validate)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, export_folder, base):
    """The record of a run that was not interrupted, and the weights of its best checkpoint."""
    workspace = Workspace(tmp_path_factory.mktemp("whole"))
    shutil.copytree(export_folder, workspace.exports / "colors")
    kept, complete = {}, checkpoints.mark_complete

    def keep(checkpoint, *arguments, **options):
        kept[checkpoints.step_of(checkpoint)] = load_file(checkpoint / checkpoints.WEIGHTS)
        complete(checkpoint, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Validation, "__call__", lambda _, t: {"by_language": {}, "loss": LOSSES[t.state.global_step]})
        patch.setattr(checkpoints, "mark_complete", keep)
        record = train(workspace, base, **OPTIONS)
    return record, kept, load_file(workspace.checkpoints / "micro/model.safetensors"), workspace


def test_stage_ends_early_with_its_best_weights(whole):
    record, saved, weights, workspace = whole
    ended = record["stages"][0]
    assert (ended["steps"], ended["planned_steps"]) == (4, 5)
    assert ended["stopped_early"] == "2 validations without a lower loss"
    assert ended["best"] == {"step": 2, "metric": "loss", "loss": 1.0, "is_taken": True}
    assert [entry["step"] for entry in ended["log"]] == [1, 2, 3, 4]
    assert ended["passes"]["colors"] == pytest.approx(ended["questions"] / 50)
    assert list(saved) == [1, 2], "each lower loss saves a checkpoint"
    name = "multi_modal_projector.linear_1.weight"
    assert torch.equal(weights[name], saved[2][f"model.{name}"])
    card = (workspace.checkpoints / "micro/README.md").read_text()
    assert "ended after 4 of 5 steps: 2 validations without a lower loss; weights of step 2, with the lowest" in card


class Killed(BaseException):
    """The end of a process."""


def interrupted(place, patch):
    """Let the run end before a step, at a signal in a step, or before the results are written."""
    step, results = trainer.StageTrainer.training_step, stage._write_results

    def make_step(self, *inputs):
        if place == f"before step {self.state.global_step + 1}":
            raise Killed
        if place == f"signal in step {self.state.global_step + 1}":
            os.kill(os.getpid(), signal.SIGUSR1)
        return step(self, *inputs)

    def write(*arguments):
        if place == "before the results":
            raise Killed
        return results(*arguments)

    patch.setattr(trainer.StageTrainer, "training_step", make_step)
    patch.setattr(stage, "_write_results", write)


@pytest.mark.parametrize(
    ("places", "resumed"),
    [
        (["before step 4", "before the results"], "checkpoint-2"),
        (["signal in step 2", "before step 3", "signal in step 4", "before the results"], "checkpoint-4"),
    ],
)
def test_choice_is_the_same_after_interruptions(whole, workspace, base, monkeypatch, places, resumed):
    """A signal puts off the validation of its step, of which step 2 is the best one and step 4 the last one."""
    for place in places:
        with monkeypatch.context() as patch, pytest.raises((Killed, Stopped)):
            interrupted(place, patch)
            train(workspace, base, **OPTIONS)
    record = train(workspace, base, **OPTIONS)
    expected = whole[0]
    assert record["stages"][0]["resumed_from"] == resumed
    for key in ("steps", "best", "stopped_early", "questions", "passes"):
        assert record["stages"][0][key] == expected["stages"][0][key], key
    assert [entry["step"] for entry in record["stages"][0]["validation"]] == [1, 2, 3, 4]
    assert log_without_times(record) == log_without_times(expected)
    assert record["weights_sha256"] == expected["weights_sha256"]


def test_lost_best_checkpoint_is_named_and_no_other_one_is_taken(workspace, base, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        interrupted("signal in step 4", patch)
        train(workspace, base, **OPTIONS)
    best = workspace.checkpoints / ".micro.work/0-main/checkpoint-2"
    (best / checkpoints.WEIGHTS).unlink()
    message = (
        r"checkpoint-4 is damaged \(its best checkpoint is checkpoint-2: weights.safetensors is missing\)\. Restore"
    )
    with pytest.raises(UserError, match=message):
        train(workspace, base, **OPTIONS)


def test_best_checkpoint_that_is_lost_before_the_end_is_an_error(tmp_path):
    settings = SimpleNamespace(name="main", checkpoint=Checkpoint(load_best_model_at_end=True))
    state = TrainerState(global_step=4, best_global_step=2)
    fake = SimpleNamespace(state=state, args=SimpleNamespace(output_dir=tmp_path))
    alone = SimpleNamespace(run_on_main=lambda work: work())
    with pytest.raises(UserError, match=r"The best checkpoint of stage main, \S+checkpoint-2, is damaged \(its folder"):
        outcome._load_best(settings, fake, alone)
    state.best_global_step = None
    with pytest.raises(UserError, match=r"Stage main: loss_trained_languages was not finite in any validation\. Lower"):
        outcome._load_best(settings, fake, alone)


@pytest.mark.parametrize(
    ("found", "patience", "threshold", "ended", "best"),
    [
        ([3, 2, 1], 1, 0.0, None, 3),
        ([1, 2], 1, 0.0, 2, 1),  # worse at once
        ([1, 1, 1], 2, 0.0, 3, 1),  # of equal losses the first
        ([1, 2, 0.5, 2, 2], 2, 0.0, 5, 3),
        ([1, 0.95, 0.9], 2, 0.1, 3, 3),  # lower, but by less than the threshold
        ([math.nan, math.nan], 2, 0.0, 2, None),
        ([math.nan, 2, math.nan, 1], 2, 0.0, None, 4),
        ([math.inf, 1, math.inf, math.nan], 2, 0.0, 4, 2),
        ([5, 6, 7, 8], None, 0.0, None, 1),
    ],
)
def test_losses_end_the_stage(found, patience, threshold, ended, best):
    settings = Checkpoint(
        load_best_model_at_end=True, early_stopping_patience=patience, early_stopping_threshold=threshold
    )
    notes = []
    stopping = EarlyStopping(settings, notes.append)
    arguments = SimpleNamespace(
        metric_for_best_model=settings.metric_for_best_model, greater_is_better=False, save_strategy="steps"
    )
    state, control = TrainerState(), TrainerControl()
    compared = SimpleNamespace(args=arguments, state=state)
    for step, loss in enumerate(found, 1):
        state.global_step = step
        logs = {"eval_loss_trained_languages": loss}
        stopping.on_evaluate(arguments, state, control, logs)
        Trainer._determine_best_metric(compared, logs, None)
        if control.should_training_stop:
            break
    assert (step if stopping.has_stopped else None, state.best_global_step) == (ended, best)
    assert len(notes) == sum(not math.isfinite(loss) for loss in found[:step])
    lower = "loss_trained_languages lower by more than 0.1" if threshold else "lower loss_trained_languages"
    assert not stopping.has_stopped or stopping.reason.endswith(f"without a {lower}")


def test_disk_has_space_for_the_best_checkpoint(base):
    kept = [
        checkpoints_kept(parsed, parsed.stages[0], steps)
        for choice in ({}, CHOICE)
        for parsed in [recipe(base, **OPTIONS | {"stage": {"checkpoint": {"save_steps": 2, **choice}}})]
        for steps in (1, 4, 100)
    ]
    assert kept == [1, 2, 3, 1, 4, 4], "two, the best one, and the one that is written"


def test_metrics_of_trained_and_held_out_languages():
    found = metrics({"loss": 2.5, "by_language": {"de": 1.0, "en": 2.0, "nl": 4.0, "sw": None}}, ["de", "en", "fr"])
    assert found["loss_trained_languages"] == 1.5 and found["loss_language_nl"] == 4.0 and found["loss"] == 2.5
    assert math.isnan(found["loss_held_out_languages"]), "a language without a loss is not left out in silence"
    for metric in ("loss", "loss_trained_languages", "loss_language_de"):
        require_languages("main", metric, {"de"}, {"de"})
    for metric in ("loss_held_out_languages", "loss_language_nl"):
        with pytest.raises(UserError, match=rf"Stage main: the validation has no question for {metric}; .* are de\. "):
            require_languages("main", metric, {"de"}, {"de"})


def test_metric_without_questions_is_refused_before_the_first_step(workspace, base):
    options = OPTIONS | {"stage": {"checkpoint": CHOICE | {"metric_for_best_model": "loss_language_fr"}}}
    with pytest.raises(UserError, match="no question for loss_language_fr; its languages are de, en, nl"):
        train(workspace, base, **options)
    assert not list((workspace.checkpoints / ".micro.work").glob("0-main/*"))
