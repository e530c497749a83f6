"""Two processes with DeepSpeed: losses as in one process, and exact resume.

DeepSpeed is not a dependency. Without it these tests are skipped; the README has the command.
"""

import pytest

from pangea_cultural.utils.files import write_json
from tests.pangea_cultural.training.loop.test_distributed import BEST, RECIPE, kill_at, losses, train, write_workspace

pytest.importorskip("deepspeed")


@pytest.fixture(scope="module")
def one_process(tmp_path_factory):
    return losses(train(write_workspace(tmp_path_factory.mktemp("alone")), 1))


@pytest.fixture(scope="module")
def best_of_one_process(tmp_path_factory):
    return train(write_workspace(tmp_path_factory.mktemp("best"), BEST), 1)


def sharded(folder, stage, recipe=RECIPE):
    zero = {"stage": stage, "stage3_gather_16bit_weights_on_model_save": True}
    auto = ("train_batch_size", "train_micro_batch_size_per_gpu", "gradient_accumulation_steps", "gradient_clipping")
    write_workspace(folder, recipe.replace('parallelism = "ddp"', 'deepspeed = "deepspeed.json"'))
    write_json(folder / "deepspeed.json", {"zero_optimization": zero, **dict.fromkeys(auto, "auto")})
    return folder


@pytest.mark.parametrize(("stage", "context"), [(1, 1), (2, 1), (3, 1), (3, 2)])
def test_deepspeed_has_the_losses_of_one_process_and_resumes_to_the_same_bits(one_process, tmp_path, stage, context):
    recipe = RECIPE.replace("parallelism", f"context_parallel_size = {context}\nparallelism")
    uninterrupted = train(sharded(tmp_path / "uninterrupted", stage, recipe), 2)
    trained, validated = losses(uninterrupted)
    assert trained == pytest.approx(one_process[0], rel=1e-4)
    for entry, expected in zip(validated, one_process[1], strict=True):
        assert entry == pytest.approx(expected, rel=1e-4)
    killed = sharded(tmp_path / "killed", stage, recipe)
    kill_at(killed, "0-main/checkpoint-3")
    resumed = train(killed, 2)
    assert resumed["stages"][0]["resumed_from"] == "checkpoint-3"
    assert resumed["weights_sha256"] == uninterrupted["weights_sha256"]


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_deepspeed_takes_the_best_weights_of_a_stage(best_of_one_process, tmp_path, stage):
    """The second stage changes nothing, so its first validation is that of the best step."""
    found = train(sharded(tmp_path / "whole", stage, BEST), 2)
    first, second = found["stages"]
    expected = best_of_one_process["stages"][0]
    assert losses(found)[0] == pytest.approx(losses(best_of_one_process)[0], rel=1e-4)
    assert first["best"] == expected["best"] | {"loss": pytest.approx(expected["best"]["loss"], rel=1e-4)}
    assert (first["steps"], first["planned_steps"], first["stopped_early"]) == tuple(
        expected[key] for key in ("steps", "planned_steps", "stopped_early")
    )
    assert second["validation"][0]["by_language"] == pytest.approx(first["validation"][1]["by_language"], rel=1e-4)
    killed = sharded(tmp_path / "killed", stage, BEST)
    kill_at(killed, "0-main/checkpoint-6")
    resumed = train(killed, 2)
    assert resumed["weights_sha256"] == found["weights_sha256"]
