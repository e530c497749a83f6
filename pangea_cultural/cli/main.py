"""The `pcult` command group, with commands that are imported when they are called."""

import errno
import importlib
import os
import sys
from dataclasses import dataclass

import click

from pangea_cultural import __version__
from pangea_cultural.errors import UserError


@dataclass(frozen=True)
class LazyCommand:
    """A command that is imported when it is called."""

    target: str
    """`module:command`."""
    extra: str
    """The extra of pyproject.toml with the command's dependencies."""
    summary: str
    """The command's line in `pcult --help`; a test compares it with the command's own help."""


COMMANDS = {
    "quickstart": LazyCommand(
        "pangea_cultural.cli.workflows.quickstart:quickstart", "all", "Run the whole pipeline on the embedded sample."
    ),
    "build": LazyCommand("factory.cli.build:build", "factory", "Build a data set from a recipe."),
    "data": LazyCommand(
        "factory.cli.data:data", "factory", "Inspect the store, check exports and write synthetic chat data."
    ),
    "train": LazyCommand("pangea_cultural.training.cli:train", "train", "Train a checkpoint from a recipe."),
    "convert": LazyCommand(
        "pangea_cultural.model.cli:convert",
        "train",
        "Convert an original LLaVA-NeXT checkpoint to the hub's layout, or back.",
    ),
    "push": LazyCommand(
        "pangea_cultural.model.cli:push",
        "train",
        "Upload a checkpoint to the Hugging Face hub, with its card and its record.",
    ),
    "serve": LazyCommand("serve.cli:serve", "serve", "Serve a checkpoint through vLLM with an OpenAI-compatible API."),
    "demo": LazyCommand("demos.cli:demo", "demo", "Open a web page to ask a model about images."),
    "eval": LazyCommand("evalsuite.cli:evaluate", "eval", "Evaluate a model on benchmarks with lighteval."),
    "report": LazyCommand(
        "evalsuite.cli:report",
        "eval",
        "Write the HTML report of one or more runs, and compare the first run with each other one.",
    ),
    "recipe": LazyCommand("pangea_cultural.cli.recipe:recipe", "all", "Describe the keys of recipes."),
}
SUBCOMMANDS = {
    ("data", "browse"): LazyCommand(
        "demos.browse.cli:browse", "demo", "Open a web page to look at the rows of an export and to mark wrong ones."
    ),
}
"""Commands of a group whose packages are another's: factory and demos do not import each other."""
NO_SPACE = os.strerror(errno.ENOSPC)
PROJECT_PACKAGES = ("pangea_cultural", "factory", "serve", "evalsuite", "demos")
"""Top-level packages of this project. If one is missing, the installation is broken and no extra helps."""


class LazyGroup(click.Group):
    """A group whose commands are in `COMMANDS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of the pipeline."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command when it is called."""
        if cmd_name not in COMMANDS:
            return None
        command = _imported(COMMANDS[cmd_name])
        if isinstance(command, click.Group):
            for (group, name), subcommand in SUBCOMMANDS.items():
                if group == cmd_name and name not in command.commands:
                    command.add_command(_imported(subcommand), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.summary) for name, command in COMMANDS.items()])


def _imported(command: LazyCommand) -> click.Command:
    module, _, attribute = command.target.partition(":")
    imported: click.Command = getattr(importlib.import_module(module), attribute)
    return imported


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="pcult")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def pcult(debug: bool) -> None:
    """Build cultural VQA data, train CulturalPangea, serve it and evaluate it.

    Start with: pcult quickstart
    """


def main(args: list[str] | None = None) -> None:
    """Run `pcult`. The exit code is 0, 1 after an error, 2 after a usage error, or 130 after an interrupt."""
    args = sys.argv[1:] if args is None else args
    debug = "--debug" in args
    # Accept `--debug` at any position, because users append it to the command that failed.
    args = [a for a in args if a != "--debug"]
    try:
        # Without standalone mode, click returns the code of `ctx.exit()` instead of exiting.
        code = pcult.main(args, prog_name="pcult", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted. Run the same command again to resume.", err=True)
        sys.exit(130)
    except Exception as error:
        if debug:
            raise
        from pangea_cultural.utils.console import without_controls

        click.echo(f"Error: {without_controls(error_line(error, args))}", err=True)
        sys.exit(1)


def error_line(error: Exception, args: list[str]) -> str:
    """Return an error and an instruction in one line; `args` are the arguments of `pcult`."""
    if isinstance(error, UserError):
        return str(error)
    # DuckDB's errors are not OSErrors, but contain the system's text.
    if NO_SPACE in str(error) or (isinstance(error, OSError) and error.errno == errno.ENOSPC):
        return f"The disk is full{_location(error)}. Free some space, then run the same command again to resume."
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"No permission to read or write{_location(error)}. Change its rights, or choose another place."
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.strerror}{_location(error)}. Check the path, then run the same command again."
    if isinstance(error, ModuleNotFoundError) and error.name and error.name.split(".")[0] not in PROJECT_PACKAGES:
        command, extra = _command_and_extra(args)
        return f"pcult {command} needs the package {error.name}. Run: pip install 'pangea-cultural[{extra}]'"
    text = " ".join(str(error).split()) or "no message"
    return f"{type(error).__name__}: {text}. This is probably a bug. Rerun with --debug for the traceback."


def _command_and_extra(args: list[str]) -> tuple[str, str]:
    """Return the command of a command line, and the extra with its dependencies."""
    command = next((a for a in args if a in COMMANDS), "")
    for (group, name), subcommand in SUBCOMMANDS.items():
        if group == command and name in args:
            return f"{group} {name}", subcommand.extra
    return command, COMMANDS[command].extra if command else "all"


def _location(error: Exception) -> str:
    name = getattr(error, "filename", None)
    return f" at {name}" if name else ""
