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
from pangea_cultural.model.config import FEATURE_LAYER, FEATURE_STRATEGY, size_table
from pangea_cultural.model.modeling import PackedLlavaNext
from pangea_cultural.model.tokenizer import CHAT_TEMPLATE, END, IMAGE, START
from pangea_cultural.utils.files import sha256_file

LOADED = (".safetensors", ".bin", ".json", ".jinja", ".txt", ".model")
"""What the names of a checkpoint's files end with."""
FETCHED = [f"*{suffix}" for suffix in LOADED if suffix != ".bin"]
"""From the hub, where the same weights often lie as `.bin`, too."""
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def load(name: str, *, dtype: torch.dtype, attn_implementation: str) -> tuple[PackedLlavaNext, LlavaNextProcessor]:
    """A LLaVA-NeXT checkpoint in Hugging Face layout, on the CPU, with its processor completed.

    Its grids of tiles are taken as they are published, as transformers and vLLM take them. Where a checkpoint was
    converted without swapping (width, height), as convert.py does, some sizes get another grid than the original code
    gave them.

    Args:
        name: a folder, or a name on the hub.
        dtype: of the weights.
        attn_implementation: implementation in the language model, as transformers names it.

    Raises:
        UserError: there is no such checkpoint, it does not have exactly the weights of its configuration, or its
            tokenizer lacks a mark of the chat template.
    """
    model, info = _from_pretrained(PackedLlavaNext, name, dtype=dtype, output_loading_info=True)
    wrong = {key: sorted(map(str, value))[:3] for key, value in info.items() if value}
    if wrong:
        raise UserError(f"{name} is no complete LLaVA-NeXT checkpoint: {wrong}")
    model.set_attn_implementation({"text_config": attn_implementation})
    tokenizer = _from_pretrained(AutoTokenizer, name, padding_side="right")
    _require_chat_tokens(tokenizer, name)
    # Published processors lack fields (Pangea-7B-hf has neither patch size nor strategy): all follow from the model.
    made = processor.build_processor(model.config, tokenizer)
    # What it is trained on from here on; a language model's own template often takes no images.
    made.chat_template = CHAT_TEMPLATE
    return model, made


def assemble(
    vision_tower: str, language_model: str, *, size: str, dtype: torch.dtype, attn_implementation: str, seed: int
) -> tuple[PackedLlavaNext, LlavaNextProcessor]:
    """A LLaVA-NeXT of a CLIP tower and a language model, with a projector that knows nothing yet.

    Args:
        vision_tower: a CLIP checkpoint: a folder, or a name on the hub.
        language_model: a causal language model, likewise.
        size: the size whose grids and tiles it has, as `size_table` takes it.
        dtype: of the weights.
        attn_implementation: implementation in the language model.
        seed: of the projector.

    Raises:
        UserError: one of them is not there, the language model has no room for the image's token, or its tokenizer
            lacks a mark of the chat template.
    """
    vision = _from_pretrained(CLIPVisionModel, vision_tower, dtype=dtype)
    text = _from_pretrained(AutoModelForCausalLM, language_model, dtype=dtype)
    tokenizer = _from_pretrained(AutoTokenizer, language_model, padding_side="right")
    tokenizer.add_tokens(IMAGE, special_tokens=True)
    _require_chat_tokens(tokenizer, language_model)
    image = tokenizer.convert_tokens_to_ids(IMAGE)
    if image >= text.config.vocab_size:
        raise UserError(
            f"{language_model} has no room for the token {IMAGE}: its vocabulary ends at {text.config.vocab_size}"
        )
    config = LlavaNextConfig(
        vision_config=vision.config,
        text_config=text.config,
        image_token_index=image,
        image_grid_pinpoints=size_table(size).image_grid_pinpoints,
        vision_feature_layer=FEATURE_LAYER,
        vision_feature_select_strategy=FEATURE_STRATEGY,
        tie_word_embeddings=text.config.tie_word_embeddings,
    )
    model = _assemble(vision, text, config, dtype, seed)
    model.set_attn_implementation({"text_config": attn_implementation})
    made = processor.build_processor(config, tokenizer)
    made.chat_template = CHAT_TEMPLATE
    return model, made


def require_checkpoint(name: str) -> None:
    """Look for a checkpoint, and read nothing but its configuration.

    Raises:
        UserError: there is none of this name.
    """
    _from_pretrained(AutoConfig, name)


def content_hash(name: str) -> str:
    """What tells a checkpoint from another one of its name: a hash over the files that are loaded.

    A model of the hub is fetched for it. Other files there, such as its card, may change.

    Raises:
        UserError: there is none of this name.
    """
    here = Path(name).is_dir()
    try:
        folder = Path(name if here else snapshot_download(name, allow_patterns=FETCHED))
    except (OSError, ValueError) as error:
        raise _cannot_load(name, error) from error
    # But not of our own record, which holds times.
    files = sorted(file for file in folder.iterdir() if file.suffix in LOADED and file.name != "training.json")
    lines = [f"{file.name} {sha256_file(file) if here else _blob(file)}\n" for file in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _blob(file: Path) -> str:
    """What the hub's cache names a file's content by: a hash, too."""
    return file.resolve().name


def _require_chat_tokens(tokenizer: PreTrainedTokenizerBase, name: str) -> None:
    """Chats are trained in ChatML. What a tokenizer does not know, it takes for its unknown token without a word.

    Raises:
        UserError: the tokenizer lacks a mark of ChatML, the image's token, or one to fill up rows with.
    """
    known = tokenizer.get_vocab()
    missing = [mark for mark in (START, END, IMAGE) if mark not in known]
    if tokenizer.pad_token is None:
        missing.append("a padding token")
    if missing:
        raise UserError(
            f"{name} has a tokenizer without {', '.join(missing)}: choose a model whose tokenizer knows ChatML, "
            "as Qwen2's does"
        )


def _assemble(vision: Any, text: Any, config: LlavaNextConfig, dtype: torch.dtype, seed: int) -> PackedLlavaNext:
    """The two with a projector between them. Nothing else is allocated: eight processes make seven billion each."""
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


def _from_pretrained(kind: Any, name: str, **options: Any) -> Any:
    """What `from_pretrained` gives.

    Raises:
        UserError: it gives nothing.
    """
    if not Path(name).is_dir() and not HUB_NAME.fullmatch(name):
        raise UserError(f"no checkpoint at {name}: looked for a folder, and it is no name on the hub either")
    try:
        return kind.from_pretrained(name, **options)
    except (OSError, ValueError) as error:
        raise _cannot_load(name, error) from error


def _cannot_load(name: str, error: Exception) -> UserError:
    return UserError(f"cannot load {name}: {str(error).strip().splitlines()[0]}")
