"""Recipes that can produce nothing to train on, and numbers that no library holds, through the command line."""

import orjson
import pytest
from click.testing import CliRunner

from pangea_cultural.cli import main
from tests.helpers import world

RECIPE = """
name = "trial"
languages = ["en", "de"]
{top}
[[sources]]
type = "dump"
path = "dump.json"
{source}
[images]
{images}
{image_sources}
{more}
"""
IMAGE_SOURCES = '[[images.sources]]\ntype = "folder"\npath = "images.jsonl"\n'
HUGE = "123456789012345678901234567890"


def refusal(tmp_path, capsys, *options, top="", source="", images="", image_sources=IMAGE_SOURCES, more=""):
    """Return the one line with which a recipe is refused, for a build and a dry run."""
    (tmp_path / "images.jsonl").write_text("")
    (tmp_path / "dump.json").write_bytes(b"\n".join(orjson.dumps(row) for row in world.documents()))
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.format(top=top, source=source, images=images, image_sources=image_sources, more=more))
    lines = set()
    for extra in ((), ("--dry-run",)):
        with pytest.raises(SystemExit) as stop:
            main(["build", str(path), "--workspace", str(tmp_path / "out"), *options, *extra])
        error = capsys.readouterr().err
        assert (stop.value.code, error.count("\n")) == (1, 1), error
        lines.add(error)
    assert not (tmp_path / "out").exists(), "a partial workspace"
    (line,) = lines
    return line


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"top": 'held_out_languages = ["fr"]'}, "held_out_languages: fr is not in languages. Add it there"),
        ({"top": 'held_out_languages = ["en", "de"]'}, "held_out_languages: no language is left for train"),
        ({"more": "[split]\ndev = 0.7\ntest = 0.7"}, "split: dev and test leave no image for train"),
        ({"more": "[split]\ndev = 0.5\ntest = 0.5"}, "split: dev and test leave no image for train"),
        ({"image_sources": ""}, "images: no source of images is named. Add a table [[images.sources]]"),
        ({"top": f"seed = {HUGE}"}, "seed: the number is too large. Write at most 9223372036854775807."),
        ({"top": "seed = -1"}, "seed: Input should be greater than or equal to 0"),
        ({"images": f"max_per_entity = {HUGE}"}, "images.max_per_entity: the number is too large"),
        ({"images": "max_per_entity = 9223372036854775807"}, "images.max_per_entity: Input should be less than"),
        ({"more": "[split]\ndev = nan"}, "split.dev: Input should be"),
        ({"more": "[network.retry]\ntotal_s = inf"}, "network.retry.total_s: Input should be a finite number"),
        ({"more": "[network.retry]\ntries = 5000"}, "network.retry.tries: Input should be less than"),
    ],
)
def test_a_recipe_without_use_is_refused_in_one_line(tmp_path, capsys, changes, message):
    assert f"recipe.toml: {message}" in refusal(tmp_path, capsys, **changes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--seed", HUGE), "seed: the number is too large"),
        (("--hold-out", "fr"), "held_out_languages: fr is not in languages"),
        (("--hold-out", "en,de"), "held_out_languages: no language is left for train"),
    ],
)
def test_an_option_without_use_is_refused_in_one_line(tmp_path, capsys, options, message):
    assert message in refusal(tmp_path, capsys, *options)


def test_the_largest_seed_builds(castles, tmp_path):
    world.build(castles / "world/recipe.toml", tmp_path, "--seed", str(2**63 - 1))


def test_a_language_that_is_named_twice_is_asked_once(castles, tmp_path):
    recipe = castles / "world/twice.toml"
    text = (castles / "world/recipe.toml").read_text()
    recipe.write_text(text.replace('languages = ["en", "de", "nl"]', 'languages = ["en", "de", "nl", "en"]'))
    twice = orjson.loads(world.build(recipe, tmp_path, "--json"))
    once = orjson.loads(world.build(castles / "world/recipe.toml", tmp_path / "once", "--json"))
    assert twice["questions"] == once["questions"]


@pytest.mark.parametrize("options", [("--seed", HUGE), ("--seed", "-1"), ("--images", "0"), ("--images", HUGE)])
def test_hostile_numbers_of_synthetic_chat_are_usage_errors(tmp_path, options):
    from pangea_cultural.cli import pcult

    result = CliRunner().invoke(pcult, ["data", "synthetic-chat", str(tmp_path / "chat"), *options])
    assert result.exit_code == 2 and "is not in the range" in result.output
