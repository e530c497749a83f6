"""Load pretrained models: a LLaVA-NeXT checkpoint, or a vision tower and a language model to assemble."""

import hashlib
import re
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    CLIPVisionModel,
    LlavaNextConfig,
    LlavaNextProcessor,
    PreTrainedTokenizerBase,
)

from pangea_cultural.errors import UserError
from pangea_cultural.model import processor
from pangea_cultural.model.checkpoint_files import LOADED, require_whole
from pangea_cultural.model.config import FEATURE_LAYER, FEATURE_STRATEGY, load_size
from pangea_cultural.model.modeling import PackedLlavaNext
from pangea_cultural.model.original_config import ORIGINAL
from pangea_cultural.model.tokenizer import END, IMAGE, START
from pangea_cultural.utils.files import sha256_file

DOWNLOADED = [f"*{suffix}" for suffix in LOADED if suffix != ".bin"]
"""Patterns of files to download. The hub often has the same weights as `.bin` and as `.safetensors`."""
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def load(name: str, *, dtype: torch.dtype, attn_implementation: str) -> tuple[PackedLlavaNext, LlavaNextProcessor]:
    """Load a LLaVA-NeXT checkpoint in Hugging Face layout to the CPU, with a complete processor.

    Grids of tiles are used as published, as in transformers and vLLM. A checkpoint that was converted without swapping
    (width, height), unlike convert.py does, gives some image sizes another grid than the original code.

    Args:
        name: a folder, or a name on the hub.
        dtype: dtype of the weights.
        attn_implementation: transformers' name of the language model's attention.

    Raises:
        UserError: the checkpoint does not exist, its weights do not match its configuration, or its tokenizer lacks a
            token of the chat template.
    """
    model, info = _from_pretrained(PackedLlavaNext, name, dtype=dtype, output_loading_info=True)
    problems = {key: sorted(map(str, value))[:3] for key, value in info.items() if value}
    if problems:
        raise UserError(f"{name} is not a complete LLaVA-NeXT checkpoint ({problems}). Choose another one.")
    require_finite(model, name)
    model.set_attn_implementation({"text_config": attn_implementation})
    tokenizer = _from_pretrained(AutoTokenizer, name, padding_side="right")
    _require_chat_tokens(tokenizer, name)
    # Published processors lack fields (Pangea-7B-hf has neither patch size nor strategy). All follow from the model.
    return model, processor.build_processor(model.config, tokenizer)


def assemble(
    vision_tower: str, language_model: str, *, size: str, dtype: torch.dtype, attn_implementation: str, seed: int
) -> tuple[PackedLlavaNext, LlavaNextProcessor]:
    """Combine a CLIP vision tower and a language model to a LLaVA-NeXT with a new projector.

    Args:
        vision_tower: a CLIP checkpoint: a folder, or a name on the hub.
        language_model: a causal language model: a folder, or a name on the hub.
        size: the size that gives grids and tiles (see `load_size`).
        dtype: dtype of the weights.
        attn_implementation: transformers' name of the language model's attention.
        seed: seed of the projector.

    Raises:
        UserError: a checkpoint does not exist, the embeddings have no row for the image token, or the tokenizer lacks a
            token of the chat template.
    """
    vision = _from_pretrained(CLIPVisionModel, vision_tower, dtype=dtype)
    text = _from_pretrained(AutoModelForCausalLM, language_model, dtype=dtype)
    require_finite(vision, vision_tower)
    require_finite(text, language_model)
    tokenizer = _from_pretrained(AutoTokenizer, language_model, padding_side="right")
    tokenizer.add_tokens(IMAGE, special_tokens=True)
    _require_chat_tokens(tokenizer, language_model)
    image_token = tokenizer.convert_tokens_to_ids(IMAGE)
    if image_token >= text.config.vocab_size:
        raise UserError(
            f"The vocabulary of {language_model} ends at {text.config.vocab_size}, before the token {IMAGE}. "
            "Choose another language model."
        )
    config = LlavaNextConfig(
        vision_config=vision.config,
        text_config=text.config,
        image_token_index=image_token,
        image_grid_pinpoints=load_size(size).image_grid_pinpoints,
        vision_feature_layer=FEATURE_LAYER,
        vision_feature_select_strategy=FEATURE_STRATEGY,
        tie_word_embeddings=text.config.tie_word_embeddings,
    )
    model = _assemble(vision, text, config, dtype, seed)
    model.set_attn_implementation({"text_config": attn_implementation})
    return model, processor.build_processor(config, tokenizer)


