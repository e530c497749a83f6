"""Rows for several devices, which work equally long."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pangea_cultural.training.batching.balance import Devices
from pangea_cultural.training.batching.layout import BatchLayout
from pangea_cultural.training.batching.mixture import QuestionChunk
from pangea_cultural.training.batching.packing import Lengths, distribute, pack_rows, row_length

MAX_LENGTH = 8192
PAIR_WORK = 3e-5
"""That of Qwen2-7B."""


def made(images, seed=0, prefixes=(600, 2_400), most_questions=8, shared=False):
    """Return chunks of a step, and their lengths: images of all sizes, some with long texts."""
    random = np.random.default_rng(seed)
    sizes = random.integers(1, most_questions, images, endpoint=True)
    starts = np.cumsum([0, *sizes])
    prefix = random.integers(*prefixes, images, endpoint=True)
    conversations = random.choice([40, 60, 250], int(starts[-1]))
    lengths = Lengths(starts, prefix, prefix, conversations)
    chunks = [QuestionChunk(n, 0, n, np.arange(size)) for n, size in enumerate(sizes)]
    # A second source asks as much about some of the images.
    chunks = [
        part
        for chunk in chunks
        for part in (chunk, chunk._replace(number=chunk.number + images, source=1, follows=True))[: 1 + shared]
        if part.source == 0 or chunk.number % 3 == 0
    ]
    return chunks, [lengths, lengths]


def layout(devices, rows=1, pair_work=PAIR_WORK):
    return BatchLayout("shared", MAX_LENGTH, Devices(devices, rows, pair_work))


def work(rows, lengths):
    """Return the work of some rows: tokens, and the pairs of positions that attend to each other."""
    total = 0.0
    for segment in (segment for row in rows for segment in row):
        group = segment.chunk.group
        prefix, tokens = int(lengths[0].prefix[group]), lengths[0].conversations[lengths[0].starts[group] :]
        total += 0 if segment.follows else prefix + PAIR_WORK * prefix * (prefix + 1) / 2
        for n in tokens[segment.conversations].tolist():
            total += n + PAIR_WORK * (n * prefix + n * (n + 1) / 2)
    return total


def time_over_even(chunks, lengths, devices):
    """Return the time of the slowest device of each micro-batch over that of devices that never wait."""
    slowest = sum(
        max(work(rows, lengths) for rows in micro_batch)
        for micro_batch in zip(*layout(devices).batches(chunks, lengths), strict=True)
    )
    whole = pack_rows(chunks, lengths, packing="shared", max_length=10**6)
    return slowest / (work(whole, lengths) / devices)


@pytest.mark.parametrize(("images", "devices", "limit"), [(40, 8, 1.03), (48, 16, 1.06), (64, 32, 1.10)])
def test_no_device_waits_long(images, devices, limit):
    ratios = [time_over_even(*made(images, seed), devices) for seed in range(3)]
    assert np.mean(ratios) < limit


def test_long_groups_are_split_where_devices_have_no_image():
    chunks, lengths = made(20, prefixes=(600, 600))
    batches = layout(32).batches(chunks, lengths)
    pieces = Counter(segment.chunk.number for device in batches for rows in device for row in rows for segment in row)
    assert len(pieces) == 20 and sum(pieces.values()) > 20
    apart = work([row for device in batches for rows in device for row in rows], lengths)
    longest = max(
        work(pack_rows([chunk], lengths, packing="shared", max_length=MAX_LENGTH), lengths) for chunk in chunks
    )
    slowest = max(work(rows, lengths) for device in batches for rows in device)
    assert slowest < 0.8 * longest and apart > 20 * 600


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 30), st.integers(2, 9), st.integers(1, 3), st.integers(0, 99), st.booleans())
def test_each_question_is_in_one_row(images, devices, rows, seed, shared):
    chunks, lengths = made(images, seed, shared=shared)
    batches = layout(devices, rows).batches(chunks, lengths)
    assert len(batches) == devices and len({len(device) for device in batches}) == 1 and batches[0]
    every = [row for device in batches for micro_batch in device for row in micro_batch]
    assert all(row and row_length(row) <= MAX_LENGTH for row in every)
    assert max((len(micro_batch) for device in batches for micro_batch in device), default=0) <= rows
    planned = sorted((s.chunk.number, int(n)) for row in every for s in row for n in s.conversations)
    assert planned == sorted((chunk.number, int(n)) for chunk in chunks for n in chunk.conversations)
    for row in every:
        assert not row[0].follows
        for before, segment in zip([None, *row], row, strict=False):
            tokens = lengths[0].conversations[lengths[0].starts[segment.chunk.group] + segment.conversations].sum()
            assert segment.length == (0 if segment.follows else lengths[0].prefix[segment.chunk.group]) + tokens
            assert not segment.follows or before.chunk.group == segment.chunk.group


def test_one_device_has_full_rows():
    chunks, lengths = made(30)
    rows = pack_rows(chunks, lengths, packing="shared", max_length=MAX_LENGTH)
    expected = distribute(rows, processes=1, per_device_batch_size=2)
    planned = layout(1, rows=2).batches(chunks, lengths)
    flat = [[(s.chunk.number, s.conversations.tolist()) for s in row] for batch in planned[0] for row in batch]
    assert flat == [[(s.chunk.number, s.conversations.tolist()) for s in row] for batch in expected[0] for row in batch]
