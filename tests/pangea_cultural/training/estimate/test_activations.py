"""Estimated activation bytes, compared with the tensors that autograd saves of real models."""

import pytest
import torch
from transformers import CLIPVisionConfig, CLIPVisionModel, LlavaNextConfig, Qwen2Config, Qwen2Model
from transformers.models.llava_next.modeling_llava_next import LlavaNextMultiModalProjector

from pangea_cultural.training.estimate.activations import ForwardPass
from pangea_cultural.training.recipe import Lora
from pangea_cultural.training.setup import lora
from tests.helpers import tiny

LENGTH = 384
"""No weight has this size, or `saved_bytes` would take an activation for a weight."""
VISION = CLIPVisionConfig(
    hidden_size=256, intermediate_size=1024, num_hidden_layers=4, num_attention_heads=4, image_size=224, patch_size=14
)
FLOAT, AUTOCAST, BFLOAT = (torch.float32, False), (torch.float32, True), (torch.bfloat16, True)
"""Dtype of the weights, and whether autocast is enabled."""


def text_config(layers):
    return Qwen2Config(
        vocab_size=1000,
        hidden_size=512,
        intermediate_size=1408,
        num_hidden_layers=layers,
        num_attention_heads=8,
        num_key_value_heads=2,
    )


def saved_bytes(model, precision, forward):
    """Return the bytes of all tensors that a forward pass saves, without weights and their casts."""
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    shapes = {tuple(p.shape) for p in model.parameters()} | {tuple(p.shape[::-1]) for p in model.parameters()}
    saved = {}

    def pack(tensor):
        if tensor.untyped_storage().data_ptr() not in weights and tuple(tensor.shape) not in shapes:
            saved[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with (
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=precision[1]),
    ):
        # The result holds the graph and the graph holds the tensors, so no address is reused.
        result = forward()
    total = sum(tensor.untyped_storage().nbytes() for tensor in saved.values())
    del result
    return total


def measured(precision, *, layers=2, length=LENGTH, attention="sdpa", recomputed=0, trainable=True):
    """Return the bytes that a real language model saves of one row with a dense mask."""
    model = Qwen2Model(text_config(layers)).train().requires_grad_(trainable).to(precision[0])
    model.set_attn_implementation(attention)
    if recomputed:
        model.gradient_checkpointing_enable({"use_reentrant": False})
        for index, layer in enumerate(model.layers):
            layer.gradient_checkpointing = index < recomputed
    inputs = torch.randn(1, length, 512, dtype=model.dtype, requires_grad=True)
    mask = torch.zeros(1, 1, length, length, dtype=model.dtype)
    positions = torch.arange(length)[None]
    options = {"attention_mask": mask, "position_ids": positions, "use_cache": False}
    return saved_bytes(model, precision, lambda: model(inputs_embeds=inputs, **options))


def estimated(precision, *, layers=2, length=LENGTH, attention="sdpa", recomputed=0, trainable=True):
    """Return the estimate for the same language model."""
    config = LlavaNextConfig(text_config=text_config(layers), vision_config=VISION)
    forward_pass = ForwardPass(config, precision[0], trainable, recomputed=recomputed, attn_implementation=attention)
    with torch.autocast("cpu", torch.bfloat16, enabled=precision[1]):
        return forward_pass.language_model_bytes(1, length)


def test_language_model_in_float32_matches_autograd():
    size = {"layers": 6, "length": 1024}
    assert estimated(FLOAT, **size) == pytest.approx(measured(FLOAT, **size), rel=0.03)


@pytest.mark.parametrize("precision", [AUTOCAST, BFLOAT])
def test_language_model_in_bfloat16_saves_less(precision):
    assert estimated(precision) == pytest.approx(measured(precision), rel=0.05)
    assert estimated(precision) < 0.9 * estimated(FLOAT)


