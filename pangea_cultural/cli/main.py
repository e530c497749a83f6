"""The `pcult` group. Subcommands load lazily: `pcult --help` imports neither torch nor vllm nor duckdb."""

import errno
import importlib
import os
import sys
from dataclasses import dataclass

import click

from pangea_cultural import __version__
from pangea_cultural.errors import UserError


@dataclass(frozen=True)
class Lazy:
    """A subcommand that is not imported before it is called."""

    target: str
    """`module:command`."""
    extra: str
    """The extra of pyproject.toml that brings what the command needs."""
    summary: str
    """Its line in `pcult --help`; a test holds it equal to the command's own help."""


COMMANDS = {
    "quickstart": Lazy(
        "pangea_cultural.cli.workflows.quickstart:quickstart", "all", "Run the whole pipeline on the embedded sample."
    ),
    "build": Lazy("factory.cli:build", "factory", "Build a data set from a recipe."),
    "data": Lazy("factory.cli:data", "factory", "Look into the store: statistics, entities, rejections."),
    "train": Lazy("pangea_cultural.training.cli:train", "train", "Train a checkpoint from a recipe."),
    "convert": Lazy(
        "pangea_cultural.model.cli:convert",
        "train",
        "Convert an original LLaVA-NeXT checkpoint to the hub's layout, or back.",
    ),
    "serve": Lazy("serve.cli:serve", "serve", "Serve a checkpoint through vLLM with an OpenAI-compatible API."),
    "demo": Lazy("demos.cli:demo", "demo", "Open a web page to ask a model about images."),
    "eval": Lazy("evalsuite.cli:evaluate", "eval", "Evaluate a model with lighteval, controls included."),
    "report": Lazy("evalsuite.cli:report", "eval", "Write the HTML report of one or more runs."),
}
NO_SPACE = os.strerror(errno.ENOSPC)
ROOMS = ("pangea_cultural", "factory", "serve", "evalsuite", "demos")
"""Our own packages: one of these missing is a bug, not a missing extra."""


class LazyGroup(click.Group):
    """A group whose subcommands are in `COMMANDS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands, in the order of the pipeline."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command when it is called."""
        if cmd_name not in COMMANDS:
            return None
        lazy = COMMANDS[cmd_name]
        module, _, attribute = lazy.target.partition(":")
        return getattr(importlib.import_module(module), attribute)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.summary) for name, lazy in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="pcult")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def pcult(debug: bool) -> None:
    """Build cultural VQA data, train CulturalPangea, serve it and evaluate it.

    Start with: pcult quickstart
    """


def main(args: list[str] | None = None) -> None:
    """Run `pcult`: exit code 0, or 1 with one line that says what to do, or 2 for a wrong call."""
    args = sys.argv[1:] if args is None else args
    debug = "--debug" in args
    # `--debug` is taken anywhere on the line: people add it to the end of the command that failed.
    args = [a for a in args if a != "--debug"]
    try:
        # Without standalone mode, click returns the code of `ctx.exit()` instead of exiting.
        code = pcult.main(args, prog_name="pcult", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped. Run the same command again to continue.", err=True)
        sys.exit(130)
    except Exception as error:
        if debug:
            raise
        click.echo(f"Error: {one_line(error, args)}", err=True)
        sys.exit(1)


def one_line(error: Exception, args: list[str]) -> str:
    """What went wrong, in one line that says what to do; `args` are those that `pcult` was called with."""
    if isinstance(error, UserError):
        return str(error)
    # DuckDB's errors are no OSError; the text is the system's.
    if NO_SPACE in str(error) or (isinstance(error, OSError) and error.errno == errno.ENOSPC):
        return f"the disk is full{_at(error)}: free some space, then run the same command again to continue"
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"no permission to write{_at(error)}: choose another folder with --workspace"
    if isinstance(error, ModuleNotFoundError) and error.name and error.name.split(".")[0] not in ROOMS:
        command = next((a for a in args if a in COMMANDS), "")
        extra = COMMANDS[command].extra if command else "all"
        return f"pcult {command} needs the package {error.name}: pip install 'pangea-cultural[{extra}]'"
    text = " ".join(str(error).split()) or "no message"
    return f"{type(error).__name__}: {text} (a bug of ours, most likely: add --debug for the traceback)"


def _at(error: Exception) -> str:
    name = getattr(error, "filename", None)
    return f" at {name}" if name else ""
