"""transformers' reporters, such as TensorBoard and W&B, which receive the log besides its own files."""

from pathlib import Path

from transformers import TrainerCallback
from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK, TensorBoardCallback

from pangea_cultural.errors import UserError, unknown


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
