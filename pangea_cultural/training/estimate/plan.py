"""The fastest memory settings of a stage for devices of a stated memory, by the estimates of the dry run."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pangea_cultural.model.attention.masks import row_multiple
from pangea_cultural.training.estimate.flops import flops
from pangea_cultural.training.estimate.hours import Devices, hours
from pangea_cultural.training.estimate.layout import StageEstimate, StageEstimator
from pangea_cultural.training.estimate.memory import memory
from pangea_cultural.training.estimate.stage_model import StageModel
from pangea_cultural.training.estimate.workload import StepShape
from pangea_cultural.training.recipe import Memory
from pangea_cultural.training.setup.base_model import planned_attention

CLOSE = 1.01
"""Hours over the fastest plan's at which more rows are preferred: fixed costs of a micro-batch are not counted."""


@dataclass(frozen=True)
class Plan:
    """Memory settings of a stage, with their estimates.

    Args:
        model: the model in the stage with these settings.
        memory_bytes: peak bytes on a device.
        hours: hours of the stage.
    """

    model: StageModel
    memory_bytes: int
    hours: float

    def as_record(self) -> dict[str, Any]:
        """Return the plan for the result. It has the settings as in the recipe; None for a default."""
        return {**self.model.stage.memory.model_dump(), "memory_bytes": self.memory_bytes, "hours": self.hours}


def plan(
    model: StageModel, estimator: StageEstimator, given: StageEstimate, devices: Devices, available: float
) -> dict[str, Any]:
    """Choose rows per forward pass and recomputed layers of a stage.

    For each number of rows the fewest recomputed layers that fit are the fastest. Rows are tried until all rows of a
    step are in one micro-batch, or until they do not fit.

    Args:
        model: the model in the stage as the recipe has it.
        estimator: lays out the stage.
        given: the estimate of the stage as the recipe has it.
        devices: the devices.
        available: bytes of a device that the plan may use.

    Returns:
        `chosen`, the fastest plan; None if none fits. `least_bytes`, the least that the stage needs on a device.
    """
    plans: list[Plan] = []
    least = 0
    recipe = model.recipe
    multiple = row_multiple(planned_attention(recipe.model), recipe.context_size(devices.count))
    for rows in _row_numbers():
        candidate = _with(model, Memory(per_device_batch_size=rows))
        estimate = given
        if rows != model.stage.memory.per_device_batch_size:
            estimate = estimator.estimate(candidate.stage, partial(flops, candidate))
        fitting, needed = _fewest_recomputed(candidate, _largest_step(candidate, estimate, multiple), available)
        least = least or needed
        if fitting is None:
            break
        plans.append(Plan(fitting, needed, hours(fitting, estimate, devices)["hours"]))
        if estimate.step.micro_batches == 1:
            break
    fastest = min((one.hours for one in plans), default=0.0)
    close = [one for one in plans if one.hours <= CLOSE * fastest]
    return {"chosen": close[-1].as_record() if close else None, "least_bytes": least}


def _row_numbers() -> Iterator[int]:
    """Yield 1, 2, 3, 4, 6, 8, 12, 16 and so on."""
    yield 1
    power = 2
    while True:
        yield from (power, power * 3 // 2)
        power *= 2


def _with(model: StageModel, settings: Memory) -> StageModel:
    return replace(model, stage=model.stage.model_copy(update={"memory": settings}))


def _largest_step(model: StageModel, estimate: StageEstimate, multiple: int) -> StepShape:
    """Return the shape of the largest step. If not all were laid out, another one may have full rows."""
    largest, batch = estimate.step.largest, model.stage.batch
    length = -(-batch.max_length // multiple) * multiple
    if estimate.sampled_steps == estimate.steps or model.stage.objective == "contrastive" or batch.packing == "rows":
        return estimate.step
    return replace(estimate.step, largest=replace(largest, length=length))


def _fewest_recomputed(model: StageModel, step: StepShape, available: float) -> tuple[StageModel | None, int]:
    """Return the model with the fewest recomputed layers that fit, or None, and the bytes of the last one tried."""
    settings = [_with(model, one) for one in _recomputations(model)]
    low, high = 0, len(settings) - 1
    least = memory(settings[high], step)["total"]
    if least > available:
        return None, least
    while low < high:
        middle = (low + high) // 2
        needed = memory(settings[middle], step)["total"]
        if needed > available:
            low = middle + 1
        else:
            high, least = middle, needed
    return settings[high], least


def _recomputations(model: StageModel) -> Iterator[Memory]:
    """Yield memory settings with ever more recomputed layers.

    The last layer is not among them: it would recompute its activations at once, when all others are saved as well.
    """
    config, stage = model.model.config, model.stage
    part = config.vision_config if stage.objective == "contrastive" else config.text_config
    rows = stage.memory.per_device_batch_size
    yield Memory(per_device_batch_size=rows)
    is_tower_beside = stage.objective == "sft" and "vision_tower" in stage.trainable
    for number in range(0 if is_tower_beside else 1, part.num_hidden_layers):
        yield Memory(per_device_batch_size=rows, gradient_checkpointing=True, gradient_checkpointing_layers=number)
