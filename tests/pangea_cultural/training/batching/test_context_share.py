"""Shares of processes that divide rows."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pangea_cultural.model.attention.masks import PADDING, PREFIX, visible
from pangea_cultural.model.modeling import IGNORE_INDEX
from pangea_cultural.training.batching.context_share import divide

PAIR_WORK = 3e-5


def row(groups, padding):
    """Return a row. A group is the lengths of its prefix and its conversations; every third token is a target."""
    numbers, conversations, positions = [], [], []
    for number, (prefix, *lengths) in enumerate(groups):
        for conversation, length in enumerate((prefix, *lengths)):
            numbers += [number] * length
            conversations += [conversation] * length
            positions += [n + (prefix if conversation else 0) for n in range(length)]
    labels = [7 if c and n % 3 == 0 else IGNORE_INDEX for n, c in enumerate(conversations)]
    ends = [(PADDING, PREFIX, 0, IGNORE_INDEX)] * padding
    return [
        [*values, *(end[n] for end in ends)] for n, values in enumerate((numbers, conversations, positions, labels))
    ]


def batch(*rows, tiles=5):
    numbers, conversations, positions, labels = (torch.tensor([one[n] for one in rows]) for n in range(4))
    is_target = labels[:, 1:] != IGNORE_INDEX
    weights = torch.rand(labels.shape, generator=torch.Generator().manual_seed(0))
    return {
        "input_ids": torch.zeros_like(labels),
        "position_ids": positions,
        "segments": torch.stack([numbers, conversations], dim=1),
        "labels": labels,
        "weights": weights,
        "keys": torch.arange(int(is_target.sum())),
        "normalizer": float(weights[:, 1:][is_target].double().sum()),
        "pixel_values": torch.arange(tiles)[:, None, None, None].float(),
    }


def work(whole, start, stop):
    """Return the work on some positions: tokens, padding included, and pairs of positions that see each other."""
    seen = visible(whole["segments"])[:, start:stop].sum(-1)
    return float((1 + PAIR_WORK * seen).sum())


def divided(whole, parts):
    return [divide(whole, part, parts, PAIR_WORK) for part in range(parts)]


@pytest.mark.parametrize("parts", [2, 3, 8])
def test_processes_work_equally_long(parts):
    """The second row is much shorter, so that its padding is in the last shares."""
    whole = batch(row([(900, 60, 40), (400, 300), (0, 250)], 50), row([(700, 50)], 1_250))
    bounds = divided(whole, parts)[0]["division"]["bounds"]
    shares = [work(whole, start, stop) for start, stop in itertools.pairwise(bounds)]
    assert max(shares) < 1.01 * np.mean(shares)


groups = st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=3), min_size=1, max_size=4)


@given(first=groups, padding=st.integers(0, 5), parts=st.integers(1, 9), tiles=st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_each_target_and_each_tile_is_on_one_process(first, padding, parts, tiles):
    one = row(first, padding)
    missing = max(0, parts - len(one[0]))
    whole = batch(row(first, padding + missing), tiles=tiles)
    shares = divided(whole, parts)
    length = whole["labels"].shape[1]
    bounds = shares[0]["division"]["bounds"]
    assert bounds[0] == 0 and bounds[-1] == length and sorted(set(bounds)) == bounds
    assert all(share["division"]["bounds"] == bounds for share in shares)
    assert sorted(torch.cat([share["keys"] for share in shares]).tolist()) == whole["keys"].tolist()
    assert sum(share["normalizer"] for share in shares) == pytest.approx(whole["normalizer"])
    kept = torch.stack([share["labels"][:, 1:] != IGNORE_INDEX for share in shares])
    assert torch.equal(kept.sum(0), (whole["labels"][:, 1:] != IGNORE_INDEX).int())
    for share, (start, stop) in zip(shares, itertools.pairwise(bounds), strict=True):
        own = share["labels"][:, 1:] != IGNORE_INDEX
        assert not own[:, :start].any() and not own[:, stop:].any()
        assert share["keys"].numel() == own.sum()
        sees = visible(whole["segments"])[:, start:stop].any(dim=(0, 1))
        assert int(sees.nonzero()[0]) >= share["division"]["first_key"], "a key is missing"
    pixels = torch.cat([share["pixel_values"] for share in shares])[:, 0, 0, 0]
    assert pixels[:tiles].tolist() == list(range(tiles)) and not pixels[tiles:].any()
    assert len({len(share["pixel_values"]) for share in shares}) == 1
    assert whole["labels"].eq(7).sum() == whole["keys"].numel() + whole["labels"][:, :1].eq(7).sum(), "changed in place"


def test_row_without_images_has_no_tiles():
    whole = {name: value for name, value in batch(row([(3, 4, 5)], 0)).items() if name != "pixel_values"}
    share = divide(whole, 1, 2, PAIR_WORK)
    assert "pixel_values" not in share and share["division"]["tiles"] == 0
