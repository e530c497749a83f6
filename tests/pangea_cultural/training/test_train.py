"""`pcult train`: both objectives, resume after SIGKILL, determinism, and errors."""

import math
import subprocess
import sys

import orjson
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file
from transformers import LlavaNextForConditionalGeneration

from pangea_cultural.errors import UserError
from pangea_cultural.training import cli
from tests.helpers import tiny
from tests.helpers.runs.forked import Run
from tests.helpers.short_training import log_without_times

VOCAB_SIZE = 600
PRETRAIN = f"""
name = "micro"
languages = ["en", "de"]
[model]
size = "tiny"
vocab_size = {VOCAB_SIZE}
[[sources]]
type = "export"
path = "exports/colors"
[[stages]]
name = "pretrain"
objective = "contrastive"
trainable = ["vision_tower"]
steps = 12
augment_images = true
[stages.optimizer]
learning_rate = 1e-3
warmup_steps = 2
[stages.batch]
global_batch_size = 8
[stages.memory]
per_device_batch_size = 8
[stages.checkpoint]
save_steps = 4
logging_steps = 2
"""
RECIPE = f"""{PRETRAIN}
[[stages]]
name = "main"
objective = "sft"
trainable = ["projector", "language_model"]
steps = 16
augment_images = true
[stages.optimizer]
learning_rate = 1e-3
warmup_steps = 2
[stages.batch]
global_batch_size = 24
max_length = 256
[stages.memory]
per_device_batch_size = 4
[stages.checkpoint]
save_steps = 4
logging_steps = 2
"""


def arguments(workspace, *options):
    return [str(workspace / "micro.toml"), "--workspace", str(workspace), "--json", *options]


def start(workspace):
    """Start to train in another process."""
    return Run(["train", *arguments(workspace)], workspace)


def train(workspace):
    """Train in another process."""
    result = start(workspace).finish()
    assert result.returncode == 0, result.stderr
    return orjson.loads(result.stdout)


def train_here(workspace, *options):
    """Train in this process."""
    result = CliRunner().invoke(cli.train, arguments(workspace, *options), catch_exceptions=False)
    return orjson.loads(result.stdout)


