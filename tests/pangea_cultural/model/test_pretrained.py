"""Models that are there already."""

import hashlib
import json
import re

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoProcessor,
    AutoTokenizer,
    CLIPVisionConfig,
    CLIPVisionModel,
    LlamaConfig,
    LlavaNextConfig,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from pangea_cultural.errors import UserError
from pangea_cultural.model import pretrained, processor
from pangea_cultural.model.checkpoint import save_checkpoint
from pangea_cultural.model.modeling import PackedLlavaNext
from pangea_cultural.model.tokenizer import END, IMAGE, START
from tests.helpers import tiny

HOW = {"dtype": torch.float32, "attn_implementation": "sdpa"}


@pytest.fixture
def checkpoint(tmp_path):
    return tiny.checkpoint(tmp_path / "random")


def test_a_processor_without_its_numbers_is_completed_from_the_model(checkpoint):
    """As Pangea-7B-hf is published: neither patch size nor strategy."""
    image, words = tiny.image("Q1", 1), "<image>\nWhat is this?"
    whole = AutoProcessor.from_pretrained(checkpoint, backend="pil")(images=image, text=words, return_tensors="pt")
    content = json.loads((checkpoint / "processor_config.json").read_text())
    for name in ("patch_size", "vision_feature_select_strategy", "num_additional_image_tokens"):
        content.pop(name)
    (checkpoint / "processor_config.json").write_text(json.dumps(content))
    _, made = pretrained.load(str(checkpoint), **HOW)
    again = made(images=image, text=words, return_tensors="pt")
    assert torch.equal(whole["input_ids"], again["input_ids"])
    assert torch.equal(whole["pixel_values"], again["pixel_values"])


def test_a_template_that_takes_no_images_gives_way_to_the_one_that_is_trained(checkpoint):
    """As Qwen2 is published: a message's content is a text."""
    template = "{% for message in messages %}{{ '<|im_start|>' + message['content'] }}{% endfor %}"
    (checkpoint / "chat_template.jinja").write_text(template)
    _, made = pretrained.load(str(checkpoint), **HOW)
    messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What?"}]}]
    assert "<image>" in made.apply_chat_template(messages)


@pytest.mark.parametrize("change", ["missing", "unexpected"])
def test_a_checkpoint_that_is_not_whole_is_refused_by_name(checkpoint, change):
    path = checkpoint / "model.safetensors"
    state = load_file(path)
    if change == "missing":
        state.pop("image_newline")
    else:
        state["language_model.model.extra.weight"] = torch.zeros(3)
    save_file(state, path, metadata={"format": "pt"})
    with pytest.raises(UserError, match="image_newline" if change == "missing" else r"extra\.weight"):
        pretrained.load(str(checkpoint), **HOW)


@pytest.mark.parametrize("mark", [START, END, IMAGE])
def test_a_tokenizer_without_a_mark_is_refused(checkpoint, mark):
    """It would be trained on as the unknown token, in silence."""
    for path in checkpoint.glob("*token*.json"):
        path.write_text(path.read_text().replace(mark, "<another>"))
    with pytest.raises(UserError, match=re.escape(f"a tokenizer without {mark}: choose")):
        pretrained.load(str(checkpoint), **HOW)


def test_a_tokenizer_without_padding_is_refused(checkpoint):
    words = AutoTokenizer.from_pretrained(checkpoint)
    words.pad_token = None
    words.save_pretrained(checkpoint)
    with pytest.raises(UserError, match="a tokenizer without a padding token: choose"):
        pretrained.load(str(checkpoint), **HOW)


