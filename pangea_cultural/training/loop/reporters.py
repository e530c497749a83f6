"""Where a training's log goes besides its own files: transformers' reporters, such as TensorBoard and W&B."""

from pathlib import Path

from transformers import TrainerCallback
from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK, TensorBoardCallback

from pangea_cultural.errors import UserError, unknown


def reporters(names: tuple[str, ...], folder: Path) -> list[TrainerCallback]:
    """The reporters of these names.

    Args:
        names: as transformers' `report_to` has them.
        folder: for those that write files, unless their own settings say where (TENSORBOARD_LOGGING_DIR).

    Raises:
        UserError: there is none of such a name, or its package is not installed.
    """
    return [_reporter(name, folder) for name in names]


def _reporter(name: str, folder: Path) -> TrainerCallback:
    if name not in INTEGRATION_TO_CALLBACK:
        raise unknown("reporter", name, INTEGRATION_TO_CALLBACK)
    try:
        made = INTEGRATION_TO_CALLBACK[name]()
    except (RuntimeError, ImportError) as error:
        raise UserError(f"report_to {name}: {error}") from error
    if isinstance(made, TensorBoardCallback) and made.logging_dir is None:
        # transformers would write beside the checkpoints, which are removed when a stage is done.
        made.logging_dir = str(folder)
    return made
