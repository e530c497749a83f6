"""Conversion of original LLaVA-NeXT checkpoints, compared with results of the original code.

The folder `golden` holds a tiny checkpoint with random weights in the original layout. golden.json has the results of
the original code (neulab/Pangea ecc4403, transformers 4.40) on its images in float32: tiles, tokens, logits, answers.
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
from pangea_cultural.utils.files import write_json
from serve.server import Server
from tests.helpers.greedy_tokens import greedy_tokens
from tests.helpers.widened_checkpoint import widen_heads

GOLDEN = Path(__file__).with_name("golden")
CASES = json.loads((GOLDEN / "golden.json").read_text())["cases"]
PAD, _, END = SPECIAL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


def byte_characters():
    """Return the character of each byte in byte-level tokenizers."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + n) for n, byte in enumerate(others)}


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    """Save the golden checkpoint's tokenizer: a token per byte, then three special tokens."""
    folder = tmp_path_factory.mktemp("tokenizer")
    characters = byte_characters()
    assert set(characters.values()) == set(ByteLevel.alphabet())
    bytes_tokenizer = Tokenizer(models.BPE(vocab={c: byte for byte, c in characters.items()}, merges=[]))
    bytes_tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    bytes_tokenizer.decoder = decoders.ByteLevel()
    bytes_tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    saved = PreTrainedTokenizerFast(
        tokenizer_object=bytes_tokenizer, pad_token=SPECIAL_TOKENS[0], eos_token=SPECIAL_TOKENS[2]
    )
    assert saved.convert_tokens_to_ids(list(SPECIAL_TOKENS)) == [256, 257, 258]
    saved.save_pretrained(folder)
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
    text = "".join(
        "<image>" if i == -200 else SPECIAL_TOKENS[i - 256] if i > 255 else chr(i) for i in case["input_ids"]
    )
    with Image.open(GOLDEN / case["file"]) as image:
        return processor(images=image.convert("RGB"), text=text, return_tensors="pt")


