"""Options that several commands share, so that they read the same everywhere."""

from collections.abc import Callable
from pathlib import Path

import click

from pangea_cultural.workspace import DEFAULT

workspace_option: Callable = click.option(
    "--workspace",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT,
    show_default=True,
    envvar="PCULT_WORKSPACE",
    help="Folder for stores, images, exports, checkpoints and runs.",
)
quiet_option: Callable = click.option("--quiet", is_flag=True, help="No progress, only errors and the result.")
json_option: Callable = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, for programs.")
