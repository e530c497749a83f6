"""Recipes: what fits is read, what does not is one line that names file, key and near match."""

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


class Plan(config.Config):
    name: str
    parts: tuple[Part, ...] = ()
    sources: tuple[Annotated[Folder | Server, Field(discriminator="type")], ...] = ()


def load(tmp_path, text, **options):
    path = tmp_path / "plan.toml"
    path.write_text(text)
    return config.load(Plan, path, **options)


def test_a_plan_is_read_and_overridden(tmp_path):
    plan = load(tmp_path, 'name = "a"\n[[parts]]\nweight = 2', overrides={"name": "b"})
    assert plan == Plan(name="b", parts=(Part(weight=2.0),))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('nme = "a"\nname = "a"', r"plan.toml: unknown key 'nme': did you mean name\? \(at nme\)"),
        ('name = "a"\n[[parts]]\nwieght = 2', r"unknown key 'wieght': did you mean weight\? \(at parts.0.wieght\)"),
        (
            'name = "a"\n[[sources]]\ntype = "server"\nadress = "b"',
            r"'adress': did you mean address\? \(at sources.0.server",
        ),
        ('name = "a"\n[[sources]]\ntype = "server"\npath = "b"', r"unknown key 'path': known: address, type \(at"),
        ('name = "a"\n[[parts]]\nweight = "heavy"', r"parts.0.weight: .*number"),
        ("", "name: Field required"),
        ("name = ", "is not TOML"),
    ],
)
def test_what_does_not_fit_is_one_line(tmp_path, text, message):
    with pytest.raises(UserError, match=message) as caught:
        load(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"cannot read .*none\.toml"):
        config.load(Plan, tmp_path / "none.toml")
