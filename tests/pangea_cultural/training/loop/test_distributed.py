"""Several processes under torchrun: losses as in one process, and exact resume."""

import re
import shutil
import signal
import subprocess
import sys

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file

from pangea_cultural.cli import pcult
from pangea_cultural.training.loop.distributed import Processes
from pangea_cultural.utils.files import read_json, write_json
from tests.helpers import tiny
from tests.helpers.runs.forked import Run
from tests.helpers.short_training import log_without_times

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
RATE = 'learning_rate = 2e-2\nlr_scheduler = "constant"\nwarmup_steps = 0'
COMPARED = RECIPE.replace("steps = 3\nanswers", "steps = 2\nanswers").replace("steps = 6", "steps = 8")
CHOICE = """load_best_model_at_end = true
metric_for_best_model = "loss_held_out_languages"
early_stopping_patience = 1
[[stages]]"""
AFTER = (
    RECIPE.partition("[[stages]]")[2].replace("main", "after").replace("steps = 6", "steps = 1").replace("1e-3", "1e-9")
)
BEST = COMPARED.replace("learning_rate = 1e-3", RATE) + CHOICE + AFTER
"""The loss of Dutch is lowest after step 4, so the first stage ends after step 6. The second one changes nothing."""
CHAT = [
    {"id": str(n), "conversations": [{"from": "human", "value": f"{n}?"}, {"from": "gpt", "value": str(n)}]}
    for n in range(9)
]


def write_workspace(folder, recipe=RECIPE, parallelism="ddp"):
    tiny.write_export(folder / "exports/colors")
    write_json(folder / "chat.json", CHAT)
    (folder / "micro.toml").write_text(recipe.replace('parallelism = "ddp"', f'parallelism = "{parallelism}"'))
    return folder


def arguments(workspace):
    return ["train", str(workspace / "micro.toml"), "--workspace", str(workspace)]


