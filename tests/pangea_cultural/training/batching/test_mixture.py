"""The schedule of questions over the steps of a training."""

import itertools
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pangea_cultural import config
from pangea_cultural.errors import UserError
from pangea_cultural.training.batching.lengths import MeasuredSource
from pangea_cultural.training.batching.mixture import SourceQuestions, build_schedule, passes
from pangea_cultural.training.batching.packing import Lengths
from pangea_cultural.training.batching.training_data import TrainingData
from pangea_cultural.training.recipe import Recipe
from tests.helpers.recipes import merged


def questions(*sizes, broken=(), **options):
    """Questions of a source with groups of these sizes."""
    starts = np.cumsum([0, *sizes])
    usable = np.ones(starts[-1], bool)
    usable[list(broken)] = False
    return SourceQuestions(starts, usable, **options)


def scheduled(*sources, batch=8, max_per_image=4, seed="0 main", steps=None, epochs=None, multiple=1):
    return build_schedule(
        sources,
        global_batch_size=batch,
        max_questions_per_image=max_per_image,
        seed=seed,
        steps=steps,
        epochs=epochs,
        image_multiple=multiple,
    )


def occurrences(schedule):
    """Number of occurrences of each (source, group, conversation)."""
    chunks = (chunk for step in range(schedule.num_steps) for chunk in schedule.step(step))
    return Counter((c.source, c.group, int(position)) for c in chunks for position in c.conversations)


def per_source(schedule):
    """Number of questions of each source."""
    counts = Counter()
    for (source, _, _), count in occurrences(schedule).items():
        counts[source] += count
    return counts


def order(schedule):
    return [
        (chunk.source, chunk.group, tuple(chunk.conversations.tolist()))
        for step in range(schedule.num_steps)
        for chunk in schedule.step(step)
    ]


sizes = st.lists(st.integers(0, 20), min_size=1, max_size=30).filter(any)


@settings(max_examples=60, deadline=None)
@given(first=sizes, second=sizes, batch=st.integers(1, 40), limit=st.integers(1, 9), epochs=st.integers(1, 3))
def test_epoch_contains_every_question_once(first, second, batch, limit, epochs):
    schedule = scheduled(questions(*first), questions(*second), batch=batch, max_per_image=limit, epochs=epochs)
    counts = occurrences(schedule)
    assert set(counts.values()) == {epochs}
    assert len(counts) == sum(first) + sum(second)
    per_step = [sum(len(c.conversations) for c in schedule.step(n)) for n in range(schedule.num_steps)]
    largest_chunk = min(limit, batch)
    assert all(0 < count < batch + largest_chunk for count in per_step)
    assert all(abs(sum(per_step[:n]) - n * batch) < largest_chunk for n in range(schedule.num_steps))


def test_schedule_depends_on_the_seed_only():
    sources = questions(3, 9, 1), questions(5, 5)
    assert order(scheduled(*sources, epochs=2)) == order(scheduled(*sources, epochs=2))
    assert order(scheduled(*sources, epochs=2)) != order(scheduled(*sources, epochs=2, seed="1 main"))


def test_schedule_is_the_same_in_all_versions():
    """A training that an older version started must resume with the same steps."""
    assert order(scheduled(questions(3, 2, 1), epochs=1, batch=3, max_per_image=2)) == EXPECTED


EXPECTED = [(0, 0, (0,)), (0, 0, (2, 1)), (0, 1, (1, 0)), (0, 2, (0,))]


def test_chunks_of_an_image_have_nearly_equal_sizes():
    chunks = order(scheduled(questions(60, 1, 1, 9), epochs=1, max_per_image=8))
    assert sorted(len(c) for _, group, c in chunks if group == 0) == [7, 7, 7, 7, 8, 8, 8, 8]
    assert sorted(len(c) for _, group, c in chunks if group == 3) == [4, 5]


def test_image_with_many_questions_is_spread_over_the_epoch():
    schedule = scheduled(questions(64, *[4] * 60), epochs=1, max_per_image=8, batch=16)
    steps = [n for n in range(schedule.num_steps) if any(chunk.group == 0 for chunk in schedule.step(n))]
    assert max(steps) - min(steps) > schedule.num_steps / 2


def test_weights_are_shares_of_the_questions():
    schedule = scheduled(questions(*[5] * 100, weight=3), questions(*[1] * 1000), steps=100, batch=40)
    assert per_source(schedule) == {0: 3000, 1: 1000}


STAGE = {
    "name": "main",
    "trainable": ["projector"],
    "optimizer": {"learning_rate": 1e-3},
    "batch": {"global_batch_size": 40},
}


def training_data(*sources, **stage):
    """Data of a recipe with chat sources of 40 images each, with two questions per image."""
    sources = [{"type": "chat", "path": name} | fields for name, fields in zip("abc", sources, strict=False)]
    content = {"name": "r", "model": {"size": "tiny"}, "sources": sources, "stages": [merged(STAGE, stage)]}
    recipe = config.parse(Recipe, content, where="r.toml")
    lengths = Lengths(np.arange(0, 81, 2), *np.ones((2, 40), int), np.ones(80, int))
    measured = MeasuredSource(lengths, np.zeros(40, bool), 40, {})
    corpora = [SimpleNamespace(image_root=Path(str(number))) for number in range(len(recipe.sources))]
    return TrainingData(recipe, corpora, [measured] * len(recipe.sources))


