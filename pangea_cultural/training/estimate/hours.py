"""Hours of a stage: computing on the slowest device, and communication between the devices."""

from dataclasses import dataclass
from typing import Any

from pangea_cultural.model.config import head_size
from pangea_cultural.training.estimate.flops import flops, optimizer_flops
from pangea_cultural.training.estimate.layout import StageEstimate
from pangea_cultural.training.estimate.stage_model import StageModel
from pangea_cultural.training.estimate.workload import Workload
from pangea_cultural.training.setup.optimizers import weight_bytes

DEFAULT_TFLOPS = 350.0
"""TFLOP/s that an H100 sustains in bfloat16, approximately."""
DEFAULT_GB_PER_S = 300.0
"""GB/s that a device receives from the others, as H100s with NVLink and a network card of 400 Gbit/s each.

NCCL's rings use all cards of a node, and data that all its devices need enters the node once. So the rate is that of
the node's cards together, less a quarter. A node with a single card has an eighth of it.
"""
MEMORY_MARGIN = 0.1
"""Share of a device's memory that a plan leaves free, for CUDA, NCCL and fragmentation."""


@dataclass(frozen=True)
class Devices:
    """Devices of the planned training.

    Args:
        count: number of devices that train together.
        tflops: sustained TFLOP/s of one device; None for the default.
        bandwidth: GB/s that a device receives from the others; None for the default.
        memory: GB of one device; None if it is not stated.
    """

    count: int = 1
    tflops: float | None = None
    bandwidth: float | None = None
    memory: float | None = None

    def as_record(self) -> dict[str, Any]:
        """Return the devices for the result."""
        return {
            "count": self.count,
            "tflops": self.tflops or DEFAULT_TFLOPS,
            "tflops_basis": "default" if self.tflops is None else "given",
            "gb_per_s": self.bandwidth or DEFAULT_GB_PER_S,
            "gb_per_s_basis": "default" if self.bandwidth is None else "given",
            "memory_gb": self.memory,
        }

    @property
    def usable_gb(self) -> float:
        """GB of one device that a plan may use; 0 if its memory is not stated."""
        return (1 - MEMORY_MARGIN) * (self.memory or 0.0)

    @property
    def bytes_per_second(self) -> float:
        """Bytes that a device receives from the others in a second."""
        return (self.bandwidth or DEFAULT_GB_PER_S) * 1e9

    @property
    def flops_per_second(self) -> float:
        """Floating-point operations per second of one device."""
        return (self.tflops or DEFAULT_TFLOPS) * 1e12


def hours(model: StageModel, estimate: StageEstimate, devices: Devices) -> dict[str, float]:
    """Return the hours of a stage.

    Returns:
        `even_hours`, computing without waiting and without prefixes that are repeated to balance the devices;
        `computing_hours`, on the slowest device; `communication_hours`; `hours`, the sum of the last two. Overlapping
        both saves at most the smaller one.
    """
    scale = estimate.questions / estimate.sampled.questions
    updating = estimate.steps * optimizer_flops(model)
    even = scale * flops(model, estimate.work.even) / devices.count + updating
    slowest = scale * flops(model, estimate.work.slowest) + updating
    computing = slowest / devices.flops_per_second / 3600
    micro_batches = scale * estimate.work.micro_batches
    sent = communication_bytes(model, devices.count, steps=estimate.steps, micro_batches=micro_batches)
    sent += scale * divided_row_bytes(model, devices.count, estimate.work.slowest)
    communicating = sent / devices.bytes_per_second / 3600
    return {
        "even_hours": even / devices.flops_per_second / 3600,
        "computing_hours": computing,
        "communication_hours": communicating,
        "hours": computing + communicating,
    }


def communication_bytes(model: StageModel, devices: int, *, steps: int, micro_batches: float) -> float:
    """Return the bytes that a device receives from the others.

    FSDP2 gathers all weights in bfloat16 for each forward pass and again for the backward pass, and scatters the sums
    of gradients in float32. DDP sums gradients in the dtype of trainable weights once a step, which takes two passes.
    """
    trainable, frozen = model.total
    share = (devices - 1) / devices
    if model.recipe.parallelism == "fsdp":
        return share * micro_batches * (2 * 2 * (trainable + frozen) + 4 * trainable)
    return share * steps * 2 * weight_bytes(model.stage.optimizer) * trainable


def divided_row_bytes(model: StageModel, devices: int, work: Workload) -> float:
    """Return the bytes that a device receives from those that divide rows with it.

    Each layer gathers keys and values in bfloat16, in the forward pass and when it is recomputed, and scatters their
    gradients in float32. The features of images are gathered and scattered once.

    Args:
        model: the model in its stage.
        devices: devices that train together.
        work: work of the device.
    """
    others = model.recipe.context_size(devices) - 1
    if not others or model.stage.objective != "sft":
        return 0.0
    text = model.model.config.text_config
    layers = text.num_hidden_layers
    passes = 2 * (layers + model.stage.memory.recomputed_layers(layers)) + 4 * layers
    per_token = 2 * text.num_key_value_heads * head_size(text) * passes
    return others * (work.tokens * per_token + work.image_tokens * text.hidden_size * (2 + 4))
