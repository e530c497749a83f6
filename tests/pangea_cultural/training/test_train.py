"""A whole training through the command line: stages, resume after kill, determinism, frozen parts."""

import subprocess
import sys

import orjson
import pytest
import torch
from safetensors.torch import load_file
from transformers import LlavaNextForConditionalGeneration

from tests.helpers import tiny
from tests.helpers.killing import kill_when, told

RECIPE = """
name = "micro"
languages = ["en", "de"]
[model]
size = "tiny"
vocab_size = 600
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


def command(workspace, *options):
    recipe = workspace / "micro.toml"
    return [
        sys.executable,
        "-m",
        "pangea_cultural",
        "train",
        str(recipe),
        "--workspace",
        str(workspace),
        "--json",
        *options,
    ]


def train(workspace, *options):
    result = subprocess.run(command(workspace, *options), capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return orjson.loads(result.stdout)


def make(folder, text=RECIPE):
    tiny.write_export(folder / "exports/colors")
    (folder / "micro.toml").write_text(text)
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    workspace = make(tmp_path_factory.mktemp("trained"))
    return workspace, train(workspace)


def test_the_record_says_what_was_done(trained):
    _, record = trained
    assert [stage["stage"] for stage in record["stages"]] == ["pretrain", "main"]
    assert record["held_out_languages"] == ["nl"]
    assert any("English names" in sentence for sentence in record["statements"])
    assert any("Held out: Dutch" in sentence for sentence in record["statements"])
    losses = [entry["loss"] for stage in record["stages"] for entry in stage["log"]]
    assert losses and all(loss > 0 for loss in losses)


def test_the_checkpoint_loads_and_its_card_states_what_it_has_seen(trained):
    workspace, _ = trained
    folder = workspace / "checkpoints/micro"
    _, info = LlavaNextForConditionalGeneration.from_pretrained(folder, output_loading_info=True)
    assert not any(info.values())
    card = (folder / "README.md").read_text()
    assert "license: apache-2.0" in card and "held-out ones" in card
    assert "learning rate 0.001, trains projector, language_model" in card
    assert not (workspace / "checkpoints/.micro.work").exists()


def test_the_loss_falls(trained):
    log = trained[1]["stages"][1]["log"]
    assert log[-1]["loss"] < 0.8 * tiny_initial_loss()


def tiny_initial_loss():
    """Guessing among 600 tokens."""
    return float(torch.log(torch.tensor(600.0)))


def test_a_second_call_does_nothing(trained):
    workspace, record = trained
    path = workspace / "checkpoints/micro/model.safetensors"
    before = path.stat().st_mtime_ns
    assert train(workspace)["weights_sha256"] == record["weights_sha256"]
    assert path.stat().st_mtime_ns == before


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(trained, tmp_path):
    _, record = trained
    workspace = make(tmp_path)
    assert train(workspace)["weights_sha256"] == record["weights_sha256"]
    assert train(workspace, "--seed", "1", "--overwrite")["weights_sha256"] != record["weights_sha256"]


def kill_at(workspace, wanted):
    """Start a training, and kill it as soon as a checkpoint is complete. True if it was killed."""
    return kill_when(command(workspace), workspace / "checkpoints/.micro.work" / wanted / "complete")


def test_killed_at_any_step_it_goes_on_to_the_same_bits(trained, tmp_path):
    """Batches come from workers, and the 50 questions of the data come round every other step."""
    _, record = trained
    workspace = make(tmp_path, "num_workers = 2\n" + RECIPE)
    # Kill once within each stage, after its first checkpoint is complete, and once more right after a later one.
    wanted = ("0-pretrain/checkpoint-4", "0-pretrain/checkpoint-8", "1-main/checkpoint-4", "1-main/checkpoint-12")
    assert sum(kill_at(workspace, name) for name in wanted) >= 3
    result = train(workspace)
    assert result["weights_sha256"] == record["weights_sha256"]
    assert told(result) == told(record)
    assert any(stage["resumed_from"] for stage in result["stages"])


def test_a_checkpoint_that_was_cut_off_is_not_gone_on_from(trained, tmp_path):
    _, record = trained
    workspace = make(tmp_path)
    assert kill_at(workspace, "1-main/checkpoint-8")
    folder = workspace / "checkpoints/.micro.work/1-main"
    assert len(list(folder.glob("checkpoint-*/complete"))) <= 2, "older ones are removed"
    newest = max(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    (newest / "complete").unlink(missing_ok=True)
    (newest / "weights.safetensors").write_bytes(b"cut off")
    assert train(workspace)["weights_sha256"] == record["weights_sha256"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ("learning_rate = 1e-3\nwarmup", "learning_rate = 2e-3\nwarmup"),
            "stages[0].optimizer.learning_rate was 0.001, now is 0.002",
        ),
        (("seed", "seed"), "seed was 0, now is 1"),
    ],
)
def test_another_recipe_does_not_go_on(tmp_path, change, said):
    workspace = make(tmp_path)
    assert kill_at(workspace, "0-pretrain/checkpoint-4")
    (workspace / "micro.toml").write_text(RECIPE.replace(*change))
    options = ("--seed", "1") if change[0] == "seed" else ()
    result = subprocess.run(command(workspace, *options), capture_output=True, text=True)
    assert result.returncode == 1
    assert said in result.stderr and "--restart" in result.stderr and "Traceback" not in result.stderr
    assert train(workspace, "--restart", *options)["stages"]


def test_the_frozen_vision_tower_is_not_touched(tmp_path):
    """The vision tower after both stages is the vision tower after the first."""
    workspace = make(tmp_path)
    train(workspace)
    both = load_file(workspace / "checkpoints/micro/model.safetensors")
    text = RECIPE[: RECIPE.rindex("[[stages]]")].replace('"micro"', '"first"')
    (workspace / "micro.toml").write_text(text)
    train(workspace)
    first = load_file(workspace / "checkpoints/first/model.safetensors")
    for name, value in first.items():
        same = torch.equal(value, both[name])
        assert same == name.startswith("vision_tower."), name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('size = "tiny"', 'size = "tini"'), "Unknown model size 'tini'. Did you mean tiny"),
        (("learning_rate", "learning_rat"), "Did you mean learning_rate"),
        (('"en", "de"', '"en", "nl"'), "held-out language nl"),
        (("exports/colors", "exports/colors"), "No complete export at"),
        (('objective = "contrastive"', 'objective = "contrast"'), "stages.0.objective"),
        (("learning_rate = 1e-3", "learning_rate = 1e30"), "The loss is"),
    ],
)
def test_what_cannot_be_trained_is_one_line(tmp_path, change, message):
    workspace = make(tmp_path, RECIPE.replace(*change))
    result = subprocess.run(command(workspace), capture_output=True, text=True)
    assert result.returncode == 1, result.stderr
    assert message in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr
    assert not (workspace / "checkpoints/micro").exists()