@pytest.mark.parametrize(
    ("sources", "stage", "expected"),
    [
        (({"count": 300}, {"count": 100}), {"steps": 10}, {0: 300, 1: 100}),
        (({"count": 3000}, {"count": 1000}), {"steps": 10}, {0: 300, 1: 100}),
        (({"count": 300}, {"count": 100}), {"epochs": 2}, {0: 600, 1: 200}),
        (({"count": 300}, {}), {"epochs": 1}, {0: 300, 1: 80}),
        (({"weight": 3}, {}), {"steps": 10}, {0: 300, 1: 100}),
    ],
)
def test_counts_are_questions_per_epoch_and_shares_with_steps(sources, stage, expected):
    data = training_data(*sources, **stage)
    assert per_source(data.schedule(data.recipe.stages[0])) == expected


def test_passes_are_trained_over_usable_questions():
    usable = np.array([True] * 5 + [False] * 5)
    small = SourceQuestions(np.arange(11), usable, count=500)
    whole = SourceQuestions(np.arange(11), np.ones(10, bool))
    none = SourceQuestions(np.arange(11), ~np.ones(10, bool), weight=0.0)
    assert passes([small, whole], global_batch_size=50, steps=None, epochs=2) == [200, 2]
    assert passes([small, whole, none], global_batch_size=10, steps=3, epochs=None) == [3, 1.5, 0]


def test_sources_are_interleaved_evenly():
    schedule = scheduled(questions(*[4] * 100, weight=3), questions(*[1] * 1000), steps=100, batch=40)
    for step in range(schedule.num_steps):
        share = sum(len(chunk.conversations) for chunk in schedule.step(step) if chunk.source == 1)
        assert 10 - 4 <= share <= 10 + 4


@pytest.mark.parametrize("count", [1, 7, 25, 26, 61])
def test_count_repeats_no_question_before_all_were_used(count):
    group_sizes = (5, 8, 12)
    schedule = scheduled(questions(*group_sizes, count=count), questions(3, 3), epochs=2)
    counts = occurrences(schedule)
    repeats = sorted(counts[0, group, n] for group, size in enumerate(group_sizes) for n in range(size))
    rounds, rest = divmod(2 * count, 25)
    assert repeats == [rounds] * (25 - rest) + [rounds + 1] * rest


def test_unusable_questions_are_not_scheduled():
    counts = occurrences(scheduled(questions(3, 3, broken=(1, 3, 4, 5)), epochs=1))
    assert set(counts) == {(0, 0, 0), (0, 0, 2)}


def test_steps_repeat_a_small_source_evenly():
    counts = occurrences(scheduled(questions(5, 8, 12), steps=10, batch=16, max_per_image=4))
    assert sum(counts.values()) == 160 and set(counts.values()) == {6, 7}


def test_source_without_usable_questions_is_an_error():
    with pytest.raises(UserError, match=r"A source has no usable question\."):
        scheduled(questions(2, broken=(0, 1), count=2), epochs=1)


@pytest.mark.parametrize("length", [{"steps": 30}, {"epochs": 2}])
def test_images_of_a_step_are_a_multiple(length):
    source = questions(*[1, 2, 3] * 40)
    plain, rounded = (scheduled(source, multiple=multiple, **length) for multiple in (1, 4))
    assert order(rounded) == order(plain) and rounded.num_steps == plain.num_steps
    images = [len(rounded.step(step)) for step in range(rounded.num_steps)]
    assert not any(number % 4 for number in images[:-1]) and images[-1] > 0
    sizes = [sum(len(chunk.conversations) for chunk in rounded.step(step)) for step in range(rounded.num_steps - 1)]
    assert abs(np.mean(sizes) - 8) < 0.5


def test_steps_with_too_few_images_for_a_multiple_are_rejected():
    with pytest.raises(UserError, match=r"A step has 4\.\d images on average, too few for image_multiple = 16\. Lower"):
        scheduled(questions(*[1, 2, 3] * 40), multiple=16, epochs=1)


@pytest.mark.parametrize("multiple", [1, 3])
def test_chunks_of_two_sources_about_one_image_follow_each_other(multiple):
    """Images 1 to 20 are in both sources."""
    sizes = [3, 1, 2, 9] * 10
    first = questions(*sizes, images=np.arange(1, 41))
    second = questions(*[1, 2] * 10, images=np.arange(1, 21))
    schedule = scheduled(first, second, batch=16, max_per_image=5, multiple=multiple, epochs=2)
    assert occurrences(schedule) == occurrences(
        scheduled(*(replace(s, images=None) for s in (first, second)), epochs=2)
    )
    followers = 0
    for step in map(schedule.step, range(schedule.num_steps)):
        assert not step[0].follows
        for before, chunk in itertools.pairwise(step):
            if chunk.follows:
                followers += 1
                assert chunk.group == before.group and chunk.source != before.source
                assert len(before.conversations) + len(chunk.conversations) <= 5
        images = sum(not chunk.follows for chunk in step)
        assert images % multiple == 0 or step[-1].number == len(schedule.groups) - 1
    assert followers == 2 * 15, "five images have too many questions in a chunk of the first source"


def test_schedule_of_sources_with_other_images_is_as_without():
    sources = [questions(*[3, 1, 2] * 10, images=np.arange(1, 31) + 100 * n) for n in range(2)]
    plain = scheduled(*(replace(source, images=None) for source in sources), epochs=1)
    assert order(scheduled(*sources, epochs=1)) == order(plain)
