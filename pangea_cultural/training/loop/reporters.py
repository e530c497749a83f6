"""transformers' reporters, such as TensorBoard and W&B, which receive the log besides its own files."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from transformers import TrainerCallback
from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK, TensorBoardCallback

from pangea_cultural.errors import UserError, unknown

RUN_VARIABLES = {
    "wandb": {"WANDB_RUN_ID": "{id}", "WANDB_RESUME": "allow"},
    "comet_ml": {"COMET_EXPERIMENT_KEY": "{id}"},
    "swanlab": {"SWANLAB_RUN_ID": "{id:.21}", "SWANLAB_RESUME": "allow"},
}
"""Environment variables that make a reporter continue the run of an id, or start it. trackio goes by the run's name,
TensorBoard by its folder. MLflow takes ids of existing runs only."""


def reporters(names: tuple[str, ...], folder: Path) -> list[TrainerCallback]:
    """Create reporters by name.

    Args:
        names: names as in transformers' `report_to`.
        folder: folder for TensorBoard's files, unless TENSORBOARD_LOGGING_DIR is set.

    Raises:
        UserError: a name is unknown, or its package is not installed.
    """
    return [_reporter(name, folder) for name in names]


def _reporter(name: str, folder: Path) -> TrainerCallback:
    if name not in INTEGRATION_TO_CALLBACK:
        raise unknown("reporter", name, INTEGRATION_TO_CALLBACK)
    try:
        reporter = INTEGRATION_TO_CALLBACK[name]()
    except (RuntimeError, ImportError) as error:
        raise UserError(f"Cannot report to {name} ({error}). Install its package, or change report_to.") from error
    if isinstance(reporter, TensorBoardCallback) and reporter.logging_dir is None:
        # By default transformers writes beside the checkpoints, which are removed at the end of a stage.
        reporter.logging_dir = str(folder)
    return reporter


@contextlib.contextmanager
def one_run(names: tuple[str, ...], run_id: str) -> Iterator[None]:
    """Let reporters add to the run of an id while the block runs. Variables that the user has set count.

    Args:
        names: names of the reporters.
        run_id: 32 hexadecimal digits.
    """
    variables = [item for name in names for item in RUN_VARIABLES.get(name, {}).items()]
    added = {name: value.format(id=run_id) for name, value in variables if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
