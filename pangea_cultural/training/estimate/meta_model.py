"""The base model on the meta device, and its tokenizer: shapes only, nothing is downloaded."""

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoConfig, AutoTokenizer, LlavaNextConfig, PreTrainedTokenizerBase
from transformers.models.llava_next.modeling_llava_next import image_size_to_num_patches

from pangea_cultural.errors import UserError
from pangea_cultural.model import processor, tokenizer
from pangea_cultural.model.config import load_size, model_config
from pangea_cultural.model.modeling import PackedLlavaNext
from pangea_cultural.model.pretrained import cannot_load
from pangea_cultural.training.batching.chat_template import ChatTemplate
from pangea_cultural.training.batching.images import ImageTokenCounter
from pangea_cultural.training.batching.inputs import TrainingInputs
from pangea_cultural.training.data.corpus import Corpus
from pangea_cultural.training.setup.base_model import BaseModel, processor_key


@dataclass(frozen=True)
class MetaModel:
    """A model without its weights.

    Args:
        model: the model on the meta device.
        image_tokens: counts the tokens of its images.
        template: tokenizes its texts; None if its tokenizer is not on this machine.
        origin: source of the configuration, for the user.
        processor_key: key of the processor in the cache of measured lengths.
    """

    model: PackedLlavaNext
    image_tokens: ImageTokenCounter
    template: ChatTemplate | None
    origin: str
    processor_key: str

    def num_tiles(self, height_and_width: tuple[int, int]) -> int:
        """Return the number of tiles of an image, the overview included."""
        config = self.model.config
        return image_size_to_num_patches(
            list(height_and_width), config.image_grid_pinpoints, config.vision_config.image_size
        )


def build_meta_model(inputs: TrainingInputs, corpora: list[Corpus], folder: Path) -> MetaModel:
    """Build the base model of a recipe on the meta device.

    The configuration of a checkpoint that is not on this machine comes from the recipe's `model.size`.

    Args:
        inputs: the recipe with the present sources only.
        corpora: the present sources, for the tokenizer of a model from scratch.
        folder: working folder for that tokenizer and for the processor.

    Raises:
        UserError: the checkpoint is not on this machine and the recipe names no size.
    """
    base, start = BaseModel(inputs, folder), inputs.recipe.model
    config, text_tokenizer, vocab_size = None, None, start.vocab_size
    if not start.from_scratch:
        name = base.local(start.checkpoint or start.language_model)
        text_tokenizer = _local_tokenizer(name)
        config = _local_config(name) if start.checkpoint else None
        if config is None and not start.size:
            raise UserError(f"{name} is not on this machine. Set model.size in the recipe, such as clip-l-qwen2-7b.")
    elif corpora:
        base.prepare(corpora)
        text_tokenizer = base.tokenizer()
        vocab_size = len(text_tokenizer)
    origin = f"config.json of {start.checkpoint}" if config else f"size {start.size}"
    byte_tokenizer = tokenizer.train([], vocab_size=0, max_length=0)
    if config is None:
        if not start.from_scratch:
            vocab_size = load_size(base.size).vocab_size or vocab_size
        config = model_config(base.size, byte_tokenizer, vocab_size=vocab_size)
    with torch.device("meta"):
        model = PackedLlavaNext(config)
    # A processor needs a tokenizer, but image tokens do not depend on it.
    model_processor = processor.build_processor(config, text_tokenizer or byte_tokenizer)
    key = processor_key(model_processor, folder / "processor")
    template = ChatTemplate(text_tokenizer) if text_tokenizer else None
    return MetaModel(model, ImageTokenCounter(model_processor), template, origin, key)


def _local_config(name: str) -> LlavaNextConfig | None:
    """Return the configuration in a folder or in the hub's cache, or None."""
    try:
        config = AutoConfig.from_pretrained(name, local_files_only=True)
    except OSError:
        return None
    except ValueError as error:
        raise cannot_load(name, error) from error
    if not isinstance(config, LlavaNextConfig):
        raise UserError(f"{name} is a {config.model_type} checkpoint, not LLaVA-NeXT. Choose another checkpoint.")
    return config


def _local_tokenizer(name: str) -> PreTrainedTokenizerBase | None:
    """Return the tokenizer in a folder or in the hub's cache, or None."""
    try:
        return AutoTokenizer.from_pretrained(name, local_files_only=True)
    except (OSError, ValueError):
        return None
