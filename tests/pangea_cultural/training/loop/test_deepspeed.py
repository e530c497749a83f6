"""Two processes with DeepSpeed: the losses of one process, and the same bits after a kill.

DeepSpeed is no dependency of ours; where it is not installed this is passed over (the README has the command).
"""

import pytest

from pangea_cultural.utils.files import write_json
from tests.pangea_cultural.training.loop.test_distributed import RECIPE, kill_at, losses, make, train

pytest.importorskip("deepspeed")


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return losses(train(make(tmp_path_factory.mktemp("alone")), 1))


def sharded(folder, stage):
    recipe = RECIPE.replace('parallelism = "ddp"', 'deepspeed = "deepspeed.json"')
    zero = {"stage": stage, "stage3_gather_16bit_weights_on_model_save": True}
    auto = ("train_batch_size", "train_micro_batch_size_per_gpu", "gradient_accumulation_steps", "gradient_clipping")
    make(folder, recipe)
    write_json(folder / "deepspeed.json", {"zero_optimization": zero, **dict.fromkeys(auto, "auto")})
    return folder


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_deepspeed_has_the_losses_of_one_process_also_after_a_kill(alone, tmp_path, stage):
    whole = train(sharded(tmp_path / "whole", stage), 2)
    trained, validated = losses(whole)
    assert trained == pytest.approx(alone[0], rel=1e-4)
    for entry, expected in zip(validated, alone[1], strict=True):
        assert entry == pytest.approx(expected, rel=1e-4)
    killed = sharded(tmp_path / "killed", stage)
    kill_at(killed, "0-main/checkpoint-3")
    found = train(killed, 2)
    assert found["stages"][0]["resumed_from"] == "checkpoint-3"
    assert found["weights_sha256"] == whole["weights_sha256"]
