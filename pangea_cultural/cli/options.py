"""Options and option types that several commands share."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from pangea_cultural.errors import UserError
from pangea_cultural.workspace import DEFAULT, Workspace


class CommaList(click.ParamType[Any]):
    """A comma list such as `en,de`, as a tuple; spaces around the items are removed.

    Args:
        allow_empty: accept a list without items.
    """

    name = "list"

    def __init__(self, *, allow_empty: bool = False) -> None:
        self._allow_empty = allow_empty

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Split the text of an option."""
        if isinstance(value, tuple):
            return value
        items = tuple(item.strip() for item in value.split(",") if item.strip())
        if not items and not self._allow_empty:
            self.fail("The list is empty.", param, ctx)
        return items


class KeyFile(click.Path):
    """A file that contains an API key; the option's value is the key."""

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read the key.

        Raises:
            UserError: the file is empty, has several lines or is not text.
        """
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        try:
            key = path.read_text("utf-8-sig").strip()
        except UnicodeDecodeError as error:
            raise UserError(f"The API key file {path} is not UTF-8 text. Write the key into it.") from error
        if not key:
            raise UserError(f"The API key file {path} is empty. Write the key into it.")
        if len(key.split()) > 1 or not key.isascii():
            raise UserError(f"The API key file {path} has more than a key. Write only the key into it, as one word.")
        return key


class WorkspaceFolder(click.Path):
    """The folder of a workspace, as a `Workspace`; the folder is not created."""

    def __init__(self) -> None:
        super().__init__(file_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the workspace at a path."""
        return Workspace(Path(os.fsdecode(super().convert(value, param, ctx))))


workspace_option: Callable[..., Any] = click.option(
    "--workspace",
    type=WorkspaceFolder(),
    default=DEFAULT,
    show_default=True,
    envvar="PCULT_WORKSPACE",
    help="Folder for the store, images, exports, checkpoints and runs.",
)
quiet_option: Callable[..., Any] = click.option(
    "--quiet", is_flag=True, help="Print no progress, only errors and the result."
)
wait_option: Callable[..., Any] = click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=0),
    default=0,
    show_default=True,
    help="Seconds to wait for --endpoint, if it is still starting.",
)
json_option: Callable[..., Any] = click.option(
    "--json", "as_json", is_flag=True, help="Print the result as JSON, for programs."
)


list_option = click.option(
    "--list",
    "lists",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Another list of withdrawals, besides that of the workspace.",
)
"""Lists of what no data set may use, such as another workspace's withdrawn.json."""
