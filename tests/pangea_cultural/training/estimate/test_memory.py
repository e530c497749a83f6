"""The formulas of the dry run, against what torch keeps and computes."""

import pytest
import torch
from torch.utils.checkpoint import set_checkpoint_early_stop
from torch.utils.flop_counter import FlopCounterMode
from transformers import CLIPVisionConfig, CLIPVisionModel, Qwen2Config, Qwen2Model

from pangea_cultural.model import build
from pangea_cultural.model.modeling import IGNORE_INDEX
from pangea_cultural.training.batching.collate import Collator
from pangea_cultural.training.data.types import Conversation, Group
from pangea_cultural.training.estimate.activations import Width, language_model_bytes, vision_tower_bytes
from pangea_cultural.training.estimate.flops import Work, flops
from pangea_cultural.training.estimate.memory import Batch, Step, memory
from pangea_cultural.training.estimate.meta_model import Blueprint
from pangea_cultural.training.recipe import Recipe
from pangea_cultural.training.setup import lora
from pangea_cultural.training.setup.contrastive import Contrastive
from tests.helpers import packed_rows, tiny
from tests.helpers.recipes import merged


def text(layers):
    return Qwen2Config(
        vocab_size=1000,
        hidden_size=512,
        intermediate_size=1408,
        num_hidden_layers=layers,
        num_attention_heads=8,
        num_key_value_heads=2,
    )


LENGTH = 384
"""Such as no weight has, or `kept_bytes` would take what is kept for a weight."""
VISION = CLIPVisionConfig(
    hidden_size=256, intermediate_size=1024, num_hidden_layers=4, num_attention_heads=4, image_size=224, patch_size=14
)
FLOAT, AUTOCAST, BFLOAT = Width(4, 4), Width(2, 4), Width(2, 2)


def kept_bytes(model, forward):
    """Bytes of all tensors that a forward pass keeps, each storage once; weights and their casts are left out."""
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    shapes = {tuple(p.shape) for p in model.parameters()} | {tuple(p.shape[::-1]) for p in model.parameters()}
    kept = {}

    def keep(tensor):
        if tensor.untyped_storage().data_ptr() not in weights and tuple(tensor.shape) not in shapes:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        # What is returned holds the graph, and the graph what is kept: no address is used twice.
        result = forward()
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values()), result


def language_model(width, *, layers=2, length=LENGTH, attention="sdpa", checkpointing=False, learns=True):
    """What a real model keeps of one row with a dense mask."""
    model = Qwen2Model(text(layers)).train().requires_grad_(learns)
    model = model.to(torch.float32 if width.stream == 4 else torch.bfloat16)
    model.set_attn_implementation(attention)
    if checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    inputs = torch.randn(1, length, 512, dtype=model.dtype, requires_grad=True)
    mask = torch.zeros(1, 1, length, length, dtype=model.dtype)

    def forward():
        with torch.autocast("cpu", torch.bfloat16, enabled=width.compute == 2):
            positions = torch.arange(length)[None]
            return model(inputs_embeds=inputs, attention_mask=mask, position_ids=positions, use_cache=False)

    return kept_bytes(model, forward)[0]


def said(width, *, layers=2, length=LENGTH, attention="sdpa", checkpointing=False, learns=True):
    options = {"learns": learns, "adapters": 0, "attention": attention, "checkpointing": checkpointing}
    return language_model_bytes(text(layers), 1, length, width, **options)


def test_a_moderate_language_model_keeps_what_the_formula_says():
    size = {"layers": 6, "length": 1024}
    assert said(FLOAT, **size) == pytest.approx(language_model(FLOAT, **size), rel=0.03)


@pytest.mark.parametrize("width", [AUTOCAST, BFLOAT])
def test_in_bfloat16_it_keeps_less(width):
    assert said(width) == pytest.approx(language_model(width), rel=0.05)
    assert said(width) < 0.9 * said(FLOAT)


@pytest.mark.parametrize("width", [FLOAT, AUTOCAST])
def test_a_frozen_language_model_keeps_less(width):
    assert said(width, learns=False) == pytest.approx(language_model(width, learns=False), rel=0.05)
    assert said(width, learns=False) < 0.8 * said(width)


def test_eager_attention_keeps_its_probabilities():
    assert said(FLOAT, attention="eager") == pytest.approx(language_model(FLOAT, attention="eager"), rel=0.05)


def test_with_checkpointing_a_layer_keeps_its_input_only():
    layers, inputs, mask = 4, LENGTH * 512 * 4, LENGTH**2 * 4
    whole, short = said(FLOAT, layers=layers), said(FLOAT, layers=layers, checkpointing=True)
    a_layer = (whole - short + layers * inputs) / (layers - 1)
    # The layer at work is there in the backward pass only, and the mask is held where the hooks do not see it.
    measured = language_model(FLOAT, layers=layers, checkpointing=True)
    assert short - a_layer - mask == pytest.approx(measured, rel=0.05)


@pytest.mark.parametrize("width", [FLOAT, BFLOAT])
def test_a_vision_tower_keeps_what_the_formula_says(width):
    model = CLIPVisionModel(VISION).train().to(torch.float32 if width.stream == 4 else torch.bfloat16)
    pixels = torch.randn(2, 3, 224, 224, dtype=model.dtype)
    measured, _ = kept_bytes(model, lambda: model(pixels, output_hidden_states=True).hidden_states)
    assert vision_tower_bytes(VISION, 2, width, learns=True, checkpointing=False) == pytest.approx(measured, rel=0.1)


