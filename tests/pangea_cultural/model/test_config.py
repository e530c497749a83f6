from pathlib import Path

import pytest

from pangea_cultural.errors import UserError
from pangea_cultural.model import config
from pangea_cultural.model.config import load_size, model_config
from tests.helpers import tiny

SIZE = Path(config.__file__).with_name("sizes") / "tiny.toml"


def test_unknown_size_suggests_the_nearest_name():
    with pytest.raises(UserError, match="Did you mean tiny"):
        load_size("tinny")


def test_size_is_read_from_a_file(tmp_path):
    text = SIZE.read_text().replace("num_hidden_layers = 3", "num_hidden_layers = 1")
    (tmp_path / "small.toml").write_text(text)
    assert model_config(str(tmp_path / "small.toml"), tiny.tokenizer()).text_config.num_hidden_layers == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.unlink(), r"No model size at .*small\.toml"),
        (lambda path: path.write_text(path.read_text().replace("tile_px", "tile_pix")), "Did you mean tile_px"),
        (lambda path: path.write_text(path.read_text().replace("[64, 128]", "[64]")), r"image_grid_pinpoints\[1\]:"),
        (lambda path: path.write_text(path.read_text().replace("num_hidden", "num_hiden")), "mean num_hidden_layers"),
        (
            lambda path: path.write_text(path.read_text().replace("[text]", "[text]\nvocab_size = 9")),
            r"the tokenizer\. Remove it",
        ),
        (lambda path: path.write_text(path.read_text().replace("layers = 3", 'layers = "3"')), "expected int, got str"),
    ],
)
def test_invalid_size_is_rejected_in_one_line(tmp_path, change, message):
    path = tmp_path / "small.toml"
    path.write_text(SIZE.read_text())
    change(path)
    with pytest.raises(UserError, match=message):
        load_size(str(path))
