import json

import pytest
import torch
from safetensors import safe_open
from transformers import AutoTokenizer, LlavaNextForConditionalGeneration

from pangea_cultural.model import checkpoint, processor, tokenizer
from tests.helpers import tiny


def test_checkpoint_has_hub_names_and_loads(tmp_path):
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


def test_failed_save_keeps_the_old_checkpoint(tmp_path, monkeypatch):
    folder = tiny.checkpoint(tmp_path / "model")
    before = (folder / "model.safetensors").read_bytes()
    monkeypatch.setattr(checkpoint, "verify", lambda *_: (_ for _ in ()).throw(checkpoint.CheckpointError("no")))
    with pytest.raises(checkpoint.CheckpointError):
        tiny.checkpoint(folder)
    assert (folder / "model.safetensors").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"], "no partial checkpoint remains"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda state: state["image_newline"].add_(1e-3), r"with different weights: \['model\.image_newline'\]"),
        (lambda state: state.pop("image_newline"), "does not load: .*image_newline"),
        (lambda state: state.update({"another": torch.zeros(1)}), "does not load: .*another"),
    ],
)
def test_weights_damaged_on_disk_are_detected(tmp_path, monkeypatch, damage, message):
    folder = tiny.checkpoint(tmp_path / "model")
    before = (folder / "model.safetensors").read_bytes()
    save_tensors = checkpoint.save_tensors

    def damaging_save(state, path):
        state = {name: tensor.clone() for name, tensor in state.items()}
        damage(state)
        save_tensors(state, path)

    monkeypatch.setattr(checkpoint, "save_tensors", damaging_save)
    with pytest.raises(checkpoint.CheckpointError, match=message):
        tiny.checkpoint(folder)
    assert (folder / "model.safetensors").read_bytes() == before


def test_large_checkpoint_is_written_in_shards(tmp_path, monkeypatch):
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


def test_files_of_a_checkpoint_have_the_rights_of_new_files(tmp_path):
    """safetensors writes files that only their owner can read."""
    (tmp_path / "new").touch()
    folder = tiny.checkpoint(tmp_path / "tiny")
    rights = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir() if path.is_file()}
    assert set(rights.values()) == {(tmp_path / "new").stat().st_mode & 0o777}, rights
