"""Files that a download has left incomplete."""

import pytest
import torch
from safetensors.torch import save_file

from pangea_cultural.errors import UserError
from pangea_cultural.model.checkpoint import INDEX
from pangea_cultural.model.checkpoint_files import require_whole
from pangea_cultural.model.convert import convert
from pangea_cultural.model.pretrained import checked_config
from pangea_cultural.utils.files import write_json

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"


@pytest.fixture
def folder(tmp_path):
    save_file({"weight": torch.zeros(64)}, tmp_path / "model-1.safetensors")
    write_json(tmp_path / INDEX, {"weight_map": {"weight": "model-1.safetensors"}})
    write_json(tmp_path / "config.json", {"model_type": "llava_qwen"})
    return tmp_path


@pytest.mark.parametrize("name", ["model-1.safetensors", "tokenizer.json", "pytorch_model.bin"])
def test_pointer_in_place_of_a_file_is_named(folder, name):
    (folder / name).write_text(POINTER)
    with pytest.raises(UserError, match=rf"{name} is a Git LFS pointer, not the file\. Run `git lfs pull` in"):
        require_whole(folder)


def test_truncated_weights_are_named(folder):
    path = folder / "model-1.safetensors"
    path.write_bytes(path.read_bytes()[:-8])
    for check in (require_whole, checked_config, lambda folder: convert(folder, folder / "new")):
        with pytest.raises(UserError, match=r"model-1\.safetensors is truncated or damaged .* Download it again"):
            check(folder)


def test_missing_weights_of_the_index_are_named(folder):
    (folder / "model-1.safetensors").unlink()
    with pytest.raises(UserError, match=r"No weights at \S+/model-1\.safetensors"):
        require_whole(folder)
    (folder / INDEX).write_text("[]")
    with pytest.raises(UserError, match="is not an index of weights"):
        require_whole(folder)


def test_original_layout_names_the_conversion(folder):
    with pytest.raises(UserError, match=r"has the original LLaVA-NeXT layout\. Run `pcult convert \S+ FOLDER`"):
        checked_config(str(folder))
