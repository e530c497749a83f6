"""The keys of a training recipe, and their conflicts."""

import itertools

import pytest

from pangea_cultural import config
from pangea_cultural.errors import UserError
from pangea_cultural.training import recipe
from pangea_cultural.training.data.sources.config import SourceEstimate
from pangea_cultural.training.estimate.dry_run import Devices, dry_run
from pangea_cultural.training.loop.resume import run_fingerprint
from pangea_cultural.utils.console import Reporter
from tests.helpers.recipes import merged

STAGE = {
    "name": "main",
    "trainable": ["projector"],
    "steps": 3,
    "optimizer": {"learning_rate": 1e-3},
    "batch": {"global_batch_size": 8},
}
BEST = {"load_best_model_at_end": True}
SHARED_KEYS = {"name": "r", "model": {"size": "tiny"}, "sources": [{"type": "export", "path": "e"}]}


def parse(*, stage=None, **fields):
    content = SHARED_KEYS | {"stages": [merged(STAGE, stage or {})]} | fields
    return config.parse(recipe.Recipe, content, where="r.toml")


def fingerprint(parsed):
    return run_fingerprint(parsed, data={}, base_model={}, deepspeed=None, world_size=1, shares_images=False)


CONFIGS = [cls for cls in vars(recipe).values() if isinstance(cls, type) and issubclass(cls, config.Config)]


@pytest.mark.parametrize("cls", CONFIGS, ids=lambda cls: cls.__name__)
def test_every_key_has_a_description(cls):
    assert [name for name, field in cls.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("keys", "warmup"),
    [({}, 0.03), ({"warmup_steps": 0}, 0), ({"warmup_steps": 40}, 40), ({"warmup_ratio": 0.1}, 0.1)],
)
def test_warmup_is_steps_or_a_ratio(keys, warmup):
    assert parse(stage={"optimizer": keys}).stages[0].optimizer.warmup == warmup


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({"optimizer": {"warmup_steps": 1, "warmup_ratio": 0.1}}, "Both warmup_steps and warmup_ratio are set"),
        ({"optimizer": {"warmup_ratio": 1.0}}, r"stages\[1\].optimizer.warmup_ratio"),
        ({"lora": {}}, 'Add "language_model" to trainable'),
        ({"objective": "contrastive", "trainable": ["projector"]}, 'Add "vision_tower" to trainable'),
        ({"batch": {"per_device_batch_size": 2}}, "per_device_batch_size"),
        ({"checkpoint": BEST}, r"main has load_best_model_at_end, but there is no validation\. Add \[validation\]"),
        (
            {"checkpoint": {"early_stopping_patience": 2}},
            "main has early_stopping_patience, but there is no validation",
        ),
        ({"checkpoint": {"early_stopping_patience": 0}}, r"stages\[1\].checkpoint.early_stopping_patience"),
        ({"checkpoint": {"early_stopping_threshold": 0.1}}, "early_stopping_threshold needs early_stopping_patience"),
        ({"checkpoint": {"metric_for_best_model": "loss"}}, "metric_for_best_model needs load_best_model_at_end or"),
        (
            {"checkpoint": BEST | {"metric_for_best_model": "los"}},
            "Unknown metric_for_best_model 'los'. Did you mean loss",
        ),
        ({"checkpoint": BEST | {"metric_for_best_model": "loss_language_qq"}}, "Unknown language 'qq'"),
        (
            {"checkpoint": BEST, "objective": "contrastive", "trainable": ["vision_tower"]},
            "contrastive has no validation. Remove load_best_model_at_end",
        ),
    ],
)
def test_invalid_stage_is_rejected(stage, message):
    with pytest.raises(UserError, match=message):
        parse(stage=stage)


def test_choice_of_the_best_checkpoint_is_in_the_fingerprint():
    parts = [
        {"metric_for_best_model": "eval_loss_language_iw"},
        {"early_stopping_patience": 1},
        {"early_stopping_patience": 1, "early_stopping_threshold": 0.1},
    ]
    recipes = [parse(stage={"checkpoint": BEST | part}, validation={"path": "e"}) for part in ({}, *parts)]
    assert recipes[1].stages[0].checkpoint.metric_for_best_model == "loss_language_he"
    found = [fingerprint(one)["recipe"]["stages"][0]["checkpoint"] for one in recipes]
    assert all(before != after for before, after in itertools.pairwise(found))
    assert "checkpoint" not in fingerprint(parse())["recipe"]["stages"][0], "as in earlier versions"