def checked_config(name: str) -> Any:
    """Return the configuration of a checkpoint. No weights are read.

    Raises:
        UserError: the checkpoint does not exist, has broken files, or has the original layout.
    """
    if Path(name).is_dir():
        require_whole(Path(name))
    return _from_pretrained(AutoConfig, name)


def require_finite(model: torch.nn.Module, name: str) -> None:
    """Check the weights of a checkpoint: the first step would only say that the loss is not finite.

    Raises:
        UserError: a weight is NaN or infinite.
    """
    for parameter, value in model.named_parameters():
        if value.numel() and not torch.stack(torch.aminmax(value.detach())).isfinite().all():
            raise UserError(f"{name} has NaN or infinite values in {parameter}. Choose another checkpoint.")


def content_hash(name: str) -> str:
    """Return a hash of the files of a checkpoint that are loaded. Other files, such as its card, may change.

    A checkpoint on the hub is downloaded.

    Raises:
        UserError: the checkpoint does not exist.
    """
    is_folder = Path(name).is_dir()
    try:
        folder = Path(name if is_folder else snapshot_download(name, allow_patterns=DOWNLOADED))
    except (OSError, ValueError) as error:
        raise cannot_load(name, error) from error
    # The training record contains times.
    files = sorted(file for file in folder.iterdir() if file.suffix in LOADED and file.name != "training.json")
    # In the hub's cache, a file is a link to its content, which is named by a hash.
    lines = [f"{file.name} {sha256_file(file) if is_folder else file.resolve().name}\n" for file in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _require_chat_tokens(tokenizer: PreTrainedTokenizerBase, name: str) -> None:
    """Check the special tokens of ChatML: a tokenizer silently maps unknown ones to its unknown token.

    Those that are ordinary tokens become special. Otherwise a text could contain an image or end a turn.

    Raises:
        UserError: the tokenizer lacks a token of ChatML, the image token, or a padding token.
    """
    vocabulary = tokenizer.get_vocab()
    missing = [token for token in (START, END, IMAGE) if token not in vocabulary]
    if tokenizer.pad_token is None:
        missing.append("a padding token")
    if missing:
        raise UserError(
            f"The tokenizer of {name} lacks {', '.join(missing)}. Choose a model with ChatML, such as Qwen2."
        )
    tokenizer.add_tokens([START, END, IMAGE], special_tokens=True)


def _assemble(vision: Any, text: Any, config: LlavaNextConfig, dtype: torch.dtype, seed: int) -> PackedLlavaNext:
    """Put a projector between the two models. Only its weights are allocated, because several processes load 7B
    models.
    """
    with torch.device("meta"):
        model = PackedLlavaNext(config)
    inner = model.model
    inner.vision_tower, inner.language_model, model.lm_head = vision, text.model, text.lm_head
    inner.multi_modal_projector = type(inner.multi_modal_projector)(config)
    inner.image_newline = torch.nn.Parameter(torch.empty(config.text_config.hidden_size))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for module in (*inner.multi_modal_projector.modules(), inner):
            model._init_weights(module)
    return model.to(dtype)


def _from_pretrained(auto_class: Any, name: str, **options: Any) -> Any:
    """Call `from_pretrained`.

    Raises:
        UserError: nothing can be loaded from `name`.
    """
    if not Path(name).is_dir() and not HUB_NAME.fullmatch(name):
        raise UserError(f"{name} is neither a folder nor a name on the hub. Correct the name of the checkpoint.")
    try:
        return auto_class.from_pretrained(name, **options)
    except (OSError, ValueError) as error:
        raise cannot_load(name, error) from error


def cannot_load(name: str, error: Exception) -> UserError:
    """Return the error of a checkpoint that transformers cannot load."""
    if f"`{ORIGINAL}`" in str(error):
        return UserError(
            f"{name} has the original LLaVA-NeXT layout. Run `pcult convert {name} FOLDER`, and start from FOLDER."
        )
    return UserError(f"Cannot load {name}: {str(error).strip().splitlines()[0]}")