@pytest.mark.parametrize("case", CASES, ids=[case["file"] for case in CASES])
def test_tiles_match_the_original(case, loaded):
    _, processor = loaded
    inputs = inputs_of(case, processor)
    tiles = inputs["pixel_values"][0]
    assert len(tiles) == case["tiles"]
    assert int((inputs["input_ids"] == processor.image_token_id).sum()) == case["image_tokens"]
    assert tiles.mean((1, 2, 3)).tolist() == pytest.approx(case["tile_mean"], abs=1e-4)
    assert tiles.std((1, 2, 3)).tolist() == pytest.approx(case["tile_std"], abs=1e-4)
    # The reference holds every 83rd pixel in both directions.
    samples = tiles[:, :, 5::83, 7::83].flatten(1)
    assert torch.allclose(samples, torch.tensor(case["tile_samples"]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("case", CASES, ids=[case["file"] for case in CASES])
def test_logits_and_greedy_tokens_match_the_original(case, loaded):
    model, processor = loaded
    inputs = inputs_of(case, processor)
    with torch.no_grad():
        last = model(**inputs).logits[0, -1]
        tokens = model.generate(**inputs, max_new_tokens=8, min_new_tokens=8, do_sample=False)
    limit = PORTRAIT_LOGITS if case["width"] < case["height"] else 1e-4
    assert (last - torch.tensor(case["last_logits"])).abs().max().item() < limit
    assert tokens[0, inputs["input_ids"].shape[1] :].tolist() == case["greedy"]


PROMPT = "<|endoftext|><|im_start|>user\n<image>\nWhat is this?<|im_end|>\n<|im_start|>assistant\n"


@pytest.mark.serving
def test_greedy_tokens_of_vllm_match_the_original(converted, tmp_path, monkeypatch):
    # No worker process, which would import vLLM once more.
    monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    folder = widen_heads(converted, tmp_path / "golden")
    # The reference has no system turn, which the checkpoint's own template adds.
    (folder / "chat_template.jinja").write_text(f"{{{{ {json.dumps(PROMPT)} }}}}")
    with Server(folder, log=tmp_path / "log", api_key="secret") as server:
        for case in CASES:
            assert greedy_tokens(server, GOLDEN / case["file"], "What is this?") == case["greedy"], case["file"]


PORTRAIT_LOGITS = 0.02
"""Tolerance of the logits of portrait images, whose difference the next test explains (0.009 is measured)."""


def test_portrait_logits_differ_only_by_pillows_order_of_passes(loaded):
    """Pillow 13 made the reference. It scales a portrait's height first, Pillow 10.4 to 12.3 the width."""
    model, processor = loaded
    case = next(case for case in CASES if case["width"] < case["height"])
    inputs = inputs_of(case, processor)
    with Image.open(GOLDEN / case["file"]) as image:
        tall = image.convert("RGB").resize((case["width"], 336), Image.Resampling.BICUBIC)
        square = tall.resize((336, 336), Image.Resampling.BICUBIC)
    pixels = torch.tensor(np.asarray(square)).permute(2, 0, 1) / 255
    mean, std = (torch.tensor(getattr(processor.image_processor, name)) for name in ("image_mean", "image_std"))
    inputs["pixel_values"][0, 0] = (pixels - mean[:, None, None]) / std[:, None, None]
    with torch.no_grad():
        last = model(**inputs).logits[0, -1]
    assert (last - torch.tensor(case["last_logits"])).abs().max().item() < 1e-4


def test_converting_there_and_back_changes_no_bit(converted, tmp_path):
    convert(converted, tmp_path / "original")
    before, after = (json.loads((folder / INDEX).read_text()) for folder in (GOLDEN, tmp_path / "original"))
    assert before["weight_map"] == after["weight_map"]
    for shard in sorted(set(before["weight_map"].values())):
        first, second = load_file(GOLDEN / shard), load_file(tmp_path / "original" / shard)
        assert first.keys() == second.keys()
        assert all(torch.equal(first[name], second[name]) and first[name].dtype == second[name].dtype for name in first)
    converted_back, original = (json.loads((f / "config.json").read_text()) for f in (tmp_path / "original", GOLDEN))
    assert converted_back == original


def test_configurations_state_the_dtype_of_the_weights(tmp_path, tokenizer):
    """Both source configurations state another one."""
    source = shutil.copytree(GOLDEN, tmp_path / "source")
    for path in source.glob("*.safetensors"):
        save_file({name: value.bfloat16() for name, value in load_file(path).items()}, path)
    convert(source, tmp_path / "hub", tokenizer=tokenizer)
    hub = json.loads((tmp_path / "hub/config.json").read_text())
    assert {part["dtype"] for part in (hub, hub["text_config"], hub["vision_config"])} == {"bfloat16"}
    write_json(tmp_path / "hub/config.json", hub | {"dtype": "float32"})
    convert(tmp_path / "hub", tmp_path / "back")
    files = [tmp_path / "back/config.json", tmp_path / "back/vision_tower/config.json"]
    back, vision = (json.loads(file.read_text()) for file in files)
    assert (back["torch_dtype"], vision["dtype"]) == ("bfloat16", "bfloat16")


def test_quantized_weights_are_not_converted(tmp_path, tokenizer):
    source = shutil.copytree(GOLDEN, tmp_path / "source")
    for path in source.glob("*.safetensors"):
        save_file({name: value.to(torch.int8) for name, value in load_file(path).items()}, path)
    with pytest.raises(UserError, match=r"are of type I8\. Choose a checkpoint that is not quantized"):
        convert(source, tmp_path / "hub", tokenizer=tokenizer)


def test_pinpoints_are_swapped_in_model_and_processor(converted, loaded):
    model, processor = loaded
    original = json.loads((GOLDEN / "config.json").read_text())["image_grid_pinpoints"]
    swapped = [[height, width] for width, height in original]
    assert model.config.image_grid_pinpoints == swapped
    assert [list(pair) for pair in processor.image_processor.image_grid_pinpoints] == swapped


def test_weight_names_convert_there_and_back():
    with safe_open(GOLDEN / "model-00001-of-00004.safetensors", framework="pt") as file:
        for name in list(file.keys()):
            assert weight_names.to_original(weight_names.from_original(name)) == name
    assert weight_names.without_buffers(["model.layers.0.self_attn.rotary_emb.inv_freq", "model.norm.weight"]) == [
        "model.norm.weight"
    ]


def changed(folder, change):
    """Return a copy of the golden checkpoint with changed weights."""
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
            r"1 of 88 weights that its configuration lacks, such as model\.resampler\.weight\. ",
        ),
        (
            lambda state: state.update({f"model.extra.{number}": torch.zeros(2) for number in (4, 3, 2, 1)}),
            r"4 of 91 weights that .* such as model\.extra\.1, model\.extra\.2, model\.extra\.3\. ",
        ),
        (
            # The first shard has this weight as well.
            lambda state: state.update({"model.norm.weight": torch.zeros(64)}),
            r"has model\.norm\.weight twice, the second time in model-00004-of-00004\.safetensors",
        ),
        (lambda state: state.pop(next(iter(state))), "lacks 1 of 87 weights"),
        (widen, r"has shape \[3, 3\]"),
    ],
)
def test_invalid_weights_are_named(tmp_path, tokenizer, change, message):
    source = changed(tmp_path / "source", change)
    with pytest.raises(UserError, match=message):
        convert(source, tmp_path / "hub", tokenizer=tokenizer)
    assert not (tmp_path / "hub").exists() and not list(tmp_path.glob(".hub*"))


def test_invalid_folders_are_rejected(tmp_path, tokenizer):
    with pytest.raises(UserError, match="--tokenizer"):
        convert(GOLDEN, tmp_path / "hub")
    with pytest.raises(UserError, match=r"No config\.json"):
        convert(tmp_path, tmp_path / "hub")
    write_json(tmp_path / "config.json", {"model_type": "llava_qwen"})
    with pytest.raises(UserError, match=r"configuration lacks vocab_size, .*mm_vision_tower"):
        convert(tmp_path, tmp_path / "hub", tokenizer=tokenizer)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UserError, match=r"config\.json is not JSON"):
        convert(tmp_path, tmp_path / "hub", tokenizer=tokenizer)
    (tmp_path / "there").mkdir()
    with pytest.raises(UserError, match="--overwrite"):
        convert(GOLDEN, tmp_path / "there", tokenizer=tokenizer)


def test_conversion_in_place_restores_a_folder_after_a_kill(tmp_path, tokenizer):
    """A kill between two renames leaves the only copy under a temporary name."""
    shutil.copytree(GOLDEN, tmp_path / ".model.replaced")
    model = tmp_path / "model"
    assert convert(model, model, tokenizer=tokenizer, overwrite=True)["tensors"] == 87
    assert not (tmp_path / ".model.replaced").exists()


def test_command_converts_without_warnings(tmp_path, tokenizer):
    """transformers warns of unknown configurations. The folder contains its tokenizer, as published ones do."""
    source = shutil.copytree(GOLDEN, tmp_path / "original")
    shutil.copytree(tokenizer, source, dirs_exist_ok=True)
    command = [sys.executable, "-m", "pangea_cultural", "convert", str(source), str(tmp_path / "hub"), "--json"]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    assert json.loads(process.stdout)["direction"] == "to hub"
    assert "llava_qwen" not in process.stderr
