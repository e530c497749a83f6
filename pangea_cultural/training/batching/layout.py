"""The layout of a step: micro-batches of rows for each device."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pangea_cultural.model.config import head_size
from pangea_cultural.training.batching.balance import Devices, balanced_batches
from pangea_cultural.training.batching.mixture import QuestionChunk
from pangea_cultural.training.batching.packing import Lengths, PackedRow, Packing, distribute, pack_rows


@dataclass(frozen=True)
class BatchLayout:
    """The rows of a step, and their distribution to devices.

    Args:
        packing: packing method.
        max_length: tokens per row.
        devices: the devices; one for each process, or for each group of processes that divide rows.
        context: processes in such a group.
    """

    packing: Packing
    max_length: int
    devices: Devices
    context: int = 1

    def batches(self, chunks: Sequence[QuestionChunk], lengths: Sequence[Lengths]) -> list[list[list[PackedRow]]]:
        """Return the micro-batches of each device, equally many. Some may be empty.

        The rows of one device are as full as possible.
        """
        if self.devices.count > 1 and self.packing == "shared":
            return balanced_batches(chunks, lengths, max_length=self.max_length, devices=self.devices)
        rows = pack_rows(chunks, lengths, packing=self.packing, max_length=self.max_length)
        return distribute(rows, processes=self.devices.count, per_device_batch_size=self.devices.rows)


def pair_work(config: Any) -> float:
    """Return the work of a pair of positions of which one attends to the other, as a share of a token's.

    A token is multiplied with the weights of a layer. A pair takes two products of the size of all heads.

    Args:
        config: configuration of the language model.
    """
    heads, hidden, channels = config.num_attention_heads, config.hidden_size, head_size(config)
    attention = 2 * hidden * channels * (heads + config.num_key_value_heads)
    return 2 * heads * channels / (attention + 3 * hidden * config.intermediate_size)
