"""Processors: images to tiles, and `<image>` to one token per image feature."""

from pathlib import Path

from transformers import AutoProcessor, LlavaNextConfig, LlavaNextProcessor, PreTrainedTokenizerBase
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil

from pangea_cultural.model import IMAGE_BACKEND
from pangea_cultural.model.tokenizer import CHAT_TEMPLATE, IMAGE


def build_processor(config: LlavaNextConfig, tokenizer: PreTrainedTokenizerBase) -> LlavaNextProcessor:
    """Return a complete processor for a configuration, with the image backend `IMAGE_BACKEND`."""
    tile = config.vision_config.image_size
    images = LlavaNextImageProcessorPil(
        size={"shortest_edge": tile},
        crop_size={"height": tile, "width": tile},
        image_grid_pinpoints=config.image_grid_pinpoints,
    )
    return LlavaNextProcessor(
        image_processor=images,
        tokenizer=tokenizer,
        patch_size=config.vision_config.patch_size,
        vision_feature_select_strategy=config.vision_feature_select_strategy,
        # The class token. The strategy "default" subtracts it again: with 0, every count is one too small.
        num_additional_image_tokens=1,
        image_token=IMAGE,
        chat_template=CHAT_TEMPLATE,
    )


def load(folder: Path) -> LlavaNextProcessor:
    """Return the processor of a checkpoint, with the image backend of training."""
    return AutoProcessor.from_pretrained(folder, backend=IMAGE_BACKEND)
