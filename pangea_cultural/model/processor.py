"""The processor of a model: images to tiles, `<image>` to as many tokens as the model makes of an image."""

from pathlib import Path

from transformers import AutoProcessor, LlavaNextConfig, LlavaNextProcessor, PreTrainedTokenizerBase
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil

from pangea_cultural.model import IMAGE_BACKEND
from pangea_cultural.model.tokenizer import CHAT_TEMPLATE, IMAGE


def build_processor(config: LlavaNextConfig, tokenizer: PreTrainedTokenizerBase) -> LlavaNextProcessor:
    """A complete processor for a configuration, on the image backend `IMAGE_BACKEND`."""
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
        # The class token, which the strategy "default" takes off again: left at 0, every count is one too small.
        num_additional_image_tokens=1,
        image_token=IMAGE,
        chat_template=CHAT_TEMPLATE,
    )


def load(folder: Path) -> LlavaNextProcessor:
    """The processor of a checkpoint, on the image backend that the model was trained with."""
    return AutoProcessor.from_pretrained(folder, backend=IMAGE_BACKEND)
