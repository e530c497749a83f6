"""LLaVA-NeXT with random weights, large enough to measure and small enough for two cores.

    python -m tests.perf.support.moderate_model CHECKPOINT [--prefix 600]

It is built in a separate process, so that the benchmark itself stays small: the peak memory of a child is at least that
of its parent.
"""

from pathlib import Path

import click
import torch
from transformers import CLIPVisionConfig, LlavaNextConfig, PreTrainedTokenizerFast, Qwen2Config

from pangea_cultural.model import tokenizer
from pangea_cultural.model.checkpoint import save_checkpoint
from pangea_cultural.model.config import FEATURE_LAYER, FEATURE_STRATEGY
from pangea_cultural.model.modeling import PackedLlavaNext
from pangea_cultural.model.processor import build_processor
from pangea_cultural.model.tokenizer import END, IMAGE, PAD
from tests.perf.support import chat_data

VOCAB_SIZE = 4096
MAX_LENGTH = 8192
GRIDS = {600: (224, [[224, 448], [448, 224]]), 2340: (336, [[672, 672]])}
"""Side of a tile and grids, by the tokens of a 4:3 image: three tiles of 16 x 16 patches, or five of 24 x 24."""


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Return the tokenizer."""
    return tokenizer.train(chat_data.texts(), vocab_size=VOCAB_SIZE, max_length=MAX_LENGTH)


def config(text_tokenizer: PreTrainedTokenizerFast, prefix: int = 600) -> LlavaNextConfig:
    """Return the configuration: Qwen2 of 6 x 512, CLIP of 6 x 256; a 4:3 image has about `prefix` tokens."""
    side, grids = GRIDS[prefix]
    text = Qwen2Config(
        vocab_size=len(text_tokenizer),
        hidden_size=512,
        intermediate_size=2048,
        num_hidden_layers=6,
        num_attention_heads=8,
        num_key_value_heads=2,
        max_position_embeddings=MAX_LENGTH,
        eos_token_id=text_tokenizer.convert_tokens_to_ids(END),
        pad_token_id=text_tokenizer.convert_tokens_to_ids(PAD),
    )
    vision = CLIPVisionConfig(
        hidden_size=256,
        intermediate_size=1024,
        num_hidden_layers=6,
        num_attention_heads=4,
        patch_size=14,
        image_size=side,
        projection_dim=256,
    )
    return LlavaNextConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=text_tokenizer.convert_tokens_to_ids(IMAGE),
        image_grid_pinpoints=grids,
        vision_feature_layer=FEATURE_LAYER,
        vision_feature_select_strategy=FEATURE_STRATEGY,
        tie_word_embeddings=False,
    )


def write(folder: Path, settings: LlavaNextConfig, text_tokenizer: PreTrainedTokenizerFast, dtype: torch.dtype) -> None:
    """Write a checkpoint with random weights."""
    model = PackedLlavaNext(settings).to(dtype)
    save_checkpoint(
        model, build_processor(settings, text_tokenizer), folder, card="\n# Random weights\n", license="apache-2.0"
    )


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--prefix", type=click.Choice([*GRIDS]), default=600, show_default=True, help="Tokens of a 4:3 image.")
def main(folder: Path, prefix: int) -> None:
    """Write the checkpoint."""
    torch.manual_seed(0)
    text_tokenizer = build_tokenizer()
    write(folder, config(text_tokenizer, prefix), text_tokenizer, torch.float32)


if __name__ == "__main__":
    main()
