import pytest
import torch
from PIL import Image

from pangea_cultural.model import processor
from pangea_cultural.model.config import model_config
from tests.helpers import tiny


# Counts of LLaVA-NeXT's original code for tiles of 336 pixels.
@pytest.mark.parametrize(
    ("size", "tokens"),
    [((300, 300), 1176), ((480, 640), 2340), ((640, 480), 2352), ((1000, 1000), 2928), ((400, 1600), 1890)],
)
def test_image_tokens_match_the_original(size, tokens):
    text_tokenizer = tiny.tokenizer()
    full_size = processor.build_processor(model_config("clip-l-qwen2-7b", text_tokenizer), text_tokenizer)
    assert full_size._get_number_of_features(*size, 336, 336) - 1 == tokens


@pytest.mark.parametrize("size", [(64, 64), (144, 96), (97, 160), (130, 131), (300, 40)])
def test_image_tokens_match_the_models_features(size):
    model, tiny_processor = tiny.model_and_processor()
    messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "?"}]}]
    text = tiny_processor.apply_chat_template(messages, tokenize=False)
    inputs = tiny_processor(images=Image.new("RGB", size), text=text, return_tensors="pt")
    assert (inputs["input_ids"] == model.config.image_token_index).sum() > 0
    # LlavaNext raises if the numbers of features and tokens differ.
    assert torch.isfinite(model(**inputs).logits).all()
