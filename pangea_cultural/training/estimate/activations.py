"""Bytes of activations that autograd saves in a forward pass, measured on fake tensors.

Copies of the model with one and with two layers run under torch's `FakeTensorMode`, which computes shapes and dtypes
only. All layers are alike and so are all rows, so the bytes of the model are extrapolated.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from transformers import AttentionInterface, AutoModelForImageTextToText, LlavaNextConfig
from transformers.integrations.flex_attention import repeat_kv

from pangea_cultural.training.recipe import Lora
from pangea_cultural.training.setup import lora
from pangea_cultural.training.setup.objectives import cast_trainable

FLEX_SHAPES = "flex_attention_shapes"
"""Name in transformers of the attention that stands in for FlexAttention."""
MEASURED: dict[tuple[Any, ...], int] = {}
"""Bytes that were measured in this process: a plan compares many settings of the same layers."""
Inputs = Callable[[int], dict[str, Any]]
"""Returns the inputs of a module for a number of rows or tiles."""


def _flex_shapes(
    module: torch.nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: Any, **options: Any
) -> tuple[torch.Tensor, None]:
    """Save the tensors that FlexAttention saves, with causal SDPA: FlexAttention does not run on fake tensors."""
    heads, groups = query.shape[1], query.shape[1] // key.shape[1]
    if heads & (heads - 1):  # transformers repeats keys and values unless the number of heads is a power of two
        key, value = repeat_kv(key, groups), repeat_kv(value, groups)
    output = torch.nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
    return output.transpose(1, 2).contiguous(), None


AttentionInterface.register(FLEX_SHAPES, _flex_shapes)


@dataclass(frozen=True)
class ForwardPass:
    """A training forward pass of a part of the model. Autocast applies if the caller enables it.

    Args:
        config: the configuration of the model.
        dtype: dtype of the part's weights, and so of its residual stream.
        trainable: whether the part's weights are trainable. Gradients pass through the language model in either case.
        recomputed: layers, from the first on, that save their input only and recompute the rest in the backward pass.
        lora: adapters of the language model.
        attn_implementation: attention of the language model.
    """

    config: LlavaNextConfig
    dtype: torch.dtype
    trainable: bool
    recomputed: int = 0
    lora: Lora | None = None
    attn_implementation: str = FLEX_SHAPES

    def language_model_bytes(self, rows: int, length: int) -> int:
        """Return the bytes of `rows` rows of `length` tokens, from the input embeddings to the last norm."""
        text, dense = self.config.text_config, self.attn_implementation != FLEX_SHAPES

        def inputs(count: int) -> dict[str, Any]:
            return {
                "inputs_embeds": torch.empty(count, length, text.hidden_size, dtype=self.dtype, requires_grad=True),
                "attention_mask": torch.empty(count, 1, length, length, dtype=self.dtype) if dense else None,
                "position_ids": torch.arange(length).expand(count, -1),
                "use_cache": False,
            }

        layer_input = length * text.hidden_size * self.dtype.itemsize
        return rows * self._all_layers("language_model", inputs, text.num_hidden_layers, layer_input, length)

    def gradient_bytes(self, rows: int, length: int) -> int:
        """Return the bytes of gradients of activations in the language model, at work while all activations are saved.

        The largest are those of a layer's gate and product in the MLP.
        """
        item = min(self.dtype.itemsize, torch.get_autocast_dtype("cpu").itemsize)
        return 2 * rows * length * self.config.text_config.intermediate_size * item

    def vision_tower_bytes(self, tiles: int) -> int:
        """Return the bytes of `tiles` image tiles.

        A frozen vision tower saves nothing for the backward pass. It holds the outputs of all layers, which LLaVA-NeXT
        asks for, and the widest layer at work.
        """
        vision = self.config.vision_config
        patches = (vision.image_size // vision.patch_size) ** 2 + 1
        layer_input = patches * vision.hidden_size * self.dtype.itemsize
        if not self.trainable:
            widest = 3 * patches * vision.intermediate_size * torch.bfloat16.itemsize
            return tiles * ((vision.num_hidden_layers + 1) * layer_input + widest)
        shape = (3, vision.image_size, vision.image_size)
        return tiles * self._all_layers(
            "vision_tower",
            lambda count: {"pixel_values": torch.empty(count, *shape, dtype=self.dtype), "output_hidden_states": True},
            vision.num_hidden_layers,
            layer_input,
        )

    def projector_bytes(self, tiles: int) -> int:
        """Return the bytes of `tiles` image tiles in the projector."""
        vision = self.config.vision_config
        shape = ((vision.image_size // vision.patch_size) ** 2, vision.hidden_size)
        return tiles * self._measure(
            "multi_modal_projector",
            lambda count: {"image_features": torch.empty(count, *shape, dtype=self.dtype, requires_grad=True)},
            layers=1,
        )

    def _all_layers(self, module: str, inputs: Inputs, layers: int, layer_input: int, length: int = 0) -> int:
        """Return the bytes of a row or tile in all layers.

        The layers that keep their activations have freed them when another one recomputes its own. So at least one
        layer is at work.
        """
        first, both = (self._measure(module, inputs, layers=number, length=length) for number in (1, 2))
        kept = max(1, layers - self.recomputed)
        return first + (kept - 1) * (both - first) + self.recomputed * layer_input

    def _measure(self, module: str, inputs: Inputs, *, layers: int, length: int = 0) -> int:
        """Return the bytes that a second row or tile adds. Casts of weights, which autograd saves once, cancel out."""
        options = (self.dtype, self.trainable, self.lora, self.attn_implementation, torch.is_autocast_enabled("cpu"))
        key = (self.config.to_json_string(), module, layers, length, *options)
        if key not in MEASURED:
            model = self._meta_model(layers)
            with FakeTensorMode(allow_non_fake_inputs=True):
                run = model.to_empty(device="cpu").model.get_submodule(module)
                MEASURED[key] = saved_bytes(lambda: run(**inputs(2))) - saved_bytes(lambda: run(**inputs(1)))
        return MEASURED[key]

    def _meta_model(self, layers: int) -> Any:
        config = copy.deepcopy(self.config)
        text = config.text_config
        text.num_hidden_layers = config.vision_config.num_hidden_layers = layers
        if getattr(text, "layer_types", None):
            text.layer_types = text.layer_types[:1] * layers
        with torch.device("meta"):
            model = AutoModelForImageTextToText.from_config(config, dtype=self.dtype)
            model.train().requires_grad_(self.trainable)
            model.set_attn_implementation({"text_config": self.attn_implementation})
            if self.lora:
                cast_trainable(lora.attach(model, self.lora, seed=0))
        return model


def saved_bytes(forward: Callable[[], Any]) -> int:
    """Return the bytes of all tensors that autograd saves in `forward`; each storage counts once."""
    storages = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storages[tensor.untyped_storage()._cdata] = tensor.untyped_storage()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        forward()
    return sum(storage.nbytes() for storage in storages.values())
