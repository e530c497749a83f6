"""Amounts of training data: of a stage, a micro-batch and a step."""

from dataclasses import dataclass
from typing import Any, Self


class Amounts:
    """Amounts that are added field by field: a frozen data class of numbers."""

    def __add__(self, other: Self) -> Self:
        return type(self)(*(a + b for a, b in zip(_amounts(self), _amounts(other), strict=True)))


@dataclass(frozen=True)
class Workload(Amounts):
    """Amounts of data in some rows.

    Args:
        rows: packed rows.
        questions: questions in the rows.
        images: images shown.
        tokens: tokens of images and text.
        image_tokens: tokens of images.
        unshared_tokens: tokens of images and text if no two questions shared an image.
        unshared_image_tokens: tokens of images if no two questions shared an image.
        targets: predicted tokens.
        attention_pairs: pairs of positions of which one attends to the other.
        tiles: image tiles.
    """

    rows: int = 0
    questions: int = 0
    images: int = 0
    tokens: int = 0
    image_tokens: int = 0
    unshared_tokens: int = 0
    unshared_image_tokens: int = 0
    targets: int = 0
    attention_pairs: int = 0
    tiles: int = 0

    def scaled_to(self, questions: int) -> "Workload":
        """Return the workload of `questions` questions of the same kind."""
        return Workload(*(round(amount * questions / self.questions) for amount in _amounts(self)))

    def share(self, parts: int) -> "Workload":
        """Return the workload of the busiest of several devices that divide the rows between them."""
        return Workload(*(-(-amount // parts) for amount in _amounts(self)))


@dataclass(frozen=True)
class MicroBatchShape:
    """Shape of a micro-batch.

    Args:
        rows: number of rows.
        length: tokens of the longest row, to which the others are padded; of divided rows those of one device.
        targets: predicted tokens.
        tiles: image tiles.
        parts: devices that divide each row.
        keys: positions of the longest group, which a device can see before its own; 0 of undivided rows.
    """

    rows: int
    length: int
    targets: int
    tiles: int
    parts: int = 1
    keys: int = 0

    @property
    def tokens(self) -> int:
        """Tokens, padding included."""
        return self.rows * self.length


@dataclass(frozen=True)
class StepShape:
    """Shape of an optimizer step on one device.

    Args:
        largest: the micro-batch with the most tokens.
        micro_batches: number of micro-batches.
        devices: number of devices that train together.
    """

    largest: MicroBatchShape
    micro_batches: int
    devices: int


@dataclass(frozen=True)
class DeviceWork(Amounts):
    """Work on the devices in some steps.

    Args:
        slowest: work of the slowest device of each micro-batch, padding included, summed.
        even: work of all devices, without padding and without prefixes that are repeated to balance them.
        micro_batches: micro-batches of a device.
        idle_devices: devices without a row, summed over the steps.
        images: images, and conversations without one, of all devices.
    """

    slowest: Workload = Workload()
    even: Workload = Workload()
    micro_batches: int = 0
    idle_devices: int = 0
    images: int = 0


def _amounts(work: Amounts) -> tuple[Any, ...]:
    """Return the values of the fields. `dataclasses.astuple` would copy them, which takes ten times as long."""
    return tuple(vars(work).values())