def write_workspace(folder, recipe=RECIPE):
    tiny.write_export(folder / "exports/colors")
    (folder / "micro.toml").write_text(recipe)
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A workspace and the record of its training, which a new interpreter ran."""
    workspace = write_workspace(tmp_path_factory.mktemp("trained"))
    command = [sys.executable, "-m", "pangea_cultural", "train", *arguments(workspace)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return workspace, orjson.loads(result.stdout)


def test_record_has_stages_statements_and_losses(trained):
    _, record = trained
    assert [stage["stage"] for stage in record["stages"]] == ["pretrain", "main"]
    assert record["held_out_languages"] == ["nl"]
    assert any("English names" in sentence for sentence in record["statements"])
    assert any("Held out: Dutch" in sentence for sentence in record["statements"])
    losses = [entry["loss"] for stage in record["stages"] for entry in stage["log"]]
    assert losses and all(loss > 0 for loss in losses)


def test_checkpoint_loads_and_its_card_has_the_facts(trained):
    workspace, _ = trained
    folder = workspace / "checkpoints/micro"
    _, info = LlavaNextForConditionalGeneration.from_pretrained(folder, output_loading_info=True)
    assert not any(info.values())
    card = (folder / "README.md").read_text()
    assert "license: apache-2.0" in card and "held-out ones" in card
    assert "learning rate 0.001, adamw_torch_fused, trains projector, language_model" in card
    assert not (workspace / "checkpoints/.micro.work").exists()


def test_training_lowers_the_loss(trained):
    log = trained[1]["stages"][1]["log"]
    assert log[-1]["loss"] < 0.8 * math.log(VOCAB_SIZE), "a guess among all tokens"


def test_second_run_does_nothing(trained):
    workspace, record = trained
    path = workspace / "checkpoints/micro/model.safetensors"
    before = path.stat().st_mtime_ns
    assert train_here(workspace)["weights_sha256"] == record["weights_sha256"]
    assert path.stat().st_mtime_ns == before


def test_same_seed_gives_same_bits_and_another_seed_different_ones(trained, tmp_path):
    _, record = trained
    workspace = write_workspace(tmp_path)
    assert train(workspace)["weights_sha256"] == record["weights_sha256"]
    assert train_here(workspace, "--seed", "1", "--overwrite")["weights_sha256"] != record["weights_sha256"]


def kill_at(workspace, checkpoint):
    """Start a training run, and kill it as soon as a checkpoint is complete."""
    complete = workspace / "checkpoints/.micro.work" / checkpoint / "complete"
    assert start(workspace).kill_when(complete), f"the run ended before {checkpoint} was seen"


def test_resume_after_kills_gives_the_same_bits(trained, tmp_path):
    """Batches come from worker processes, and the 50 questions of the data repeat every other step."""
    _, record = trained
    workspace = write_workspace(tmp_path, "num_workers = 2\n" + RECIPE)
    # Kill after a later checkpoint of the first stage, and after the first and a later one of the last stage.
    for checkpoint in ("0-pretrain/checkpoint-8", "1-main/checkpoint-4", "1-main/checkpoint-12"):
        kill_at(workspace, checkpoint)
    result = train(workspace)
    assert result["weights_sha256"] == record["weights_sha256"]
    assert log_without_times(result) == log_without_times(record)
    assert any(stage["resumed_from"] for stage in result["stages"])


def test_resume_ignores_an_incomplete_checkpoint(trained, tmp_path):
    _, record = trained
    workspace = write_workspace(tmp_path)
    kill_at(workspace, "1-main/checkpoint-8")
    folder = workspace / "checkpoints/.micro.work/1-main"
    assert len(list(folder.glob("checkpoint-*/complete"))) <= 2, "older ones are removed"
    newest = max(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    (newest / "complete").unlink(missing_ok=True)
    (newest / "weights.safetensors").write_bytes(b"truncated")
    assert train_here(workspace)["weights_sha256"] == record["weights_sha256"]


def test_resume_rejects_a_changed_recipe_and_restart_accepts_it(tmp_path):
    workspace = write_workspace(tmp_path)
    kill_at(workspace, "0-pretrain/checkpoint-4")
    (workspace / "micro.toml").write_text(RECIPE.replace("learning_rate = 1e-3", "learning_rate = 2e-3"))
    with pytest.raises(UserError) as caught:
        train_here(workspace, "--seed", "1")
    message = str(caught.value)
    assert "seed was 0, now is 1" in message and "--restart" in message
    assert "stages[1].optimizer.learning_rate was 0.001, now is 0.002" in message
    assert train_here(workspace, "--restart", "--seed", "1")["stages"]


def test_frozen_vision_tower_is_unchanged(trained, tmp_path):
    """The vision tower after both stages equals the one after the first; everything else differs."""
    both = load_file(trained[0] / "checkpoints/micro/model.safetensors")
    workspace = write_workspace(tmp_path, PRETRAIN)
    train_here(workspace)
    first = load_file(workspace / "checkpoints/micro/model.safetensors")
    for name, value in first.items():
        assert torch.equal(value, both[name]) == name.startswith("vision_tower."), name


def test_error_is_one_line_without_traceback(tmp_path):
    workspace = write_workspace(tmp_path, RECIPE.replace("learning_rate = 1e-3", "learning_rate = 1e30"))
    result = start(workspace).finish()
    assert result.returncode == 1, result.stderr
    assert "The loss is" in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr
    assert not (workspace / "checkpoints/micro").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('size = "tiny"', 'size = "tini"'), "Unknown model size 'tini'. Did you mean tiny"),
        (("learning_rate", "learning_rat"), "Did you mean learning_rate"),
        (('"en", "de"', '"en", "nl"'), "held-out language nl"),
        (("exports/colors", "exports/color"), "exports/color"),
        (('objective = "contrastive"', 'objective = "contrast"'), "stages[1].objective"),
    ],
)
def test_invalid_recipe_is_rejected(trained, tmp_path, change, message):
    workspace, _ = trained
    recipe = tmp_path / "invalid.toml"
    recipe.write_text(RECIPE.replace(*change).replace('"micro"', '"invalid"'))
    result = CliRunner().invoke(cli.train, [str(recipe), "--workspace", str(workspace)])
    assert isinstance(result.exception, UserError) and message in str(result.exception)
    assert "\n" not in str(result.exception)
    assert not (workspace / "checkpoints/invalid").exists()
