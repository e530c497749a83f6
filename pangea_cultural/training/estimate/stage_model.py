"""The model as one stage trains it: trainable and frozen parameters by part."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch

from pangea_cultural.model import build
from pangea_cultural.model.modeling import PackedLlavaNext
from pangea_cultural.training.recipe import Recipe, Stage
from pangea_cultural.training.setup import lora
from pangea_cultural.training.setup.optimizers import Trained
from pangea_cultural.training.setup.quantization import linears


class ParameterCounts(NamedTuple):
    """Numbers of parameters of a part of the model."""

    trainable: int
    frozen: int


@dataclass(frozen=True)
class StageModel:
    """A model in one stage of a recipe.

    Args:
        model: the model; it may be on the meta device.
        recipe: the training recipe.
        stage: one of the recipe's stages.
    """

    model: PackedLlavaNext
    recipe: Recipe
    stage: Stage

    @cached_property
    def parameters(self) -> dict[str, ParameterCounts]:
        """Parameters by part. LoRA adapters and the contrastive head are separate parts."""
        stage, config = self.stage, self.model.config
        totals = {part: count(parameters) for part, parameters in build.parameter_groups(self.model).items()}
        trainable = {part: total if part in stage.trainable else 0 for part, total in totals.items()}
        if "vision_tower" in stage.trainable:
            trainable["vision_tower"] -= count(build.unused_vision_parameters(self.model))
        added = {}
        if stage.objective == "contrastive":
            trainable["language_model"] = trainable["language_model"] or self.num_embeddings
            vision, text = config.vision_config.hidden_size, config.text_config.hidden_size
            added["head"] = ParameterCounts(vision * text + text + 1, 0)
        if stage.lora:
            trainable["language_model"] = 0
            added["adapters"] = ParameterCounts(sum(a * b for a, b in self._adapters), 0)
        return {part: ParameterCounts(trainable[part], totals[part] - trainable[part]) for part in totals} | added

    @cached_property
    def _adapters(self) -> list[tuple[int, int]]:
        """Rows and columns of the LoRA adapters."""
        if not self.stage.lora:
            return []
        adapted, rank = lora.target_pattern(self.stage.lora.modules), self.stage.lora.rank
        linears = [module for name, module in self.model.named_modules() if re.fullmatch(adapted, name)]
        return [shape for one in linears for shape in ((rank, one.in_features), (one.out_features, rank))]

    @cached_property
    def matrices(self) -> list[tuple[int, int]]:
        """Rows and columns of the trainable weights of linear layers, without the output embeddings."""
        vision, text = self.model.config.vision_config, self.model.config.text_config
        parts = set(self.stage.trainable) - ({"language_model"} if self.stage.lora else set())
        groups = build.parameter_groups(self.model)
        trained = {id(parameter) for part in parts for parameter in groups[part]}
        trained -= {id(parameter) for parameter in build.unused_vision_parameters(self.model)}
        trained.discard(id(self.model.lm_head.weight))
        linears = [module.weight for module in self.model.modules() if isinstance(module, torch.nn.Linear)]
        shapes = [(weight.shape[0], weight.shape[1]) for weight in linears if id(weight) in trained]
        head = [(text.hidden_size, vision.hidden_size)] if self.stage.objective == "contrastive" else []
        return [*shapes, *head, *self._adapters]

    @property
    def trained(self) -> Trained:
        """Numbers of trainable parameters, for what the optimizer needs."""
        matrices = sum(rows * columns for rows, columns in self.matrices)
        return Trained(self.total.trainable, self.num_trainable_embeddings, matrices)

    @property
    def total(self) -> ParameterCounts:
        """Parameters of all parts."""
        trainable, frozen = (sum(counts) for counts in zip(*self.parameters.values(), strict=True))
        return ParameterCounts(trainable, frozen)

    def trains(self, part: str) -> bool:
        """Return whether parameters of `part` are trainable, not counting its adapters."""
        return bool(self.parameters[part].trainable)

    @property
    def recomputed_vision_layers(self) -> int:
        """Layers of the vision tower that recompute their activations, if it is trained."""
        memory, layers = self.stage.memory, self.model.config.vision_config.num_hidden_layers
        if self.stage.objective == "contrastive":
            return memory.recomputed_layers(layers)
        return layers if memory.gradient_checkpointing else 0

    @cached_property
    def num_decoder_parameters(self) -> int:
        """Parameters of the language model without its embeddings: each token passes through them."""
        decoder = self.model.model.language_model
        return count([*decoder.layers.parameters(), *decoder.norm.parameters()])

    @cached_property
    def num_quantized(self) -> int:
        """Weights in 4 bits."""
        return count(linear.weight for _, linear in linears(self.model)) if self.recipe.model.load_in_4bit else 0

    @property
    def num_trainable_embeddings(self) -> int:
        """Trainable parameters of the input embeddings."""
        return self.num_embeddings if self.parameters["language_model"].trainable >= self.num_embeddings else 0

    @property
    def num_embeddings(self) -> int:
        """Parameters of the input embeddings."""
        return self.model.get_input_embeddings().weight.numel()


def count(parameters: Iterable[torch.nn.Parameter]) -> int:
    """Return the number of scalars in `parameters`."""
    return sum(parameter.numel() for parameter in parameters)
