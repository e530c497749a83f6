"""What is learnt in which step."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pangea_cultural import config
from pangea_cultural.errors import UserError
from pangea_cultural.training.batching.lengths import MeasuredSource
from pangea_cultural.training.batching.mixture import SourceQuestions, build_schedule
from pangea_cultural.training.batching.packing import Lengths
from pangea_cultural.training.batching.training_data import TrainingData
from pangea_cultural.training.data.sources.config import SourceEstimate
from pangea_cultural.training.estimate.dry_run import Devices, dry_run
from pangea_cultural.training.recipe import RECIPES, Recipe
from pangea_cultural.utils.console import Reporter
from tests.helpers.recipes import merged


def candidates(*sizes, broken=(), **options):
    starts = np.cumsum([0, *sizes])
    usable = np.ones(starts[-1], bool)
    usable[list(broken)] = False
    return SourceQuestions(starts, usable, **options)


def made(*sources, batch=8, limit=4, name="0 main", steps=None, epochs=None):
    return build_schedule(sources, batch_questions=batch, limit=limit, name=name, steps=steps, epochs=epochs)


def seen(planned):
    """How often each (source, group, conversation) comes."""
    pieces = (piece for step in range(planned.num_steps) for piece in planned.step(step))
    return Counter((p.source, p.group, int(c)) for p in pieces for c in p.conversations)


def order(planned):
    return [
        (p.source, p.group, tuple(p.conversations.tolist())) for n in range(planned.num_steps) for p in planned.step(n)
    ]


sizes = st.lists(st.integers(0, 20), min_size=1, max_size=30).filter(any)


@settings(max_examples=60, deadline=None)
@given(first=sizes, second=sizes, batch=st.integers(1, 40), limit=st.integers(1, 9), epochs=st.integers(1, 3))
def test_in_an_epoch_every_question_comes_once(first, second, batch, limit, epochs):
    planned = made(candidates(*first), candidates(*second), batch=batch, limit=limit, epochs=epochs)
    counts = seen(planned)
    assert set(counts.values()) == {epochs}
    assert len(counts) == sum(first) + sum(second)
    per_step = [sum(len(p.conversations) for p in planned.step(n)) for n in range(planned.num_steps)]
    most = min(limit, batch)
    assert all(0 < count < batch + most for count in per_step)
    assert all(abs(sum(per_step[:n]) - n * batch) < most for n in range(planned.num_steps))


def test_the_plan_depends_on_the_seed_only():
    sources = candidates(3, 9, 1), candidates(5, 5)
    assert order(made(*sources, epochs=2)) == order(made(*sources, epochs=2))
    assert order(made(*sources, epochs=2)) != order(made(*sources, epochs=2, name="1 main"))


def test_the_draws_are_the_same_for_ever():
    """A training that was begun with an older version must go on with the same steps."""
    assert order(made(candidates(3, 2, 1), epochs=1, batch=3, limit=2)) == EXPECTED


EXPECTED = [(0, 0, (0,)), (0, 0, (2, 1)), (0, 1, (1, 0)), (0, 2, (0,))]


def test_questions_of_a_image_are_spread_as_evenly_as_can_be():
    pieces = order(made(candidates(60, 1, 1, 9), epochs=1, limit=8))
    long = sorted(len(c) for _, group, c in pieces if group == 0)
    assert long == [7, 7, 7, 7, 8, 8, 8, 8]
    assert sorted(len(c) for _, group, c in pieces if group == 3) == [4, 5]


def test_a_image_with_many_questions_is_spread_over_the_epoch():
    planned = made(candidates(64, *[4] * 60), epochs=1, limit=8, batch=16)
    where = [n for n in range(planned.num_steps) if any(p.group == 0 for p in planned.step(n))]
    assert max(where) - min(where) > planned.num_steps / 2


def test_weights_are_shares_of_the_questions():
    planned = made(candidates(*[5] * 100, weight=3), candidates(*[1] * 1000), steps=100, batch=40)
    counts = Counter()
    for (source, _, _), count in seen(planned).items():
        counts[source] += count
    assert counts == {0: 3000, 1: 1000}


def small(source):
    """A source of which a few questions are assumed, as many as its count says in thousands."""
    count = source.count and source.count // 1000
    number = count or 100
    return source.model_copy(update={"count": count, "estimate": SourceEstimate(questions=number, images=number)})


@pytest.mark.parametrize("name", ["culturalpangea-7b", "pangea-stage1", "lora-1gpu", "tiny"])
def test_every_recipe_that_ships_can_be_tried_for_some_steps(tmp_path, name):
    recipe = config.load(Recipe, config.find("recipe", name, RECIPES))
    recipe = recipe.model_copy(update={"sources": tuple(map(small, recipe.sources))}).with_steps(5)
    stage = dry_run(recipe, tmp_path, Devices(), Reporter(quiet=True))["stages"][-1]
    assert stage["questions"] == 5 * recipe.stages[-1].batch.global_batch_size


STAGE = {
    "name": "main",
    "trainable": ["projector"],
    "optimizer": {"learning_rate": 1e-3},
    "batch": {"global_batch_size": 40},
}


def recipe(*sources, **stage):
    """A recipe with chat data `a`, `b` …"""
    sources = [{"type": "chat", "path": name} | fields for name, fields in zip("abc", sources, strict=False)]
    content = {"name": "r", "model": {"size": "tiny"}, "sources": sources, "stages": [merged(STAGE, stage)]}
    return config.parse(Recipe, content, where="r.toml")


def opened(recipe, size):
    """The data of a recipe: of each source so many images with two questions each."""
    lengths = Lengths(np.arange(0, 2 * size + 1, 2), *np.ones((2, size), int), np.ones(2 * size, int))
    measured = MeasuredSource(lengths, np.zeros(size, bool), size, {})
    return TrainingData(recipe, [None] * len(recipe.sources), [measured] * len(recipe.sources))


@pytest.mark.parametrize(
    ("sources", "stage", "questions"),
    [
        (({"count": 300}, {"count": 100}), {"steps": 10}, {0: 300, 1: 100}),
        (({"count": 3000}, {"count": 1000}), {"steps": 10}, {0: 300, 1: 100}),
        (({"count": 300}, {"count": 100}), {"epochs": 2}, {0: 600, 1: 200}),
        (({"count": 300}, {}), {"epochs": 1}, {0: 300, 1: 80}),
        (({"weight": 3}, {}), {"steps": 10}, {0: 300, 1: 100}),
    ],
)
def test_counts_are_exact_in_an_epoch_and_shares_with_steps(sources, stage, questions):
    what = recipe(*sources, **stage)
    planned = opened(what, 40).schedule(what.stages[0])
    counts = Counter()
    for (source, _, _), count in seen(planned).items():
        counts[source] += count
    assert counts == questions


@pytest.mark.parametrize(
    ("sources", "stage", "message"),
    [
        (
            ({"count": 5}, {"weight": 2}),
            {"steps": 9},
            r"r.toml: Stage main has steps, but a has a count and b has none\. Give",
        ),
        (({"count": 5}, {}, {"count": 5}), {"steps": 9}, "a, c has a count and b has none. Give all"),
        (
            ({"weight": 3}, {"weight": 1}),
            {"epochs": 1},
            "main has epochs, which ignore the weight of a, b. Give counts",
        ),
    ],
)
def test_a_share_that_would_not_be_used_is_refused(sources, stage, message):
    with pytest.raises(UserError, match=message):
        recipe(*sources, **stage)


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        (
            {"optimizer": {"learning_rates": {"vision_tower": 1e-4}}},
            "learning_rates names vision_tower, but trainable does not. Add it to trainable",
        ),
        ({"optimizer": {"lr_scheduler": "linear", "min_lr_ratio": 0.1}}, 'lr_scheduler = "cosine", not "linear"'),
    ],
)
def test_a_rate_that_would_not_be_used_is_refused(stage, message):
    with pytest.raises(UserError, match=message):
        recipe({}, steps=1, **stage)


def test_counts_that_fit_epochs_only_are_refused_for_steps():
    with pytest.raises(UserError, match="with --steps: Stage main has steps, but a has a count and b has none"):
        recipe({"count": 5}, {}, epochs=1).with_steps(9)


def test_sources_are_interleaved_evenly():
    planned = made(candidates(*[4] * 100, weight=3), candidates(*[1] * 1000), steps=100, batch=40)
    for step in range(planned.num_steps):
        share = sum(len(p.conversations) for p in planned.step(step) if p.source == 1)
        assert 10 - 4 <= share <= 10 + 4


@pytest.mark.parametrize("count", [1, 7, 25, 26, 61])
def test_counts_are_exact(count):
    planned = made(candidates(5, 8, 12, count=count), candidates(3, 3), epochs=2)
    counts = seen(planned)
    assert sum(n for (source, _, _), n in counts.items() if source == 0) == 2 * count
    own = [n for (source, _, _), n in counts.items() if source == 0]
    assert max(own) - min(own) <= 1 or count < 25, "no question comes again before all have come"


def test_what_cannot_be_learnt_does_not_come():
    counts = seen(made(candidates(3, 3, broken=(1, 3, 4, 5)), epochs=1))
    assert set(counts) == {(0, 0, 0), (0, 0, 2)}


def test_steps_go_round_a_small_source_without_a_question_coming_again_too_early():
    counts = seen(made(candidates(5, 8, 12), steps=10, batch=16, limit=4))
    assert sum(counts.values()) == 160 and set(counts.values()) == {6, 7}


def test_a_source_with_nothing_to_learn_is_an_error():
    with pytest.raises(UserError, match="no question that can be learnt"):
        made(candidates(2, broken=(0, 1), count=2), epochs=1)
