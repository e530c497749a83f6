"""The share of a process in a micro-batch whose rows are divided among several (see `attention/context_parallel`)."""

from typing import Any

import torch

from pangea_cultural.model.modeling import IGNORE_INDEX


def divide(batch: dict[str, Any], part: int, parts: int, pair_work: float) -> dict[str, Any]:
    """Return a micro-batch with the targets and image tiles of one of several processes.

    Each process needs all tokens. The processes work equally long: tokens, and pairs of positions of which one attends
    to the other. A process has at least one position. Tiles are divided evenly, with empty ones at the end.

    Args:
        batch: micro-batch of `Collator` for divided rows.
        part: index of the process.
        parts: number of processes.
        pair_work: work of a pair of positions, in tokens (see `layout.pair_work`).

    Returns:
        The micro-batch, with `division`: the first fields of `Share`.
    """
    bounds = _bounds(batch, parts, pair_work)
    start, stop = bounds[part : part + 2]
    groups = batch["segments"][:, 0]
    first_key = int((groups == groups[:, start, None]).any(0).nonzero()[0])
    pixels = batch.get("pixel_values")
    tiles = 0 if pixels is None else len(pixels)
    return {
        **batch,
        **_own_targets(batch, start, stop),
        **({} if pixels is None else {"pixel_values": _own_tiles(pixels, part, parts)}),
        "division": {"bounds": bounds, "first_key": first_key, "tiles": tiles},
    }


def _own_targets(batch: dict[str, Any], start: int, stop: int) -> dict[str, Any]:
    """Return labels, keys and normalizer of the targets of some positions."""
    labels, weights = batch["labels"][:, 1:], batch["weights"][:, 1:]
    # A position predicts the token after it.
    positions = torch.arange(labels.shape[1])
    is_own = ((positions >= start) & (positions < stop)).expand_as(labels)
    is_target = labels != IGNORE_INDEX
    own_labels = batch["labels"].clone()
    own_labels[:, 1:][~is_own] = IGNORE_INDEX
    return {
        "labels": own_labels,
        "keys": batch["keys"][is_own[is_target]],
        "normalizer": float(weights[is_own & is_target].double().sum()),
    }


def _own_tiles(tiles: torch.Tensor, part: int, parts: int) -> torch.Tensor:
    """Return the tiles of a process, as a copy: a slice would be sent to the training process with all others."""
    number = -(-len(tiles) // parts)
    own = tiles.new_zeros(number, *tiles.shape[1:])
    found = tiles[part * number : (part + 1) * number]
    own[: len(found)] = found
    return own


def _bounds(batch: dict[str, Any], parts: int, pair_work: float) -> list[int]:
    """Return the bounds of shares of equal work."""
    length = batch["labels"].shape[1]
    # A position sees its prefix, and its conversation up to itself: as many as position ids count.
    # Padding is computed like a token that sees itself.
    total = (1 + pair_work * (batch["position_ids"].double() + 1)).sum(0).cumsum(0)
    ends = torch.searchsorted(total, total[-1] * torch.arange(1, parts) / parts, right=True).tolist()
    bounds = [0]
    for number, end in enumerate(ends, start=1):
        bounds.append(min(max(end, bounds[-1] + 1), length - parts + number))
    return [*bounds, length]