def torchrun(workspace):
    """Train on two processes under torchrun."""
    launch = ["-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", "0", "--standalone"]
    command = [sys.executable, *launch, "-m", "pangea_cultural", *arguments(workspace)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    return record(workspace)


def record(workspace):
    return read_json(workspace / "checkpoints/micro/training.json")


def train(workspace, processes):
    """Train on several processes, or in this one if one is enough."""
    if processes > 1:
        result = Run(arguments(workspace), workspace, processes=processes).finish()
        assert result.returncode == 0, result.stderr[-3000:]
    else:
        threads = torch.get_num_threads()
        try:
            CliRunner().invoke(pcult, [*arguments(workspace), "--quiet"], catch_exceptions=False)
        finally:
            torch.set_num_threads(threads)
    return record(workspace)


def losses(record):
    stage = record["stages"][0]
    return [entry["loss"] for entry in stage["log"]], [entry["by_language"] for entry in stage["validation"]]


@pytest.fixture(scope="module")
def one_process(tmp_path_factory):
    return train(write_workspace(tmp_path_factory.mktemp("alone"), BEST), 1)


@pytest.fixture(scope="module", params=["ddp", "fsdp"])
def two_processes(request, tmp_path_factory):
    """DDP and FSDP2. Only one of them starts torchrun, whose processes take ten seconds each to import torch."""
    workspace = write_workspace(tmp_path_factory.mktemp(request.param), BEST, parallelism=request.param)
    return request.param, torchrun(workspace) if request.param == "ddp" else train(workspace, 2)


def test_two_processes_have_the_losses_of_one(one_process, two_processes):
    """Some rows have no image, and some steps have fewer rows than processes."""
    trained, validated = losses(two_processes[1])
    expected_trained, expected_validated = losses(one_process)
    assert trained == pytest.approx(expected_trained, rel=1e-4)
    for entry, expected in zip(validated, expected_validated, strict=True):
        assert entry == pytest.approx(expected, rel=1e-4)


def test_processes_end_the_stage_together_and_take_its_best_weights(one_process, two_processes):
    for found in (one_process, two_processes[1]):
        first, second = found["stages"]
        best = {"step": 4, "metric": "loss_held_out_languages", "is_taken": True, "loss": pytest.approx(2.42, rel=0.01)}
        assert (first["steps"], first["planned_steps"], first["best"]) == (6, 8, best)
        assert first["validation"][1]["by_language"]["nl"] == first["best"]["loss"]
        assert second["validation"][0]["by_language"] == pytest.approx(first["validation"][1]["by_language"], rel=1e-4)


def test_validation_includes_held_out_languages(one_process):
    assert set(losses(one_process)[1][0]) == {"de", "en", "nl"}


def test_vision_tower_trains_on_two_processes(tmp_path):
    """DDP needs every parameter's gradient. Rows without an image and the tower's last layer have none."""
    recipe = RECIPE.replace('trainable = ["projector"', 'trainable = ["vision_tower", "projector"')
    trained = [losses(train(write_workspace(tmp_path / str(n), recipe), n))[0] for n in (1, 2)]
    assert trained[0] == pytest.approx(trained[1], rel=1e-4)


def test_sharded_stage_keeps_the_weights_of_earlier_stages(tmp_path):
    head, stage = RECIPE.split("[[stages]]")
    first = stage.replace("main", "first").replace(', "language_model"]', "]").replace("steps = 6", "steps = 2")
    second = stage.replace('"projector", ', "").replace("steps = 6", "steps = 2")
    recipe = "[[stages]]".join((head, first, second))
    weights = []
    for name, processes in (("ddp", 1), ("fsdp", 2)):
        train(write_workspace(tmp_path / name, recipe, parallelism=name), processes)
        weights.append(load_file(tmp_path / name / "checkpoints/micro/model.safetensors"))
    for name, value in weights[0].items():
        assert torch.allclose(value, weights[1][name], atol=1e-4), name


DIVIDED = RECIPE.replace("parallelism", "context_parallel_size = 2\nparallelism")
UNREADABLE = """
import os, sys
from pangea_cultural.cli import main
from pangea_cultural.errors import ImageError
from pangea_cultural.training.batching import images
read = images.read_rgb
def failing(path):
    if os.environ["RANK"] == "1" and path.parent.name == "images":
        raise ImageError("no access", path)
    return read(path)
images.read_rgb = failing
main(sys.argv[1:])
"""


def test_processes_that_divide_rows_have_the_losses_of_one(tmp_path):
    """Two groups of two processes; all parts are trained, and all parameters are sharded over all."""
    recipe = DIVIDED.replace('trainable = ["projector"', 'trainable = ["vision_tower", "projector"')
    recipe = recipe.replace("steps = 6", "steps = 2")
    found, expected = (
        losses(train(write_workspace(tmp_path / name, recipe, parallelism=name), n))
        for name, n in (("fsdp", 4), ("ddp", 1))
    )
    assert found[0] == pytest.approx(expected[0], rel=1e-5)
    for entry, expected_entry in zip(found[1], expected[1], strict=True):
        assert entry == pytest.approx(expected_entry, rel=1e-5)


def test_stages_share_the_group_that_divides_rows(monkeypatch):
    monkeypatch.setattr(torch.distributed, "new_subgroups", lambda size, timeout: (object(), []))
    processes = Processes()
    assert processes.context_group(2) is processes.context_group(2)


def test_image_that_one_process_cannot_read_stops_those_that_divide_its_row(tmp_path):
    workspace = write_workspace(tmp_path, DIVIDED.replace("languages", "max_broken_image_ratio = 1\nlanguages"))
    ended = Run(arguments(workspace), workspace, processes=2, script=UNREADABLE).finish()
    assert ended.returncode == 1
    assert "Processes read different images in step 1. Check that each can read the files" in ended.stderr


def test_fsdp_in_bfloat16_has_the_losses_of_one_process(tmp_path):
    """A bfloat16 model with a float32 projector: one group has shards of both dtypes."""
    recipe = RECIPE.replace("vocab_size", 'dtype = "bfloat16"\nvocab_size').replace(', "language_model"]', "]")
    single, sharded = (
        losses(train(write_workspace(tmp_path / name, recipe, parallelism=name), n))[0]
        for name, n in (("ddp", 1), ("fsdp", 2))
    )
    assert single == pytest.approx(sharded, rel=2e-3)
    assert single != pytest.approx(sharded, rel=1e-7), "sums in bfloat16 depend on their order"


def kill_at(workspace, checkpoint):
    """Start two processes, and kill them as soon as a checkpoint is complete."""
    complete = workspace / "checkpoints/.micro.work" / checkpoint / "complete"
    run = Run(arguments(workspace), workspace, processes=2)
    assert run.kill_when(complete), "the run ended before the checkpoint was seen"


def stop_by(workspace, sign):
    """Start two processes, and send a signal to the second one after a step. Return how they ended."""
    log = workspace / "checkpoints/.micro.work/0-main/log.jsonl"
    run = Run(arguments(workspace), workspace, processes=2)
    run.wait_for(log, has_content=True)
    run.signal_last_process(sign)
    return run.finish()


@pytest.fixture
def interrupted(two_processes, tmp_path):
    """A run on two processes that was killed, or stopped by a signal to one of them after the same step."""
    parallelism, expected = two_processes
    workspace = write_workspace(tmp_path, BEST, parallelism=parallelism)
    if parallelism == "ddp":
        ended = stop_by(workspace, signal.SIGTERM)
        assert ended.returncode == 143
        assert ended.stderr.endswith("\nStopped by SIGTERM. Run the same command again to resume.\n")
    else:
        kill_at(workspace, "0-main/checkpoint-3")
    return workspace, expected, 1 if parallelism == "ddp" else 3


def test_resume_gives_the_same_bits_on_as_many_processes_and_the_losses_on_others(interrupted):
    workspace, expected, other_number = interrupted
    work = workspace / "checkpoints/.micro.work"
    shutil.copytree(work, workspace / "copy")
    other = train(workspace, other_number)
    assert losses(other)[0] == pytest.approx(losses(expected)[0], rel=1e-4)
    for entry, entry_expected in zip(losses(other)[1], losses(expected)[1], strict=True):
        assert entry == pytest.approx(entry_expected, rel=1e-4)
    shutil.rmtree(workspace / "checkpoints/micro")
    (workspace / "copy").rename(work)
    result = train(workspace, 2)
    assert re.fullmatch("checkpoint-[1-6]", result["stages"][0]["resumed_from"])
    assert result["stages"][0]["resumed_from"] == other["stages"][0]["resumed_from"]
    assert result["weights_sha256"] == expected["weights_sha256"]
    assert log_without_times(result) == log_without_times(expected)
    assert result["stages"][0]["best"] == expected["stages"][0]["best"]
