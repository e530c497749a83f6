"""Documentation: every command, recipe key and path. `make docs` builds the pages from the same code."""

import importlib
import inspect
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

from factory.exchange import native
from factory.recipe import Recipe as FactoryRecipe
from pangea_cultural.cli.main import pcult
from pangea_cultural.training.recipe import Recipe as TrainingRecipe

ROOT = Path(__file__).parents[1]
PATH = re.compile(r"`((?:pangea_cultural|factory|serve|evalsuite|demos|tests|docs)/[\w./-]*)`")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "tests/README.md"]
LEFT_OUT = {"CHANGELOG.md"}
"""It names what was there before."""


@pytest.fixture(scope="module")
def reference():
    """The extension of the documentation that renders the recipes."""
    folder = str(ROOT / "docs/extensions")
    sys.path.insert(0, folder)
    yield importlib.import_module("generated_reference")
    sys.path.remove(folder)


def commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for inner_name in command.list_commands(context):
            inner = command.get_command(context, inner_name)
            assert inner is not None
            yield from commands(inner, f"{name} {inner_name}")


def keys(model: type[BaseModel], models_in) -> Iterator[tuple[str, str | None]]:
    for name, field in model.model_fields.items():
        # A union's tag selects the table, whose class has the description.
        if name != "type":
            yield f"{model.__name__}.{name}", field.description
        for inner in models_in(field.annotation):
            yield from keys(inner, models_in)


COMMANDS = list(commands(pcult, "pcult"))


@pytest.mark.parametrize(("name", "command"), COMMANDS[1:], ids=[name for name, _ in COMMANDS[1:]])
def test_command_has_summary_and_example(name, command):
    assert command.help, name
    assert command.get_short_help_str(limit=200).endswith("."), name
    if not isinstance(command, click.Group):
        assert f"\b\nExample:\n  {name}" in inspect.cleandoc(command.help)


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_every_option_has_a_help_text(name, command):
    options = [option for option in command.params if isinstance(option, click.Option)]
    assert [option.name for option in options if not option.help] == []


@pytest.mark.parametrize("recipe", [FactoryRecipe, TrainingRecipe], ids=["factory", "training"])
def test_every_recipe_key_has_a_description(recipe, reference):
    assert sorted({key for key, text in keys(recipe, reference.models_in) if not text}) == []


@pytest.mark.parametrize("recipe", [FactoryRecipe, TrainingRecipe], ids=["factory", "training"])
def test_reference_contains_every_recipe_key(recipe, reference):
    page = reference.recipe_page(recipe)
    names = {key.split(".")[1] for key, _ in keys(recipe, reference.models_in)}
    assert {name for name in names if f"| `{name}` |" not in page} == set()


def test_reference_contains_every_question_column(reference):
    page = reference.question_columns()
    assert page.count("\n| `") == len(reference.question.QUESTION_SCHEMA.names)


def test_every_image_column_is_documented():
    columns = re.findall(r" AS (\w+)", native.IMAGES)
    text = (ROOT / "docs/data-formats.md").read_text(encoding="utf-8")
    assert len(columns) == 17 and [column for column in columns if f"`{column}`" not in text] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_paths_and_links_in_documents_exist(document):
    text = document.read_text(encoding="utf-8")
    paths = [] if document.name in LEFT_OUT else PATH.findall(text)
    # Placeholders are in capitals, and `make docs` makes `_build`.
    paths = [path for path in paths if not re.search("[A-Z]{3}|_build", path)]
    missing = [path for path in paths if not (ROOT / path).exists()]
    missing += [link for link in LINK.findall(text) if not (document.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("document", ["README.md", "docs/tutorial.md"])
def test_recipes_in_documents_are_valid(document):
    blocks = re.findall(r"```toml\n(.*?)```", (ROOT / document).read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        FactoryRecipe.model_validate(tomllib.loads(block))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_in_documents_exist(document):
    names = {name for name, _ in COMMANDS}
    groups = {name for name, command in COMMANDS if isinstance(command, click.Group)}
    text = document.read_text(encoding="utf-8") if document.name not in LEFT_OUT else ""
    for used in re.findall(r"^(pcult .*)$|`(pcult [^`]+)`", text, re.MULTILINE):
        # Everything after ` -- ` is of another program.
        first, *words = "".join(used).partition(" -- ")[0].split()
        command = first
        while command in groups and words and re.fullmatch("[a-z-]+", words[0]) and not words[0].startswith("-"):
            command = f"{command} {words.pop(0)}"
        assert command in names, used
        options = {
            flag for name, found in COMMANDS if name == command for option in found.params for flag in option.opts
        }
        options |= {
            flag for name, found in COMMANDS if name == command for o in found.params for flag in o.secondary_opts
        }
        assert {word for word in words if word.startswith("--")} <= options | {"--help"}, used


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 130
