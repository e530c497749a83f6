"""A checkpoint on disk, in the layout of the hub's LLaVA-NeXT models, which transformers and vLLM load."""

from pathlib import Path

import torch
from huggingface_hub import ModelCard, ModelCardData, split_torch_state_dict_into_shards
from safetensors.torch import save_file
from transformers import (
    GenerationConfig,
    LlavaNextForConditionalGeneration,
    LlavaNextProcessor,
    PreTrainedTokenizerBase,
)

from pangea_cultural.model.tokenizer import END, PAD
from pangea_cultural.model.weight_names import hub_name
from pangea_cultural.utils.files import atomic_folder, write_bytes, write_json

INDEX = "model.safetensors.index.json"
SHARD_BYTES = 5_000_000_000
"""Largest file of weights, as on the hub."""


class CheckpointError(RuntimeError):
    """A checkpoint that does not load as it was saved: our mistake, not the user's."""


def hub_state(model: LlavaNextForConditionalGeneration) -> dict[str, torch.Tensor]:
    """The weights by the hub's names; tied output embeddings are left out, as on the hub."""
    tied = model.config.tie_word_embeddings
    return {
        hub_name(name): tensor.detach().contiguous()
        for name, tensor in model.state_dict().items()
        if not (tied and name == "lm_head.weight")
    }


def save_checkpoint(
    model: LlavaNextForConditionalGeneration, processor: LlavaNextProcessor, folder: Path, *, card: str, license: str
) -> None:
    """Write a checkpoint: all of it, or nothing.

    Args:
        model: the model, on any device.
        processor: its processor, with the tokenizer.
        folder: where the checkpoint shall lie; replaced if it exists.
        card: text of the model card, without its head.
        license: identifier for the card's head.

    Raises:
        CheckpointError: what was written does not load with exactly the weights that it should have.
    """
    with atomic_folder(folder) as work:
        _write(model, processor, work, card=card, license=license)
        verify(model, work)


def _write(
    model: LlavaNextForConditionalGeneration, processor: LlavaNextProcessor, folder: Path, *, card: str, license: str
) -> None:
    _save_weights(hub_state(model), folder)
    model.config.architectures = ["LlavaNextForConditionalGeneration"]
    model.config.dtype = model.dtype
    model.config.save_pretrained(folder)
    processor.save_pretrained(folder)
    save_generation(processor.tokenizer, folder)
    save_card(folder, card, license=license)


def save_generation(tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write how a model answers where nothing else is asked for: greedily, to the end of its turn."""
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
    """One file, or several with an index where it would be larger than SHARD_BYTES."""
    plan = split_torch_state_dict_into_shards(state, max_shard_size=SHARD_BYTES)
    for name, tensors in plan.filename_to_tensors.items():
        save_file({tensor: state[tensor] for tensor in tensors}, folder / name, metadata={"format": "pt"})
    if plan.is_sharded:
        write_json(folder / INDEX, {"metadata": plan.metadata, "weight_map": plan.tensor_to_filename})


def verify(model: LlavaNextForConditionalGeneration, folder: Path) -> None:
    """Load a checkpoint and compare it with the model that it was written from.

    Raises:
        CheckpointError: names are missing or unexpected, or a weight differs.
    """
    loaded, info = LlavaNextForConditionalGeneration.from_pretrained(
        folder, dtype=model.dtype, output_loading_info=True
    )
    wrong = {key: value for key, value in info.items() if value}
    if wrong:
        raise CheckpointError(f"{folder} does not load: {wrong}")
    state = loaded.state_dict()
    different = [name for name, tensor in model.state_dict().items() if not torch.equal(tensor.cpu(), state[name])]
    if different:
        raise CheckpointError(f"{folder} loads with other weights: {different[:3]}")
