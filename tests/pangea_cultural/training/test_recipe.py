"""The keys of a training recipe, and their conflicts."""

import itertools

import pytest

from pangea_cultural import config
from pangea_cultural.errors import UserError
from pangea_cultural.training import recipe
from pangea_cultural.training.data.sources.config import SourceEstimate
from pangea_cultural.training.estimate.dry_run import Devices, dry_run
from pangea_cultural.training.loop.resume import run_differences, run_fingerprint
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
CONTRASTIVE = {"objective": "contrastive", "trainable": ["vision_tower"]}
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
        ({"objective": "contrastive", "trainable": ["projector"]}, r'Set trainable = \["vision_tower"\]'),
        (CONTRASTIVE | {"trainable": ["vision_tower", "projector"]}, r'Set trainable = \["vision_tower"\]'),
        (CONTRASTIVE | {"batch": {"max_length": 64, "packing": "rows"}}, r"Remove packing, max_length\."),
        (CONTRASTIVE | {"loss_weighting": "sqrt"}, r"contrastive shows images without questions\. Remove loss_weig"),
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
            CONTRASTIVE | {"checkpoint": BEST},
            "contrastive has no validation. Remove load_best_model_at_end",
        ),
        ({"optimizer": {"optim": "adamw_bnb_8bit", "optim_offload": True}}, "cannot move 8-bit moments"),
        ({"optimizer": {"optim": "muon", "optim_offload": True}}, "cannot move the moments of muon"),
        ({"optimizer": {"weight_dtype": "bfloat16"}}, 'Set optim = "adamw_bf16"'),
        ({"optimizer": {"weight_dtype": "bfloat16", "optim": "muon"}}, 'Set optim = "adamw_bf16"'),
        ({"optimizer": {"weight_dtype": "bfloat16", "optim": "adamw_bf16"}}, 'Set model.dtype = "bfloat16"'),
        (
            {"objective": "contrastive", "trainable": ["vision_tower", "language_model"], "lora": {}},
            "contrastive has no adapters. Remove lora",
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


EXPORT = {"type": "export", "path": "e"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"hub_strategy": "checkpoint", "hub_model_id": "a/b"},
            r"Nothing uses hub_model_id, hub_strategy\. Set push_to_hub = true, or remove hub_model_id, hub_strategy\.",
        ),
        ({"hub_private_repo": False}, r"Nothing uses hub_private_repo\. Set push_to_hub = true"),
        ({"model": {"checkpoint": "a", "vocab_size": 600}}, "base model has its own. Remove it"),
        ({"model": {"size": "tiny", "bnb_4bit_use_double_quant": False}}, "needs load_in_4bit = true. Set it"),
        ({"stage": CONTRASTIVE, "validation": {"path": "e"}}, r"All stages are contrastive.* Remove \[validation\]"),
        (
            {"sources": [EXPORT | {"answer_style": "both", "question_types": ["choice"]}]},
            'answer_style = "both" needs question_types with "open"',
        ),
    ],
)
def test_key_that_has_no_effect_is_rejected(fields, message):
    with pytest.raises(UserError, match=message):
        parse(**fields)


def test_export_to_train_on_needs_an_export_to_replace():
    assert parse().with_data("other").sources[0].path.as_posix() == "exports/other"
    with pytest.raises(UserError, match=r"The recipe r has no export to replace\. Remove --data"):
        parse(sources=[{"type": "chat", "path": "c.json"}]).with_data("other")


ADAPTED = {"trainable": ["language_model"], "lora": {}}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"model": {"size": "tiny", "load_in_4bit": True}, "stage": {"trainable": ["language_model"]}},
            r"whose weights load_in_4bit freezes\. Add \[stages\.lora\]",
        ),
        ({"model": {"size": "tiny", "load_in_4bit": True}, "parallelism": "fsdp"}, "load_in_4bit cannot be sharded"),
        ({"model": {"size": "tiny", "dtype": "float16"}, "deepspeed": "d.json"}, "float16.* cannot be sharded"),
        ({"stage": {"optimizer": {"optim": "adamw_bf16"}}, "parallelism": "fsdp"}, "which cannot be sharded"),
        ({"stage": {"optimizer": {"optim": "muon"}}, "parallelism": "fsdp"}, "which cannot be sharded"),
    ],
)
def test_settings_that_save_memory_on_one_device_fit_together(fields, message):
    with pytest.raises(UserError, match=message):
        parse(**fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"stage": CONTRASTIVE}, "is contrastive, which has no rows to divide. Remove context_parallel_size"),
        ({"model": {"size": "tiny", "torch_compile": True}}, "torch_compile cannot compile divided rows"),
        ({"model": {"size": "tiny", "attn_implementation": "eager"}}, '"eager" cannot divide rows. Set "auto"'),
    ],
)
def test_recipe_whose_rows_cannot_be_divided_is_rejected(fields, message):
    with pytest.raises(UserError, match=message):
        parse(**fields, context_parallel_size=2)
    parse(**fields)


