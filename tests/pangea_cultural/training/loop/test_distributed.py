"""Several processes under torchrun: the same losses as one, and the same bits after a kill."""

import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from pangea_cultural.utils.files import read_json, write_json
from tests.helpers import tiny
from tests.helpers.killing import kill_when, told

RECIPE = """
name = "micro"
num_threads = 1
languages = ["en", "de"]
parallelism = "ddp"
[model]
size = "tiny"
vocab_size = 600
[[sources]]
type = "export"
path = "exports/colors"
weight = 0.8
[[sources]]
type = "chat"
path = "chat.json"
weight = 0.2
[validation]
path = "exports/colors"
questions_per_language = 5
steps = 3
answers = 2
max_new_tokens = 4
[[stages]]
name = "main"
trainable = ["projector", "language_model"]
steps = 6
[stages.optimizer]
learning_rate = 1e-3
[stages.batch]
global_batch_size = 20
max_length = 300
[stages.memory]
per_device_batch_size = 2
[stages.checkpoint]
logging_steps = 1
save_steps = 3
"""
TALK = [
    {"id": str(n), "conversations": [{"from": "human", "value": f"{n}?"}, {"from": "gpt", "value": str(n)}]}
    for n in range(9)
]


def make(folder, recipe=RECIPE, parallelism="ddp"):
    tiny.write_export(folder / "exports/colors")
    write_json(folder / "chat.json", TALK)
    (folder / "micro.toml").write_text(recipe.replace('parallelism = "ddp"', f'parallelism = "{parallelism}"'))
    return folder


def command(workspace, processes):
    many = ["-m", "torch.distributed.run", "--nproc_per_node", str(processes), "--master_port", "0", "--standalone"]
    program = ["-m", "pangea_cultural", "train", str(workspace / "micro.toml"), "--workspace", str(workspace)]
    return [sys.executable, *(many if processes > 1 else []), *program]


def train(workspace, processes):
    done = subprocess.run(command(workspace, processes), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return read_json(workspace / "checkpoints/micro/training.json")


def losses(record):
    stage = record["stages"][0]
    return [entry["loss"] for entry in stage["log"]], [entry["by_language"] for entry in stage["validation"]]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return losses(train(make(tmp_path_factory.mktemp("alone")), 1))


@pytest.fixture(scope="module", params=["ddp", "fsdp"])
def together(request, tmp_path_factory):
    """DDP and FSDP2."""
    return request.param, train(make(tmp_path_factory.mktemp(request.param), parallelism=request.param), 2)


def test_two_processes_have_the_losses_of_one(alone, together):
    """Some rows have no image, and some steps have fewer rows than processes want."""
    trained, validated = losses(together[1])
    assert trained == pytest.approx(alone[0], rel=1e-4)
    for entry, expected in zip(validated, alone[1], strict=True):
        assert entry == pytest.approx(expected, rel=1e-4)


def test_validation_asks_held_out_languages_too(alone):
    assert set(alone[1][0]) == {"de", "en", "nl"}
    assert len(alone[1]) == 2


def test_a_vision_tower_can_learn_on_several_processes(tmp_path):
    """DDP waits for every parameter's gradient; texts without an image and the tower's last layer have none."""
    recipe = RECIPE.replace('trainable = ["projector"', 'trainable = ["vision_tower", "projector"')
    trained = [losses(train(make(tmp_path / str(n), recipe), n))[0] for n in (1, 2)]
    assert trained[0] == pytest.approx(trained[1], rel=1e-4)


def test_stages_that_are_sharded_keep_what_earlier_ones_learnt(tmp_path):
    head, stage = RECIPE.split("[[stages]]")
    first = stage.replace("main", "first").replace(', "language_model"]', "]").replace("steps = 6", "steps = 2")
    second = stage.replace('"projector", ', "").replace("steps = 6", "steps = 2")
    recipe = "[[stages]]".join((head, first, second))
    weights = []
    for name, processes in (("ddp", 1), ("fsdp", 2)):
        train(make(tmp_path / name, recipe, parallelism=name), processes)
        weights.append(load_file(tmp_path / name / "checkpoints/micro/model.safetensors"))
    for name, value in weights[0].items():
        assert torch.allclose(value, weights[1][name], atol=1e-4), name


def test_sharded_in_bfloat16_has_the_losses_of_one_process_in_bfloat16(tmp_path):
    """A start in bfloat16 whose projector learns in float32: shards of both kinds in one group."""
    recipe = RECIPE.replace("vocab_size", 'dtype = "bfloat16"\nvocab_size').replace(', "language_model"]', "]")
    alone, sharded = (
        losses(train(make(tmp_path / name, recipe, parallelism=name), n))[0] for name, n in (("ddp", 1), ("fsdp", 2))
    )
    assert alone == pytest.approx(sharded, rel=2e-3)
    assert alone != pytest.approx(sharded, rel=1e-7), "sums in bfloat16 depend on their order: was it on?"


def kill_at(workspace, wanted):
    """Start a training on two processes and kill all of them as soon as a checkpoint is complete."""
    complete = workspace / "checkpoints/.micro.work" / wanted / "complete"
    assert kill_when(command(workspace, 2), complete), "it ended before it could be killed"


def test_killed_on_two_processes_it_goes_on_to_the_same_bits(together, tmp_path):
    parallelism, expected = together
    workspace = make(tmp_path, parallelism=parallelism)
    kill_at(workspace, "0-main/checkpoint-3")
    found = train(workspace, 2)
    assert found["stages"][0]["resumed_from"] == "checkpoint-3"
    assert found["weights_sha256"] == expected["weights_sha256"]
    assert told(found) == told(expected)
