"""TOML files as objects: valid ones are read, errors name file, key and near matches in one line."""

from typing import Annotated, Literal

import pytest
from pydantic import Field

from pangea_cultural import config
from pangea_cultural.errors import UserError


class Part(config.Config):
    weight: float = 1.0


class Folder(config.Config):
    type: Literal["folder"]
    path: str


class Server(config.Config):
    type: Literal["server"]
    address: str


class Recipe(config.Config):
    name: str
    parts: tuple[Part, ...] = ()
    sources: tuple[Annotated[Folder | Server, Field(discriminator="type")], ...] = ()


def load(tmp_path, text, **options):
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    return config.load(Recipe, path, **options)


def test_load_reads_and_overrides(tmp_path):
    recipe = load(tmp_path, 'name = "a"\n[[parts]]\nweight = 2', overrides={"name": "b"})
    assert recipe == Recipe(name="b", parts=(Part(weight=2.0),))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('nme = "a"\nname = "a"', r"recipe.toml: Unknown key 'nme'. Did you mean name\?$"),
        ('name = "a"\n[[parts]]\nwieght = 2', r"recipe.toml: parts\[1\]: Unknown key 'wieght'. Did you mean weight\?$"),
        (
            'name = "a"\n[[sources]]\ntype = "server"\nadress = "b"',
            r"recipe.toml: sources\[1\]: Unknown key 'adress'. Did you mean address\?$",
        ),
        ('name = "a"\n[[sources]]\ntype = "server"\npath = "b"', r"Unknown key 'path'. Known: address, type\.$"),
        ('name = "a"\n[[parts]]\nweight = "heavy"', r"toml: parts\[1\].weight: .*number"),
        ('name = "a"\n[[parts]]\n[[parts]]\nweight = "heavy"', r"toml: parts\[2\].weight: .*number"),
        ('name = "a"\n[[sources]]\ntype = "server"', r"toml: sources\[1\].address: Field required"),
        ('name = "a"\n[[sources]]\ntype = "x"', r"toml: sources\[1\]: Input tag 'x'"),
        (f'name = "a"\n[[parts]]\nweight = {10**20}', r"toml: parts\[1\].weight: the number is too large"),
        ("", "name: Field required"),
        ("name = ", "is not TOML"),
    ],
)
def test_load_rejects_invalid_file_in_one_line(tmp_path, text, message):
    with pytest.raises(UserError, match=message) as caught:
        load(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_load_names_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"Cannot read .*none\.toml"):
        config.load(Recipe, tmp_path / "none.toml")
