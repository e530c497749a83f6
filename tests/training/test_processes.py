"""Several processes under torchrun: the same losses as one."""

import subprocess
import sys

import orjson
import pytest

from pangea_cultural.files import write_json
from tests import tiny

RECIPE = """
name = "micro"
threads = 1
languages = ["en", "de"]
sharding = "none"
[model]
size = "tiny"
vocabulary = 600
[[sources]]
kind = "export"
path = "exports/colours"
weight = 0.8
[[sources]]
kind = "chat"
path = "chat.json"
weight = 0.2
[validation]
path = "exports/colours"
questions_per_language = 5
steps = 3
answers = 2
max_new_tokens = 4
[[stages]]
name = "main"
train = ["connector", "language_model"]
steps = 6
batch_questions = 20
per_device_rows = 2
max_length = 300
learning_rate = 1e-3
log_steps = 1
save_steps = 3
"""
TALK = [
    {"id": str(n), "conversations": [{"from": "human", "value": f"{n}?"}, {"from": "gpt", "value": str(n)}]}
    for n in range(9)
]


def make(folder, sharding="none"):
    tiny.write_export(folder / "exports/colours")
    write_json(folder / "chat.json", TALK)
    (folder / "micro.toml").write_text(RECIPE.replace('sharding = "none"', f'sharding = "{sharding}"'))
    return folder


def train(workspace, processes):
    many = ["-m", "torch.distributed.run", "--nproc_per_node", str(processes), "--master_port", "0", "--standalone"]
    program = ["-m", "pangea_cultural", "train", str(workspace / "micro.toml"), "--workspace", str(workspace), "--json"]
    command = [sys.executable, *(many if processes > 1 else []), *program]
    return subprocess.run(command, capture_output=True, text=True)


def losses(done):
    assert done.returncode == 0, done.stderr[-3000:]
    stage = orjson.loads(done.stdout)["stages"][0]
    return [entry["loss"] for entry in stage["log"]], [entry["by_language"] for entry in stage["validation"]]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return losses(train(make(tmp_path_factory.mktemp("alone")), 1))


@pytest.mark.parametrize("sharding", ["none", "full"])
def test_two_processes_have_the_losses_of_one(alone, tmp_path, sharding):
    """DDP and FSDP2; some rows have no picture, and some steps have fewer rows than processes want."""
    trained, validated = losses(train(make(tmp_path, sharding), 2))
    assert trained == pytest.approx(alone[0], rel=1e-4)
    for entry, expected in zip(validated, alone[1], strict=True):
        assert entry == pytest.approx(expected, rel=1e-4)


def test_validation_asks_held_out_languages_too(alone):
    assert set(alone[1][0]) == {"de", "en", "nl"}
    assert len(alone[1]) == 2
