"""Loading and assembling pretrained checkpoints."""

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

OPTIONS = {"dtype": torch.float32, "attn_implementation": "sdpa"}


@pytest.fixture
def checkpoint(tmp_path):
    return tiny.checkpoint(tmp_path / "random")


def test_incomplete_processor_is_completed_from_the_model(checkpoint):
    """Pangea-7B-hf is published without patch size and strategy."""
    inputs = {"images": tiny.image("Q1", 1), "text": "<image>\nWhat is this?", "return_tensors": "pt"}
    complete = AutoProcessor.from_pretrained(checkpoint, backend="pil")(**inputs)
    content = json.loads((checkpoint / "processor_config.json").read_text())
    for name in ("patch_size", "vision_feature_select_strategy", "num_additional_image_tokens"):
        content.pop(name)
    (checkpoint / "processor_config.json").write_text(json.dumps(content))
    _, loaded = pretrained.load(str(checkpoint), **OPTIONS)
    completed = loaded(**inputs)
    assert torch.equal(complete["input_ids"], completed["input_ids"])
    assert torch.equal(complete["pixel_values"], completed["pixel_values"])


def test_template_without_images_is_replaced(checkpoint):
    """Qwen2 is published with a template that takes only text."""
    template = "{% for message in messages %}{{ '<|im_start|>' + message['content'] }}{% endfor %}"
    (checkpoint / "chat_template.jinja").write_text(template)
    _, loaded = pretrained.load(str(checkpoint), **OPTIONS)
    messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What?"}]}]
    assert "<image>" in loaded.apply_chat_template(messages)


@pytest.mark.parametrize("change", ["missing", "unexpected"])
def test_missing_or_unexpected_weight_is_rejected(checkpoint, change):
    path = checkpoint / "model.safetensors"
    state = load_file(path)
    if change == "missing":
        state.pop("image_newline")
    else:
        state["language_model.model.extra.weight"] = torch.zeros(3)
    save_file(state, path, metadata={"format": "pt"})
    with pytest.raises(UserError, match="image_newline" if change == "missing" else r"extra\.weight"):
        pretrained.load(str(checkpoint), **OPTIONS)


@pytest.mark.parametrize("token", [START, END, IMAGE])
def test_tokenizer_without_special_token_is_rejected(checkpoint, token):
    """transformers would silently train on the unknown token instead."""
    for path in checkpoint.glob("*token*.json"):
        path.write_text(path.read_text().replace(token, "<another>"))
    with pytest.raises(UserError, match=re.escape(f"lacks {token}. Choose")):
        pretrained.load(str(checkpoint), **OPTIONS)


def test_tokenizer_without_padding_token_is_rejected(checkpoint):
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    tokenizer.pad_token = None
    tokenizer.save_pretrained(checkpoint)
    with pytest.raises(UserError, match=r"lacks a padding token\. Choose"):
        pretrained.load(str(checkpoint), **OPTIONS)


def test_ordinary_tokens_of_the_template_become_special(checkpoint):
    # As an ordinary token, `<image>` in a text would stand for an image.
    path = checkpoint / "tokenizer.json"
    content = json.loads(path.read_text())
    for token in content["added_tokens"]:
        token["special"] = token["content"] == END
    path.write_text(json.dumps(content))
    settings = checkpoint / "tokenizer_config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"extra_special_tokens": []}))
    _, loaded = pretrained.load(str(checkpoint), **OPTIONS)
    texts = loaded.tokenizer(["<image>", START], add_special_tokens=False, split_special_tokens=True)["input_ids"]
    assert all(len(ids) > 1 for ids in texts)


@pytest.mark.parametrize("value", [torch.nan, -torch.inf])
def test_weight_that_is_not_finite_is_named(checkpoint, value):
    path = checkpoint / "model.safetensors"
    state = load_file(path)
    state["image_newline"][3] = value
    save_file(state, path, metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"has NaN or infinite values in model\.image_newline\. Choose another"):
        pretrained.load(str(checkpoint), **OPTIONS)