@pytest.mark.parametrize("precision", [FLOAT, AUTOCAST])
def test_frozen_language_model_saves_less(precision):
    assert estimated(precision, trainable=False) == pytest.approx(measured(precision, trainable=False), rel=0.05)
    assert estimated(precision, trainable=False) < 0.8 * estimated(precision)


def test_eager_attention_saves_its_probabilities():
    assert estimated(FLOAT, attention="eager") == pytest.approx(measured(FLOAT, attention="eager"), rel=0.05)
    assert estimated(FLOAT, attention="eager") > 1.2 * estimated(FLOAT)


@pytest.mark.parametrize("recomputed", [1, 4])
def test_recomputed_layer_saves_its_input_only(recomputed):
    layers, layer_input, mask = 4, LENGTH * 512 * 4, LENGTH**2 * 4
    full, all_recomputed, some = (estimated(FLOAT, layers=layers, recomputed=n) for n in (0, layers, recomputed))
    layer = (full - all_recomputed + layers * layer_input) / (layers - 1)
    saved = measured(FLOAT, layers=layers, recomputed=recomputed)
    # If all are recomputed, one is at work, in the backward pass only, and the hooks do not see the mask.
    assert some - (recomputed == layers) * (layer + mask) == pytest.approx(saved, rel=0.05)


def test_flex_attention_saves_no_mask_and_no_pairs():
    """Bytes grow with the length, not with its square."""
    config = LlavaNextConfig(text_config=text_config(2), vision_config=VISION)
    forward_pass = ForwardPass(config, torch.bfloat16, trainable=True)
    short, long = (forward_pass.language_model_bytes(1, length) for length in (LENGTH, 2 * LENGTH))
    assert long == pytest.approx(2 * short, rel=0.001)
    assert short < estimated(BFLOAT)


def test_adapters_save_their_inputs():
    model, _ = tiny.model_and_processor()
    adapters = Lora(rank=4, modules=("q_proj", "down_proj"), dropout=0.1)
    model.requires_grad_(False)
    model.set_attn_implementation({"text_config": "sdpa"})
    adapted = lora.attach(model, adapters, seed=0).train()
    inputs = torch.randn(1, LENGTH, model.config.text_config.hidden_size, requires_grad=True)
    options = {"attention_mask": torch.zeros(1, 1, LENGTH, LENGTH), "position_ids": torch.arange(LENGTH)[None]}
    language_model = adapted.model.model.language_model
    saved = saved_bytes(adapted, AUTOCAST, lambda: language_model(inputs_embeds=inputs, use_cache=False, **options))
    with torch.autocast("cpu", torch.bfloat16):
        estimate = ForwardPass(
            model.config, torch.float32, trainable=False, lora=adapters, attn_implementation="sdpa"
        ).language_model_bytes(1, LENGTH)
    assert estimate == pytest.approx(saved, rel=0.05)


@pytest.mark.parametrize("precision", [FLOAT, BFLOAT])
def test_trainable_vision_tower_matches_autograd(precision):
    model = CLIPVisionModel(VISION).train().to(precision[0])
    pixels = torch.randn(2, 3, 224, 224, dtype=model.dtype)
    saved = saved_bytes(model, precision, lambda: model(pixels, output_hidden_states=True).hidden_states)
    config = LlavaNextConfig(text_config=text_config(1), vision_config=VISION)
    with torch.autocast("cpu", torch.bfloat16, enabled=precision[1]):
        estimate = ForwardPass(config, precision[0], trainable=True).vision_tower_bytes(2)
    assert estimate == pytest.approx(saved, rel=0.1)


def test_projector_matches_autograd():
    config = LlavaNextConfig(text_config=text_config(1), vision_config=VISION)
    projector = LlavaNextMultiModalProjector(config)
    features = torch.randn(3, 256, 256, requires_grad=True)
    saved = saved_bytes(projector, AUTOCAST, lambda: projector(features))
    with torch.autocast("cpu", torch.bfloat16):
        assert ForwardPass(config, torch.float32, trainable=True).projector_bytes(3) == pytest.approx(saved, rel=0.01)