@pytest.mark.parametrize(
    "change",
    [
        {"stage": {"memory": {"per_device_batch_size": 2, "gradient_checkpointing": True}}},
        {"stage": {"checkpoint": {"save_steps": 1, "save_total_limit": 1, "logging_steps": 1}}},
        {"num_workers": 2, "report_to": ["wandb"], "max_broken_image_ratio": 0.5},
    ],
)
def test_memory_and_output_keys_are_not_in_the_fingerprint(change):
    assert fingerprint(parse(**change)) == fingerprint(parse())


@pytest.mark.parametrize(
    "change",
    [
        {"stage": {"batch": {"max_length": 64}}},
        {"stage": {"checkpoint": BEST}, "validation": {"path": "e"}},
        {"stage": {"optimizer": {"weight_decay": 0.1}}},
        {"stage": {"augment_images": True}},
        {"num_threads": 1},
    ],
)
def test_other_keys_are_in_the_fingerprint(change):
    assert fingerprint(parse(**change)) != fingerprint(parse())


def shrunk(source):
    """A source with an estimate of few questions: its count in thousands."""
    count = source.count and source.count // 1000
    number = count or 100
    return source.model_copy(update={"count": count, "estimate": SourceEstimate(questions=number, images=number)})


@pytest.mark.parametrize("name", ["culturalpangea-7b", "pangea-stage1", "lora-1gpu", "tiny", "tiny-relevance"])
def test_every_shipped_recipe_accepts_a_number_of_steps(tmp_path, name):
    shipped = config.load(recipe.Recipe, config.find("recipe", name, recipe.RECIPES))
    small = shipped.model_copy(update={"sources": tuple(map(shrunk, shipped.sources))}).with_steps(5)
    stage = dry_run(small, tmp_path, Devices(), Reporter(quiet=True))["stages"][-1]
    assert stage["questions"] == 5 * shipped.stages[-1].batch.global_batch_size


def test_a_number_of_steps_is_the_limit_of_earlier_stages():
    shipped = config.load(recipe.Recipe, config.find("recipe", "tiny", recipe.RECIPES))
    steps = [stage.steps for stage in shipped.stages]
    assert [stage.steps for stage in shipped.with_steps(5).stages] == [5, 5]
    assert [stage.steps for stage in shipped.with_steps(9999).stages] == [steps[0], 9999]


def parse_sources(*sources, **stage):
    """A recipe with chat sources `a`, `b` and so on."""
    return parse(
        sources=[{"type": "chat", "path": name} | keys for name, keys in zip("abc", sources, strict=False)], stage=stage
    )


@pytest.mark.parametrize(
    ("sources", "stage", "message"),
    [
        (
            ({"count": 5}, {"weight": 2}),
            {"steps": 9},
            r"r.toml: Stage main has steps, but a has a count and b has none\. Give",
        ),
        (({"count": 5}, {}, {"count": 5}), {"steps": 9}, r"a, c has a count and b has none\. Give all"),
        (
            ({"weight": 3}, {"weight": 1}),
            {"steps": None, "epochs": 1},
            r"main has epochs, which ignore the weight of a, b\. Give counts",
        ),
    ],
)
def test_unused_share_is_rejected(sources, stage, message):
    with pytest.raises(UserError, match=message):
        parse_sources(*sources, **stage)


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
def test_unused_learning_rate_is_rejected(stage, message):
    with pytest.raises(UserError, match=message):
        parse(stage=stage)


def test_number_of_steps_rejects_counts_that_fit_epochs_only():
    parsed = parse_sources({"count": 5}, {}, steps=None, epochs=1)
    with pytest.raises(UserError, match="with --steps: Stage main has steps, but a has a count and b has none"):
        parsed.with_steps(9)
