"""Save checkpoints in the layout of the hub's LLaVA-NeXT models, which transformers and vLLM load."""

from pathlib import Path

import torch
from huggingface_hub import ModelCard, ModelCardData, split_torch_state_dict_into_shards
from transformers import (
    GenerationConfig,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    LlavaNextProcessor,
    PreTrainedTokenizerBase,
)

from pangea_cultural.model.tensor_files import save_tensors
from pangea_cultural.model.tokenizer import END, PAD
from pangea_cultural.model.weight_names import hub_name
from pangea_cultural.utils.files import atomic_folder, write_bytes, write_json

INDEX = "model.safetensors.index.json"
"""File name of the index of a sharded checkpoint."""
SHARD_BYTES = 5_000_000_000
"""Maximum size of a file of weights in bytes, as on the hub."""


class CheckpointError(RuntimeError):
    """A bug: a saved checkpoint loads with other weights."""


def hub_state(model: LlavaNextForConditionalGeneration) -> dict[str, torch.Tensor]:
    """Return the weights by the hub's names, without tied output embeddings."""
    tied = model.config.tie_word_embeddings
    return {
        hub_name(name): tensor.detach().contiguous()
        for name, tensor in model.state_dict().items()
        if not (tied and name == "lm_head.weight")
    }


def save_checkpoint(
    model: LlavaNextForConditionalGeneration, processor: LlavaNextProcessor, folder: Path, *, card: str, license: str
) -> None:
    """Write a checkpoint atomically and verify it.

    Args:
        model: the model, on any device.
        processor: its processor, with the tokenizer.
        folder: folder of the checkpoint; replaced if it exists.
        card: text of the model card, without metadata.
        license: license identifier for the card's metadata.

    Raises:
        CheckpointError: the checkpoint does not load with the same weights.
    """
    with atomic_folder(folder) as partial:
        write_checkpoint(model, processor, partial, card=card, license=license)


def write_checkpoint(
    model: LlavaNextForConditionalGeneration, processor: LlavaNextProcessor, folder: Path, *, card: str, license: str
) -> None:
    """Write a checkpoint into an empty folder and verify it, as `save_checkpoint` does."""
    _save_weights(hub_state(model), folder)
    model.config.architectures = ["LlavaNextForConditionalGeneration"]
    set_dtype(model.config, model.dtype)
    model.config.save_pretrained(folder)
    processor.save_pretrained(folder)
    save_generation_config(processor.tokenizer, folder)
    save_card(folder, card, license=license)
    verify(model, folder)


def set_dtype(config: LlavaNextConfig, dtype: torch.dtype) -> None:
    """State the dtype of the weights in a configuration and in those of its parts.

    transformers leaves in the parts the dtype that they were loaded in.
    """
    for part in (config, config.text_config, config.vision_config):
        part.dtype = dtype


def save_generation_config(tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write the default generation settings: greedy, to the end of the turn."""
    GenerationConfig(
        do_sample=False,
        eos_token_id=tokenizer.convert_tokens_to_ids(END),
        pad_token_id=tokenizer.convert_tokens_to_ids(PAD),
    ).save_pretrained(folder)


def save_card(folder: Path, text: str, *, license: str | None) -> None:
    """Write a model card; `license` is an identifier of the hub, or None if it is unknown."""
    metadata = ModelCardData(license=license, library_name="transformers", pipeline_tag="image-text-to-text")
    write_bytes(folder / "README.md", ModelCard(f"---\n{metadata}\n---\n{text}").content.encode())


def _save_weights(state: dict[str, torch.Tensor], folder: Path) -> None:
    """Write one file, or shards with an index if it would be larger than SHARD_BYTES."""
    shards = split_torch_state_dict_into_shards(state, max_shard_size=SHARD_BYTES)
    for name, tensors in shards.filename_to_tensors.items():
        save_tensors({tensor: state[tensor] for tensor in tensors}, folder / name)
    if shards.is_sharded:
        write_json(folder / INDEX, {"metadata": shards.metadata, "weight_map": shards.tensor_to_filename})


def verify(model: LlavaNextForConditionalGeneration, folder: Path) -> None:
    """Load a checkpoint and compare it with the model that it was saved from.

    Raises:
        CheckpointError: names are missing or unexpected, or a weight differs.
    """
    loaded, info = LlavaNextForConditionalGeneration.from_pretrained(
        folder, dtype=model.dtype, output_loading_info=True
    )
    problems = {key: value for key, value in info.items() if value}
    if problems:
        raise CheckpointError(f"{folder} does not load: {problems}")
    state = loaded.state_dict()
    different = [name for name, tensor in model.state_dict().items() if not torch.equal(tensor.cpu(), state[name])]
    if different:
        raise CheckpointError(f"{folder} loads with different weights: {different[:3]}")
