"""The `pcult` command: help, lazy imports, errors."""

import importlib
import subprocess
import sys

import click
import orjson
import pytest
from click.testing import CliRunner

from pangea_cultural.cli import pcult
from pangea_cultural.cli.main import COMMANDS


def run(*args, code=None):
    """Run `pcult` in a subprocess; `code` runs first."""
    start = f"{code or ''}\nfrom pangea_cultural.cli import main\nmain({list(args)!r})"
    return subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, timeout=120)


def commands():
    """Yield every command with its path: ('data', 'show')."""
    for name in COMMANDS:
        command = pcult.get_command(click.Context(pcult), name)
        yield (name,), command
        for child, subcommand in getattr(command, "commands", {}).items():
            yield (name, child), subcommand


@pytest.mark.parametrize("name", list(COMMANDS))
def test_summary_equals_the_commands_help(name):
    module, _, attribute = COMMANDS[name].target.partition(":")
    command = getattr(importlib.import_module(module), attribute)
    assert command.get_short_help_str(limit=200) == COMMANDS[name].summary


@pytest.mark.parametrize(("path", "command"), [pytest.param(p, c, id=" ".join(p)) for p, c in commands()])
def test_help_of_every_command_has_an_example(path, command):
    result = CliRunner().invoke(pcult, [*path, "--help"])
    assert result.exit_code == 0, result.output
    assert f"pcult {' '.join(path)}" in result.output.split("Example", 1)[-1], result.output


def test_help_imports_no_heavy_package():
    heavy = "{'torch', 'vllm', 'duckdb', 'gradio', 'transformers', 'lighteval', 'pyarrow', 'numpy', 'vl_convert'}"
    check = f"import atexit, sys; atexit.register(lambda: print(sorted({heavy} & set(sys.modules))))"
    result = run("--help", code=check)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "[]"


def test_unknown_command_is_a_usage_error():
    result = run("bild")
    assert result.returncode == 2
    assert "No such command" in result.stderr


def test_missing_package_error_names_the_extra():
    result = run("data", "stats", code="import sys; sys.modules['duckdb'] = None")
    assert result.returncode == 1
    assert result.stderr.strip() == (
        "Error: pcult data needs the package duckdb. Run: pip install 'pangea-cultural[factory]'"
    )


def test_traceback_is_printed_only_with_debug(tmp_path):
    arguments = ("data", "stats", "--workspace", str(tmp_path))
    plain, debug = run(*arguments), run(*arguments, "--debug")
    assert plain.returncode == 1 and plain.stderr.count("\n") == 1
    assert plain.stderr.startswith(f"Error: No store at {tmp_path}")
    assert debug.returncode == 1 and "Traceback" in debug.stderr


FULL_DISK = """
import errno, pangea_cultural.workspace as workspace
class Full:
    def __init__(self, *arguments):
        raise OSError(errno.ENOSPC, "No space left on device", "/data/s")
workspace.Workspace = Full
"""


def test_full_disk_error_is_one_line():
    result = run("data", "stats", code=FULL_DISK)
    assert result.returncode == 1
    assert result.stderr.strip() == (
        "Error: The disk is full at /data/s. Free some space, then run the same command again to resume."
    )


@pytest.mark.parametrize(
    ("name", "key"), [("factory", "held_out_languages"), ("training", "stages")], ids=["factory", "training"]
)
def test_recipe_schema_describes_the_keys(name, key):
    result = CliRunner().invoke(pcult, ["recipe", "schema", name], catch_exceptions=False)
    schema = orjson.loads(result.stdout)
    assert schema["properties"][key]["description"]
    assert schema["additionalProperties"] is False