LORA = {"rank": 4, "modules": ["q_proj", "down_proj"]}
STAGE = {
    "name": "s",
    "steps": 1,
    "trainable": ["projector", "language_model"],
    "optimizer": {"learning_rate": 1e-3},
    "batch": {"global_batch_size": 8},
}
BATCH = Batch(rows=1, length=256, targets=40, tiles=3)


def recipe(dtype="float32", parallelism="ddp", **stage):
    content = {"name": "r", "parallelism": parallelism, "sources": [{"type": "export", "path": "nowhere"}]}
    model = {"size": "tiny", "dtype": dtype}
    return Recipe.model_validate(content | {"model": model, "stages": [merged(STAGE, stage)]})


@pytest.fixture(scope="module")
def tiny_model():
    return tiny.model_and_processor()


@pytest.fixture
def blueprint(tiny_model):
    """Of the tiny model; what counts its tokens is not needed here."""
    return Blueprint(tiny_model[0], None, None, "tests", "")


def held(blueprint, what, *, devices=1):
    return memory(blueprint, what, what.stages[0], Step(BATCH, micro_batches=1, devices=devices))


def trained(blueprint, what):
    return sum(share.trained for share in blueprint.shares(what.stages[0]).values())


def test_adapters_are_as_many_as_peft_makes(blueprint):
    stage = recipe(lora=LORA).stages[0]
    adapted = lora.attach(tiny.model_and_processor()[0], stage.lora, seed=0)
    made = sum(p.numel() for name, p in adapted.named_parameters() if "lora_" in name)
    shares = blueprint.shares(stage)
    assert shares["adapters"].trained == made > 0
    assert shares["language_model"].trained == 0


def test_a_contrastive_stage_trains_the_vision_tower_the_embeddings_and_a_head(blueprint):
    model, own = tiny.model_and_processor()
    module = Contrastive(model, own.tokenizer, ["Peru", "Chad"])
    for parameter in build.unused_vision_parameters(model):
        parameter.requires_grad_(False)
    stage = recipe(objective="contrastive", trainable=["vision_tower"])
    assert trained(blueprint, stage) == sum(p.numel() for p in module.parameters() if p.requires_grad)


def test_sharding_divides_what_parameters_take(blueprint):
    alone, shared = held(blueprint, recipe()), held(blueprint, recipe(parallelism="fsdp"), devices=4)
    for part in ("weights", "gradients", "optimizer"):
        assert shared[part] == alone[part] // 4, part


def test_several_devices_without_sharding_hold_gradients_twice(blueprint):
    assert held(blueprint, recipe(), devices=2)["gradients"] == 2 * held(blueprint, recipe())["gradients"]


def test_adapters_on_frozen_weights_in_bfloat16_take_a_fraction(blueprint):
    small = recipe(dtype="bfloat16", lora=LORA)
    learns = trained(blueprint, small)
    frozen = sum(share.frozen for share in blueprint.shares(small.stages[0]).values())
    assert held(blueprint, small)["weights"] == 4 * learns + 2 * frozen
    assert held(blueprint, small)["optimizer"] == 8 * learns < held(blueprint, recipe())["optimizer"] / 4


def test_logits_are_of_targets_only(blueprint):
    assert held(blueprint, recipe())["logits"] == 12 * BATCH.targets * blueprint.model.config.text_config.vocab_size


PROJECTOR_AND_MODEL = ["projector", "language_model"]


@pytest.mark.parametrize(
    ("parts", "checkpointing"),
    [
        (PROJECTOR_AND_MODEL, False),
        (PROJECTOR_AND_MODEL, True),
        (["projector"], False),
        (["vision_tower", *PROJECTOR_AND_MODEL], True),
    ],
)
def test_operations_are_as_many_as_torch_counts(blueprint, tmp_path, parts, checkpointing):
    model, own = tiny.model_and_processor()
    stage = recipe(trainable=parts, memory={"gradient_checkpointing": checkpointing}).stages[0]
    for part, parameters in build.parameter_groups(model).items():
        for parameter in parameters:
            parameter.requires_grad_(part in parts)
    tiny.image("Q1", 0).save(tmp_path / "a.png")
    talks = tuple(Conversation(str(n), "en", (("Which country is this?", "Peru"),)) for n in range(4))
    batch = packed_rows.batch_of(Collator(own, keys={(0, "en"): 0}), [Group(0, (tmp_path / "a.png",), talks)], own)
    counted = torch_counts(model, batch, checkpointing=checkpointing, vision_tower="vision_tower" in parts)
    rows, length = batch["input_ids"].shape
    targets = int((batch["labels"][:, 1:] != IGNORE_INDEX).sum())
    tiles = blueprint.tiles(tuple(batch["image_sizes"][0].tolist()))
    # Eager attention over a dense mask computes every pair.
    work = Work(rows * length, rows * length**2, targets, tiles)
    assert flops(blueprint, stage, work) == pytest.approx(counted, rel=0.05)


def torch_counts(model, batch, *, checkpointing, vision_tower):
    """Operations of a forward and a backward pass."""
    model.set_attn_implementation("eager")
    model.train()
    model.model.vision_tower.train(vision_tower)
    if checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    # A whole layer is computed again, as it is usually counted.
    with set_checkpoint_early_stop(False), FlopCounterMode(display=False) as counter:
        model(**batch).loss.backward()
    return counter.get_total_flops()
