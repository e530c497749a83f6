"""The model room: sizes, tokenizer, processor, export."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from transformers import AutoTokenizer, LlavaNextForConditionalGeneration

from pangea_cultural.errors import UserError
from pangea_cultural.model import build, checkpoint, processor, tokenizer, weight_names
from pangea_cultural.model.config import model_config, size_table
from pangea_cultural.reference.languages import languages
from tests.helpers import tiny

SIZE = Path(build.__file__).with_name("sizes") / "tiny.toml"


def test_any_language_round_trips_through_the_tokenizer():
    words = tiny.tokenizer()
    for row in languages().values():
        ids = words.encode(row.native, add_special_tokens=False)
        assert words.decode(ids) == row.native


def test_special_tokens_are_single():
    words = tiny.tokenizer()
    for mark in tokenizer.SPECIAL_TOKENS:
        assert len(words.encode(mark, add_special_tokens=False)) == 1


def test_the_chat_template_is_pangeas():
    words = tiny.tokenizer()
    parts = [{"type": "text", "text": "What?"}, {"type": "image"}]
    text = words.apply_chat_template([{"role": "user", "content": parts}], tokenize=False, add_generation_prompt=True)
    assert text == (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        "<|im_start|>user\n<image>\nWhat?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_a_given_answer_can_be_continued():
    words = tiny.tokenizer()
    turns = [{"role": "user", "content": "What?"}, {"role": "assistant", "content": "Jap"}]
    text = words.apply_chat_template(turns, tokenize=False, continue_final_message=True)
    assert text.endswith("<|im_start|>assistant\nJap")


def test_the_same_seed_gives_the_same_weights():
    words = tiny.tokenizer()
    first, second, other = (build.build("tiny", words, seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_parts_are_all_of_the_model():
    model, _ = tiny.model_and_processor()
    counted = [id(p) for part in build.parameter_groups(model).values() for p in part]
    assert sorted(counted) == sorted(id(p) for p in model.parameters())


def test_seven_billion_is_pangeas_size():
    # On the meta device: nothing is allocated.
    words = tiny.tokenizer()
    config = model_config("clip-l-qwen2-7b", words, vocab_size=152064)
    with torch.device("meta"):
        model = LlavaNextForConditionalGeneration(config)
    sizes = {part: sum(p.numel() for p in values) for part, values in build.parameter_groups(model).items()}
    assert sizes["language_model"] == pytest.approx(7.62e9, rel=0.002)
    assert sizes["vision_tower"] == pytest.approx(0.30e9, rel=0.02)
    assert sizes["projector"] == pytest.approx(16.5e6, rel=0.01)


def test_unknown_size_names_the_near_match():
    with pytest.raises(UserError, match="Did you mean tiny"):
        size_table("tinny")


def test_a_size_of_ones_own_is_a_file(tmp_path):
    text = SIZE.read_text().replace("num_hidden_layers = 3", "num_hidden_layers = 1")
    (tmp_path / "small.toml").write_text(text)
    assert model_config(str(tmp_path / "small.toml"), tiny.tokenizer()).text_config.num_hidden_layers == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.unlink(), r"No model size at .*small\.toml"),
        (lambda path: path.write_text(path.read_text().replace("tile_px", "tile_pix")), "Did you mean tile_px"),
        (lambda path: path.write_text(path.read_text().replace("[64, 128]", "[64]")), "image_grid_pinpoints.0:"),
        (lambda path: path.write_text(path.read_text().replace("num_hidden", "num_hiden")), "mean num_hidden_layers"),
        (
            lambda path: path.write_text(path.read_text().replace("[text]", "[text]\nvocab_size = 9")),
            "the tokenizer: leave",
        ),
        (lambda path: path.write_text(path.read_text().replace("layers = 3", 'layers = "3"')), "expected int, got str"),
    ],
)
def test_a_size_that_does_not_fit_is_told_in_one_line(tmp_path, change, message):
    path = tmp_path / "small.toml"
    path.write_text(SIZE.read_text())
    change(path)
    with pytest.raises(UserError, match=message):
        size_table(str(path))


# Counts that LLaVA-NeXT's original code gives at 336 pixels, and the tiny model's must equal the model's own features.
@pytest.mark.parametrize(
    ("size", "tokens"),
    [((300, 300), 1176), ((480, 640), 2340), ((640, 480), 2352), ((1000, 1000), 2928), ((400, 1600), 1890)],
)
def test_image_tokens_are_counted_as_in_the_original(size, tokens):
    words = tiny.tokenizer()
    full = processor.build_processor(model_config("clip-l-qwen2-7b", words), words)
    assert full._get_number_of_features(*size, 336, 336) - 1 == tokens


@pytest.mark.parametrize("size", [(64, 64), (144, 96), (97, 160), (130, 131), (300, 40)])
def test_the_model_makes_as_many_features_as_the_processor_counts(size):
    model, full = tiny.model_and_processor()
    messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "?"}]}]
    text = full.apply_chat_template(messages, tokenize=False)
    inputs = full(images=Image.new("RGB", size), text=text, return_tensors="pt")
    assert (inputs["input_ids"] == model.config.image_token_index).sum() > 0
    # LlavaNext raises where features and tokens are unequal in number.
    assert torch.isfinite(model(**inputs).logits).all()


def test_an_export_has_the_hubs_names_and_reloads(tmp_path):
    folder = tiny.checkpoint(tmp_path / "model")
    with safe_open(folder / "model.safetensors", "pt") as file:
        names = set(file.keys())
    prefixes = {"language_model.model.", "vision_tower.vision_model.", "multi_modal_projector.", "image_newline"}
    assert all(any(name.startswith(prefix) for prefix in prefixes) for name in names)
    assert "language_model.lm_head.weight" not in names, "tied"
    loaded, info = LlavaNextForConditionalGeneration.from_pretrained(folder, output_loading_info=True)
    assert not any(info.values()), info
    model, _ = tiny.model_and_processor()
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in model.state_dict().items())
    assert type(processor.load(folder).image_processor).__name__.endswith("Pil")
    assert AutoTokenizer.from_pretrained(folder).eos_token == tokenizer.END
    assert json.loads((folder / "generation_config.json").read_text())["do_sample"] is False


def test_a_weight_without_a_rule_stops_the_export():
    with pytest.raises(weight_names.UnknownNameError, match="begins like no weight"):
        weight_names.hub_name("model.adapter.weight")


def test_a_failed_export_leaves_the_old_one(tmp_path, monkeypatch):
    folder = tiny.checkpoint(tmp_path / "model")
    before = (folder / "model.safetensors").read_bytes()
    monkeypatch.setattr(checkpoint, "verify", lambda *_: (_ for _ in ()).throw(checkpoint.CheckpointError("no")))
    with pytest.raises(checkpoint.CheckpointError):
        tiny.checkpoint(folder)
    assert (folder / "model.safetensors").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"], "nothing half-written is left"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda state: state["image_newline"].add_(1e-3), r"with other weights: \['model\.image_newline'\]"),
        (lambda state: state.pop("image_newline"), "does not load: .*image_newline"),
        (lambda state: state.update({"another": torch.zeros(1)}), "does not load: .*another"),
    ],
)
def test_what_is_spoilt_on_the_way_to_disk_is_noticed(tmp_path, monkeypatch, spoil, message):
    folder = tiny.checkpoint(tmp_path / "model")
    before = (folder / "model.safetensors").read_bytes()
    save = checkpoint.save_file

    def spoiling(state, path, metadata):
        state = {name: tensor.clone() for name, tensor in state.items()}
        spoil(state)
        save(state, path, metadata=metadata)

    monkeypatch.setattr(checkpoint, "save_file", spoiling)
    with pytest.raises(checkpoint.CheckpointError, match=message):
        tiny.checkpoint(folder)
    assert (folder / "model.safetensors").read_bytes() == before


def test_a_large_checkpoint_is_written_in_shards(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "SHARD_BYTES", 2_000_000)
    model, model_processor = tiny.model_and_processor()
    checkpoint.save_checkpoint(model, model_processor, tmp_path / "model", card="", license="mit")
    index = json.loads((tmp_path / "model" / checkpoint.INDEX).read_text())
    shards = sorted(path.name for path in (tmp_path / "model").glob("*.safetensors"))
    assert len(shards) > 2 and shards == sorted(set(index["weight_map"].values()))
    assert set(index["weight_map"]) == set(checkpoint.hub_state(model))
    loaded, info = LlavaNextForConditionalGeneration.from_pretrained(tmp_path / "model", output_loading_info=True)
    assert not any(info.values())
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in model.state_dict().items())


def test_another_language_models_modules_keep_their_names_on_the_hub():
    assert (
        weight_names.hub_name("model.language_model.final_layernorm.bias")
        == "language_model.model.final_layernorm.bias"
    )
    for layout in (weight_names.hub_name, weight_names.from_original, weight_names.to_original):
        with pytest.raises(weight_names.UnknownNameError):
            layout("model.image_newline_2")


@pytest.mark.parametrize("layout", [weight_names.MODULES, weight_names.HUB, weight_names.ORIGINAL])
def test_a_weight_has_one_name_in_each_layout(layout):
    beginnings = [row[layout] for row in weight_names.BEGINNINGS]
    assert not any(a != b and a.startswith(b) for a in beginnings for b in beginnings)