def test_llama_as_language_model_loads(tmp_path):
    tokenizer = tiny.tokenizer()
    tiny_config = tiny.model_and_processor()[0].config
    text = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=2
    )
    config = LlavaNextConfig(
        vision_config=tiny_config.vision_config.to_dict(),
        text_config=text.to_dict(),
        image_token_index=tiny_config.image_token_index,
        image_grid_pinpoints=tiny_config.image_grid_pinpoints,
        tie_word_embeddings=False,
    )
    model = PackedLlavaNext(config)
    save_checkpoint(model, processor.build_processor(config, tokenizer), tmp_path / "llama", card="", license="mit")
    loaded, _ = pretrained.load(str(tmp_path / "llama"), **OPTIONS)
    assert type(loaded.model.language_model).__name__ == "LlamaModel"


def test_vision_tower_and_language_model_are_assembled(tmp_path):
    tokenizer = tiny.tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
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
            vocab_size=len(tokenizer) + 8,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
        )
    )
    vision.save_pretrained(tmp_path / "clip")
    text.save_pretrained(tmp_path / "qwen")
    tokenizer.save_pretrained(tmp_path / "qwen")
    options = {"size": "tiny", "seed": 0, **OPTIONS}
    model, assembled_processor = pretrained.assemble(str(tmp_path / "clip"), str(tmp_path / "qwen"), **options)
    again, _ = pretrained.assemble(str(tmp_path / "clip"), str(tmp_path / "qwen"), **options)
    assert torch.equal(model.model.language_model.embed_tokens.weight, text.model.embed_tokens.weight), "not resized"
    assert torch.equal(model.lm_head.weight, text.lm_head.weight)
    parameters = {name.removeprefix("vision_model."): p for name, p in model.model.vision_tower.named_parameters()}
    for name, parameter in vision.named_parameters():
        assert torch.equal(parameter, parameters[name.removeprefix("vision_model.")]), name
    first, second = (m.model.multi_modal_projector.linear_1.weight for m in (model, again))
    assert torch.equal(first, second)
    inputs = assembled_processor(images=tiny.image("Q1", 0), text="<image>\nWhat?", return_tensors="pt")
    assert torch.isfinite(model(**inputs).logits).all()


def test_missing_checkpoint_is_rejected(tmp_path):
    with pytest.raises(UserError, match="neither a folder nor a name on the hub"):
        pretrained.load(str(tmp_path / "nothing"), **OPTIONS)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="Cannot load"):
        pretrained.load(str(tmp_path / "empty"), **OPTIONS)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Return a function that commits files to the hub's cache. There is no network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    folder = tmp_path / "cache/models--org--model"

    def commit(name, **files):
        """Make the files the newest commit."""
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


def test_content_hash_of_hub_checkpoint_ignores_its_card(hub):
    hub("a" * 40, config_json=b"{}", model_safetensors=b"weights", README_md=b"card")
    before = pretrained.content_hash("org/model")
    hub("b" * 40, config_json=b"{}", model_safetensors=b"weights", README_md=b"another card")
    assert pretrained.content_hash("org/model") == before
    hub("c" * 40, config_json=b"{}", model_safetensors=b"other weights", README_md=b"card")
    assert pretrained.content_hash("org/model") != before


def test_content_hash_of_folder_ignores_its_training_record(checkpoint):
    before = pretrained.content_hash(str(checkpoint))
    (checkpoint / "training.json").write_text("{}")
    assert pretrained.content_hash(str(checkpoint)) == before
    path = checkpoint / "config.json"
    path.write_text(path.read_text().replace("128", "192"))
    assert pretrained.content_hash(str(checkpoint)) != before


def test_checkpoint_missing_on_the_hub_is_rejected_in_one_line(hub):
    with pytest.raises(UserError, match=r"Cannot load org/none: [^\n]+$"):
        pretrained.content_hash("org/none")
