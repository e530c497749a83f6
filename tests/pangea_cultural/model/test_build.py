import pytest
import torch
from transformers import LlavaNextForConditionalGeneration

from pangea_cultural.model import build
from pangea_cultural.model.config import model_config
from tests.helpers import tiny


def test_same_seed_gives_same_weights():
    text_tokenizer = tiny.tokenizer()
    first, second, other = (build.build("tiny", text_tokenizer, seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_parameter_groups_cover_the_model():
    model, _ = tiny.model_and_processor()
    grouped = [id(p) for part in build.parameter_groups(model).values() for p in part]
    assert sorted(grouped) == sorted(id(p) for p in model.parameters())


def test_7b_size_matches_pangea():
    config = model_config("clip-l-qwen2-7b", tiny.tokenizer(), vocab_size=152064)
    with torch.device("meta"):
        model = LlavaNextForConditionalGeneration(config)
    sizes = {part: sum(p.numel() for p in values) for part, values in build.parameter_groups(model).items()}
    assert sizes["language_model"] == pytest.approx(7.62e9, rel=0.002)
    assert sizes["vision_tower"] == pytest.approx(0.30e9, rel=0.02)
    assert sizes["projector"] == pytest.approx(16.5e6, rel=0.01)
