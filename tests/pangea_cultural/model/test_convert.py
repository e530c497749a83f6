"""Original LLaVA-NeXT checkpoints: what the original code computed, and the way there and back.

tests/model/golden is a checkpoint of tiny size with random weights in the original layout, with what the original code
(neulab/Pangea ecc4403, transformers 4.40) computed on its images in float32: tiles, tokens, logits, greedy tokens.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from tokenizers.pre_tokenizers import ByteLevel
from transformers import PreTrainedTokenizerFast

from pangea_cultural.errors import UserError
from pangea_cultural.model import pretrained, weight_names
from pangea_cultural.model.checkpoint import INDEX
from pangea_cultural.model.convert import convert
from serve.server import Server
from tests.helpers.widened_checkpoint import with_wider_heads
from tests.serve.test_serving import ask_raw

GOLDEN = Path(__file__).with_name("golden")
CASES = json.loads((GOLDEN / "golden.json").read_text())["cases"]
MARKS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


def byte_characters():
    """The characters that byte-level tokenizers write bytes as, by byte."""
    shown = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return {byte: chr(byte) for byte in shown} | {byte: chr(256 + n) for n, byte in enumerate(hidden)}


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    """The golden checkpoint's: a token for each byte, then three marks."""
    folder = tmp_path_factory.mktemp("tokenizer")
    characters = byte_characters()
    assert set(characters.values()) == set(ByteLevel.alphabet())
    words = Tokenizer(models.BPE(vocab={c: byte for byte, c in characters.items()}, merges=[]))
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    words.decoder = decoders.ByteLevel()
    words.add_special_tokens(list(MARKS))
    made = PreTrainedTokenizerFast(tokenizer_object=words, pad_token=MARKS[0], eos_token=MARKS[2])
    assert made.convert_tokens_to_ids(list(MARKS)) == [256, 257, 258]
    made.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def converted(tmp_path_factory, tokenizer):
    folder = tmp_path_factory.mktemp("converted") / "hub"
    record = convert(GOLDEN, folder, tokenizer=tokenizer)
    assert record["tensors"] == 87 and record["shards"] == 4
    return folder


@pytest.fixture(scope="module")
def loaded(converted):
    model, processor = pretrained.load(str(converted), dtype=torch.float32, attn_implementation="sdpa")
    return model.eval(), processor


def inputs_of(case, processor):
    text = "".join("<image>" if i == -200 else MARKS[i - 256] if i > 255 else chr(i) for i in case["input_ids"])
    with Image.open(GOLDEN / case["file"]) as image:
        return processor(images=image.convert("RGB"), text=text, return_tensors="pt")