def test_another_language_model_than_qwen2_loads(tmp_path):
    words = tiny.tokenizer()
    own, _ = tiny.model_and_processor()
    text = LlamaConfig(
        vocab_size=len(words), hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=2
    )
    config = LlavaNextConfig(
        vision_config=own.config.vision_config.to_dict(),
        text_config=text.to_dict(),
        image_token_index=own.config.image_token_index,
        image_grid_pinpoints=own.config.image_grid_pinpoints,
        tie_word_embeddings=False,
    )
    model = PackedLlavaNext(config)
    save_checkpoint(model, processor.build_processor(config, words), tmp_path / "llama", card="", license="mit")
    loaded, _ = pretrained.load(str(tmp_path / "llama"), **HOW)
    assert type(loaded.model.language_model).__name__ == "LlamaModel"


def test_a_vision_tower_and_a_language_model_are_put_together(tmp_path):
    words = tiny.tokenizer()
    words.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    vision = CLIPVisionModel(
        CLIPVisionConfig(
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=64,
            patch_size=16,
        )
    )
    text = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=len(words) + 8,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
        )
    )
    vision.save_pretrained(tmp_path / "clip")
    text.save_pretrained(tmp_path / "qwen")
    words.save_pretrained(tmp_path / "qwen")
    options = {"size": "tiny", "seed": 0, **HOW}
    model, made = pretrained.assemble(str(tmp_path / "clip"), str(tmp_path / "qwen"), **options)
    again, _ = pretrained.assemble(str(tmp_path / "clip"), str(tmp_path / "qwen"), **options)
    assert torch.equal(model.model.language_model.embed_tokens.weight, text.model.embed_tokens.weight), "not resized"
    assert torch.equal(model.lm_head.weight, text.lm_head.weight)
    ours = {name.removeprefix("vision_model."): p for name, p in model.model.vision_tower.named_parameters()}
    for name, parameter in vision.named_parameters():
        assert torch.equal(parameter, ours[name.removeprefix("vision_model.")]), name
    first, second = (m.model.multi_modal_projector.linear_1.weight for m in (model, again))
    assert torch.equal(first, second)
    inputs = made(images=tiny.image("Q1", 0), text="<image>\nWhat?", return_tensors="pt")
    assert torch.isfinite(model(**inputs).logits).all()


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(UserError, match="looked for a folder"):
        pretrained.load(str(tmp_path / "nothing"), **HOW)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="cannot load"):
        pretrained.load(str(tmp_path / "empty"), **HOW)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """The hub's cache, and no network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    folder = tmp_path / "cache/models--org--model"

    def commit(name, **files):
        """Make a commit of these files the newest one."""
        snapshot = folder / "snapshots" / name
        snapshot.mkdir(parents=True)
        for file, content in files.items():
            blob = folder / "blobs" / hashlib.sha256(content).hexdigest()
            blob.parent.mkdir(exist_ok=True)
            blob.write_bytes(content)
            (snapshot / file.replace("_", ".")).symlink_to(blob)
        (folder / "refs").mkdir(exist_ok=True)
        (folder / "refs/main").write_text(name)

    return commit


def test_a_model_of_the_hub_is_the_same_whatever_its_card_says(hub):
    hub("a" * 40, config_json=b"{}", model_safetensors=b"weights", README_md=b"card")
    before = pretrained.content_hash("org/model")
    hub("b" * 40, config_json=b"{}", model_safetensors=b"weights", README_md=b"another card")
    assert pretrained.content_hash("org/model") == before
    hub("c" * 40, config_json=b"{}", model_safetensors=b"other weights", README_md=b"card")
    assert pretrained.content_hash("org/model") != before


def test_a_folder_is_another_one_with_another_grid_but_not_with_another_record(checkpoint):
    before = pretrained.content_hash(str(checkpoint))
    (checkpoint / "training.json").write_text("{}")
    assert pretrained.content_hash(str(checkpoint)) == before
    path = checkpoint / "config.json"
    path.write_text(path.read_text().replace("128", "192"))
    assert pretrained.content_hash(str(checkpoint)) != before


def test_what_is_not_on_the_hub_either_is_one_line(hub):
    with pytest.raises(UserError, match=r"cannot load org/none: [^\n]+$"):
        pretrained.content_hash("org/none")