def test_fingerprint_of_earlier_versions_has_no_settings_of_memory():
    parsed = parse(stage=ADAPTED)
    content = fingerprint(parsed)["recipe"]
    assert "load_in_4bit" not in content["model"] and "optim" not in content["stages"][0]["optimizer"]
    other = fingerprint(parse(stage=merged(ADAPTED, {"optimizer": {"optim": "adamw_bf16"}})))
    changes = run_differences(fingerprint(parsed), other)
    assert changes == ["recipe.stages[1].optimizer.optim was not set, now is adamw_bf16"]


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (
            {"validation": {"path": "e"}},
            {"stage": {"checkpoint": BEST}, "validation": {"path": "e"}},
            ["recipe.stages[1].checkpoint.load_best_model_at_end was False, now is True"],
        ),
        (
            {"stage": {"checkpoint": BEST}, "validation": {"path": "e"}},
            {"validation": {"path": "f"}},
            [
                "recipe.stages[1].checkpoint.load_best_model_at_end was True, now is False",
                "recipe.validation.path was e, now is f",
            ],
        ),
        (
            {"stage": ADAPTED | {"lora": None}},
            {"stage": ADAPTED, "validation": {"path": "e"}},
            ["recipe.stages[1].lora was not set, now is set", "recipe.validation was not set, now is set"],
        ),
        ({"license": "mit"}, {"license": "a\nb"}, ["recipe.license has changed"]),
        ({"license": "mit"}, {"license": "b" * 81}, ["recipe.license has changed"]),
    ],
)
def test_differences_are_short_and_name_only_changed_keys(before, now, expected):
    assert run_differences(fingerprint(parse(**before)), fingerprint(parse(**now))) == expected


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


ONE_GPU = {"lora-1gpu": (40e9, 16.6e9), "qlora-1gpu": (24e9, 6.9e9), "full-1gpu": (80e9, 15.9e9)}
"""Memory of the GPU, and of the weights.

The 7B model has 303.5 M weights in the vision tower, 16.5 M in the projector and 7,615.6 M in the language model. 28
layers of 2 x 3,584^2 + 2 x 3,584 x 512 + 3 x 3,584 x 18,944 weights, 6,525 M, are linear layers that QLoRA quantizes.
Adapters of rank 64 have 161.5 M. In GB:

- lora-1gpu: 2 x 7.919 frozen in bfloat16, 4 x 0.178 trainable in float32: 16.6
- qlora-1gpu: 0.516 x 6.525 in 4 bits with scales, 2 x 1.394 frozen, 4 x 0.178 trainable: 6.9
- full-1gpu: 2 x 7.936 in bfloat16: 15.9. Gradients take 2 x 7.632, moments 4 x 7.632: 61.7 together.
"""


@pytest.mark.parametrize("name", ["culturalpangea-7b", "pangea-stage1", *ONE_GPU, "tiny", "tiny-relevance"])
def test_every_shipped_recipe_accepts_a_number_of_steps(tmp_path, name):
    shipped = config.load(recipe.Recipe, config.find("recipe", name, recipe.RECIPES))
    small = shipped.model_copy(update={"sources": tuple(map(shrunk, shipped.sources))}).with_steps(5)
    stage = dry_run(small, tmp_path, Devices(), Reporter(quiet=True))["stages"][-1]
    assert stage["questions"] == 5 * shipped.stages[-1].batch.global_batch_size
    if name in ONE_GPU:
        available, weights = ONE_GPU[name]
        assert stage["memory_bytes"]["weights"] == pytest.approx(weights, rel=0.01)
        assert stage["memory_bytes"]["total"] < 0.85 * available


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