@pytest.mark.parametrize("case", CASES, ids=[case["file"] for case in CASES])
def test_a_image_becomes_what_the_original_makes_of_it(case, loaded):
    _, processor = loaded
    inputs = inputs_of(case, processor)
    tiles = inputs["pixel_values"][0]
    assert len(tiles) == case["tiles"]
    assert int((inputs["input_ids"] == processor.image_token_id).sum()) == case["image_tokens"]
    assert tiles.mean((1, 2, 3)).tolist() == pytest.approx(case["tile_mean"], abs=1e-4)
    assert tiles.std((1, 2, 3)).tolist() == pytest.approx(case["tile_std"], abs=1e-4)
    # The reference kept every 83rd pixel each way.
    samples = tiles[:, :, 5::83, 7::83].flatten(1)
    assert torch.allclose(samples, torch.tensor(case["tile_samples"]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("case", CASES, ids=[case["file"] for case in CASES])
def test_logits_and_greedy_tokens_are_the_originals(case, loaded):
    model, processor = loaded
    inputs = inputs_of(case, processor)
    with torch.no_grad():
        last = model(**inputs).logits[0, -1]
        said = model.generate(**inputs, max_new_tokens=8, min_new_tokens=8, do_sample=False)
    limit = PORTRAIT if case["width"] < case["height"] else 1e-4
    assert (last - torch.tensor(case["last_logits"])).abs().max().item() < limit
    assert said[0, inputs["input_ids"].shape[1] :].tolist() == case["greedy"]


PROMPT = "<|endoftext|><|im_start|>user\n<image>\nWhat is this?<|im_end|>\n<|im_start|>assistant\n"


@pytest.mark.serving
def test_greedy_tokens_through_vllm_are_the_originals(converted, tmp_path):
    """From the original checkpoint to the endpoint: the way that Pangea goes."""
    folder = with_wider_heads(converted, tmp_path / "golden")
    # The reference asked without a system's turn; the template is what the server would else put around a question.
    (folder / "chat_template.jinja").write_text(f"{{{{ {json.dumps(PROMPT)} }}}}")
    with Server(folder, log=tmp_path / "log", api_key="secret") as server:
        for case in CASES:
            assert ask_raw(server, GOLDEN / case["file"], "What is this?") == case["greedy"], case["file"]


PORTRAIT = 0.02
"""Where the difference that the next test explains moves the logits at most (0.009 was seen)."""


def test_portrait_images_differ_by_the_order_of_two_passes_only(loaded):
    """Pillow 13, with which the reference was computed, scales a portrait's height first, 10.4 to 12.3 the width; each
    pass rounds to bytes.
    """
    model, processor = loaded
    case = next(case for case in CASES if case["width"] < case["height"])
    inputs = inputs_of(case, processor)
    with Image.open(GOLDEN / case["file"]) as image:
        tall = image.convert("RGB").resize((case["width"], 336), Image.Resampling.BICUBIC)
        whole = tall.resize((336, 336), Image.Resampling.BICUBIC)
    pixels = torch.tensor(np.asarray(whole)).permute(2, 0, 1) / 255
    mean, std = (torch.tensor(getattr(processor.image_processor, name)) for name in ("image_mean", "image_std"))
    inputs["pixel_values"][0, 0] = (pixels - mean[:, None, None]) / std[:, None, None]
    with torch.no_grad():
        last = model(**inputs).logits[0, -1]
    assert (last - torch.tensor(case["last_logits"])).abs().max().item() < 1e-4


def test_there_and_back_is_the_same_to_the_bit(converted, tmp_path):
    convert(converted, tmp_path / "original")
    before, after = (json.loads((folder / INDEX).read_text()) for folder in (GOLDEN, tmp_path / "original"))
    assert before["weight_map"] == after["weight_map"]
    for shard in sorted(set(before["weight_map"].values())):
        first, second = load_file(GOLDEN / shard), load_file(tmp_path / "original" / shard)
        assert first.keys() == second.keys()
        assert all(torch.equal(first[name], second[name]) and first[name].dtype == second[name].dtype for name in first)
    ours, theirs = (json.loads((f / "config.json").read_text()) for f in (tmp_path / "original", GOLDEN))
    for key in ("image_grid_pinpoints", "mm_vision_select_layer", "mm_projector_type", "rope_theta", "vocab_size"):
        assert ours[key] == theirs[key], key


def test_pinpoints_are_swapped_in_model_and_processor(converted, loaded):
    model, processor = loaded
    original = json.loads((GOLDEN / "config.json").read_text())["image_grid_pinpoints"]
    swapped = [[height, width] for width, height in original]
    assert model.config.image_grid_pinpoints == swapped
    assert [list(pair) for pair in processor.image_processor.image_grid_pinpoints] == swapped


def test_every_name_has_one_rule_each_way():
    with safe_open(GOLDEN / "model-00001-of-00004.safetensors", framework="pt") as file:
        for name in list(file.keys()):
            assert weight_names.to_original(weight_names.from_original(name)) == name
    assert weight_names.without_buffers(["model.layers.0.self_attn.rotary_emb.inv_freq", "model.norm.weight"]) == [
        "model.norm.weight"
    ]


def changed(folder, change):
    """A copy of the golden checkpoint with other weights."""
    shutil.copytree(GOLDEN, folder)
    path = folder / "model-00004-of-00004.safetensors"
    state = load_file(path)
    change(state)
    save_file(state, path)
    return folder


def widen(state):
    name = next(iter(state))
    state[name] = torch.zeros(3, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda state: state.update({"model.resampler.weight": torch.zeros(2)}),
            r"1 of 88 weights are not known to its configuration, such as model\.resampler\.weight$",
        ),
        (
            lambda state: state.update({f"model.extra.{number}": torch.zeros(2) for number in (4, 3, 2, 1)}),
            r"4 of 91 weights are not known .* such as model\.extra\.1, model\.extra\.2, model\.extra\.3$",
        ),
        (
            # It stands in the first shard, too.
            lambda state: state.update({"model.norm.weight": torch.zeros(64)}),
            r"model\.norm\.weight is there twice, the second time in model-00004-of-00004\.safetensors",
        ),
        (lambda state: state.pop(next(iter(state))), "lacks 1 of 87 weights"),
        (widen, r"has shape \[3, 3\]"),
    ],
)
def test_weights_that_do_not_fit_are_named(tmp_path, tokenizer, change, message):
    source = changed(tmp_path / "source", change)
    with pytest.raises(UserError, match=message):
        convert(source, tmp_path / "hub", tokenizer=tokenizer)
    assert not (tmp_path / "hub").exists() and not list(tmp_path.glob(".hub*"))


def test_what_cannot_be_converted_says_why(tmp_path, tokenizer):
    with pytest.raises(UserError, match="--tokenizer"):
        convert(GOLDEN, tmp_path / "hub")
    with pytest.raises(UserError, match=r"config\.json is missing"):
        convert(tmp_path, tmp_path / "hub")
    (tmp_path / "there").mkdir()
    with pytest.raises(UserError, match="--overwrite"):
        convert(GOLDEN, tmp_path / "there", tokenizer=tokenizer)


def test_a_folder_that_a_killed_conversion_had_put_aside_is_converted(tmp_path, tokenizer):
    """Killed between two renames, in place: the only copy lies aside."""
    shutil.copytree(GOLDEN, tmp_path / ".model.replaced")
    model = tmp_path / "model"
    assert convert(model, model, tokenizer=tokenizer, overwrite=True)["tensors"] == 87
    assert not (tmp_path / ".model.replaced").exists()


def test_the_command_converts(tmp_path, tokenizer):
    """A folder as it is published, with its tokenizer; transformers warns of a configuration that it does not know."""
    source = shutil.copytree(GOLDEN, tmp_path / "original")
    shutil.copytree(tokenizer, source, dirs_exist_ok=True)
    command = [sys.executable, "-m", "pangea_cultural", "convert", str(source), str(tmp_path / "hub"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["direction"] == "to hub"
    assert "llava_qwen" not in done.stderr
