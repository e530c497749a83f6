"""Memory settings that the dry run chooses for devices of a stated memory."""

import pytest

from pangea_cultural.training.estimate import plan as plans
from pangea_cultural.training.estimate.hours import Devices
from pangea_cultural.training.estimate.layout import StageEstimate
from pangea_cultural.training.estimate.memory import memory
from pangea_cultural.training.estimate.workload import DeviceWork, MicroBatchShape, StepShape, Workload

LAYERS, ROWS, LENGTH, STEPS = 3, 4, 2000, 10
"""Layers of the tiny model, and rows of each step on a device, with their tokens."""


def estimate_of(stage, devices):
    """Return an estimate of steps with equal rows."""
    rows = min(stage.memory.per_device_batch_size, ROWS)
    number = -(-ROWS // rows)
    work = Workload(STEPS * ROWS, STEPS * ROWS, tokens=STEPS * ROWS * LENGTH, targets=STEPS * 100, tiles=STEPS * ROWS)
    step = StepShape(MicroBatchShape(rows, LENGTH, 100, rows), number, devices)
    done = DeviceWork(work, work, STEPS * number)
    return StageEstimate(STEPS, STEPS * ROWS, STEPS, work, step, done, [])


class Estimator:
    def __init__(self, devices):
        self._devices = devices

    def estimate(self, stage, _cost):
        return estimate_of(stage, self._devices)


def chosen(model, available, *, devices=2, **speed):
    """Return the rows and the recomputed layers of the plan for some bytes; None if none fits."""
    given = estimate_of(model.stage, devices)
    found = plans.plan(model, Estimator(devices), given, Devices(devices, **speed), available)["chosen"]
    return found and (found["per_device_batch_size"], found["gradient_checkpointing_layers"] or 0)


def needed(model, rows, layers, *, devices=2):
    settings = {"per_device_batch_size": rows, "gradient_checkpointing": layers > 0}
    stage = model.stage.model_copy(
        update={"memory": plans.Memory(**settings, gradient_checkpointing_layers=layers or None)}
    )
    candidate = plans.replace(model, stage=stage)
    return memory(candidate, estimate_of(stage, devices).step)["total"]


def test_enough_memory_takes_all_rows_at_once_and_recomputes_nothing(stage_model):
    assert chosen(stage_model(parallelism="fsdp"), 1e12) == (ROWS, 0)


@pytest.mark.parametrize("layers", [1, 2])
def test_as_few_layers_as_fit_are_recomputed(stage_model, layers):
    model = stage_model(parallelism="fsdp")
    assert chosen(model, needed(model, 1, layers)) == (1, layers)
    assert chosen(model, needed(model, 1, layers) - 1) != (1, layers)


def test_more_rows_are_taken_only_where_they_save_more_than_their_recomputation_costs(stage_model):
    """Two rows at once need recomputation. They save gathers, which take long where the bandwidth is low."""
    model = stage_model(parallelism="fsdp")
    available = needed(model, 1, 0)
    assert needed(model, 2, 2) <= available < min(needed(model, 2, 1), needed(model, 3, 2))
    assert chosen(model, available, tflops=1e-3) == (1, 0)
    assert chosen(model, available, bandwidth=1e-3) == (2, 2)


def test_vision_tower_in_a_contrastive_stage_is_planned(stage_model):
    model = stage_model(objective="contrastive", trainable=["vision_tower"])
    enough = needed(model, 4, 0, devices=1)
    assert chosen(model, enough, devices=1) == (4, 0)
    assert chosen(model, needed(model, 1, 3, devices=1), devices=1) == (1, 3)
    assert chosen(model, 1e6, devices=1) is None
