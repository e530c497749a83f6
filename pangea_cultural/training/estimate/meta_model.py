"""A model before it is there: its shape on the meta device, where weights take no memory, and what counts tokens."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from transformers import AutoConfig, AutoTokenizer, LlavaNextConfig, PreTrainedTokenizerBase
from transformers.models.llava_next.modeling_llava_next import image_size_to_num_patches

from pangea_cultural.errors import UserError
from pangea_cultural.model import build, processor, tokenizer
from pangea_cultural.model.config import model_config, size_table
from pangea_cultural.model.modeling import PackedLlavaNext
from pangea_cultural.training.batching.chat_template import ChatTemplate
from pangea_cultural.training.batching.images import ImageTokenCounter
from pangea_cultural.training.batching.inputs import TrainingInputs
from pangea_cultural.training.data.corpus import Corpus
from pangea_cultural.training.recipe import Model, Recipe, Stage
from pangea_cultural.training.setup import lora
from pangea_cultural.training.setup.base_model import BaseModel, processor_key


class Share(NamedTuple):
    """Parameters of a part of the model."""

    trained: int
    frozen: int


@dataclass(frozen=True)
class Blueprint:
    """What is known of a model without its weights.

    Args:
        model: on the meta device.
        image_tokens: of its images.
        template: of its texts; None where its tokenizer is not on this machine.
        origin: where the shape is from.
        key: names the processor, as a training names it for what it has measured.
    """

    model: PackedLlavaNext
    image_tokens: ImageTokenCounter
    template: ChatTemplate | None
    origin: str
    key: str

    def tiles(self, height_and_width: tuple[int, int]) -> int:
        """Tiles of an image, the overview included."""
        config = self.model.config
        return image_size_to_num_patches(
            list(height_and_width), config.image_grid_pinpoints, config.vision_config.image_size
        )

    def shares(self, stage: Stage) -> dict[str, Share]:
        """What a stage trains and what it leaves, by part of the model; adapters and a head of its own come on top."""
        parts = {name: _count(own) for name, own in build.parameter_groups(self.model).items()}
        unread = {"vision_tower": _count(build.unused_vision_parameters(self.model))}
        trained = {name: count - unread.get(name, 0) if name in stage.trainable else 0 for name, count in parts.items()}
        added = {}
        if stage.objective == "contrastive":
            trained["language_model"] = trained["language_model"] or self.model.get_input_embeddings().weight.numel()
            vision_tower, text = self.model.config.vision_config.hidden_size, self.model.config.text_config.hidden_size
            added["head"] = Share(vision_tower * text + text + 1, 0)
        if stage.lora:
            trained["language_model"] = 0
            rank = stage.lora.rank
            added["adapters"] = Share(sum(rank * (m.in_features + m.out_features) for m in self.adapted(stage)), 0)
        return {name: Share(trained[name], parts[name] - trained[name]) for name in parts} | added

    @property
    def layers(self) -> int:
        """Parameters that each token goes through: of the language model, without its embeddings."""
        inner = self.model.model.language_model
        return _count([*inner.layers.parameters(), *inner.norm.parameters()])

    def adapted(self, stage: Stage) -> list[torch.nn.Linear]:
        """The modules of the language model that get an adapter."""
        if stage.lora is None:
            return []
        pattern = re.compile(lora.target_pattern(stage.lora))
        return [module for name, module in self.model.named_modules() if pattern.fullmatch(name)]


def _count(parameters: list[torch.nn.Parameter]) -> int:
    return sum(parameter.numel() for parameter in parameters)


def draw(recipe: Recipe, workspace: Path, corpora: list[Corpus], folder: Path) -> Blueprint:
    """The blueprint of the model that a recipe starts from.

    Nothing is fetched: what is not on this machine is read from the table of the recipe's `model.size`.

    Args:
        recipe: with those sources only that are here.
        workspace: where paths of the recipe begin.
        corpora: the sources, for the tokenizer of a model from scratch.
        folder: for that tokenizer, and for the processor.

    Raises:
        UserError: nothing here tells how large the model is.
    """
    start = BaseModel(TrainingInputs.open(recipe, workspace), folder)
    if recipe.model.from_scratch:
        config, words, origin = _from_scratch(recipe.model, start, corpora)
    else:
        config, words, origin = _published(recipe.model, start)
    with torch.device("meta"):
        model = PackedLlavaNext(config)
    own = processor.build_processor(config, words or _marks())
    key = processor_key(own, folder / "processor")
    return Blueprint(model, ImageTokenCounter(own), ChatTemplate(words) if words else None, origin, key)


Known = tuple[LlavaNextConfig, PreTrainedTokenizerBase | None, str]


def _from_scratch(model: Model, start: BaseModel, corpora: list[Corpus]) -> Known:
    if not corpora:
        return model_config(start.size, _marks(), vocab_size=model.vocab_size), None, f"size {model.size}"
    start.prepare(corpora)
    words = start.tokenizer()
    return model_config(start.size, words), words, f"size {model.size}"


def _published(model: Model, start: BaseModel) -> Known:
    name = start.local(model.checkpoint or model.language_model)
    words = _tokenizer(name)
    config = _config(name) if model.checkpoint else None
    if config is not None:
        return config, words, f"config.json of {model.checkpoint}"
    if not model.size:
        raise UserError(
            f"{name} is not on this machine: say in the recipe how large it is (model.size, such as clip-l-qwen2-7b)"
        )
    vocabulary = size_table(start.size).vocab_size or model.vocab_size
    return model_config(start.size, _marks(), vocab_size=vocabulary), words, f"size {model.size}"


def _config(name: str) -> LlavaNextConfig | None:
    """Of a folder or of what was fetched from the hub before; None where there is none."""
    try:
        config = AutoConfig.from_pretrained(name, local_files_only=True)
    except OSError:
        return None
    if not isinstance(config, LlavaNextConfig):
        raise UserError(f"{name} is no LLaVA-NeXT checkpoint but {config.model_type}")
    return config


def _tokenizer(name: str) -> PreTrainedTokenizerBase | None:
    try:
        return AutoTokenizer.from_pretrained(name, local_files_only=True)
    except (OSError, ValueError):
        return None


def _marks() -> PreTrainedTokenizerBase:
    """A tokenizer that knows bytes and marks, as processors want one: enough to say how many tokens an image has."""
    return tokenizer.train([], vocab_size=0, max_length=0)
