"""Upload of a checkpoint to the hub."""

from pathlib import Path

from pangea_cultural.errors import UserError
from pangea_cultural.model.checkpoint_files import require_whole
from pangea_cultural.utils.hub import upload as uploads
from pangea_cultural.utils.hub.access import HubError, one_line
from pangea_cultural.utils.hub.files import require_own_files
from pangea_cultural.utils.hub.upload import Repository

LAST_CHECKPOINT = "last-checkpoint"
"""Folder on the hub with an unfinished training, which its result replaces."""
REPLACED = (
    "model.safetensors",
    "model-?????-of-?????.safetensors",
    "model.safetensors.index.json",
    "adapter/*",
    f"{LAST_CHECKPOINT}/*",
)
"""Files of an earlier version: weights in another number of files would be loaded in place of the new ones. Adapters
of another training do not give the outputs of the new model."""


def prepare(repository: str, *, private: bool, allow: str, quiet: bool) -> Repository:
    """Create a model's repository if it does not exist, and check that it can be written.

    Args:
        repository: USER/NAME, or NAME for the user of the token.
        private: whether the model has to be private.
        allow: setting that allows a public model, for the error.
        quiet: whether to show no progress.

    Raises:
        UserError: the hub refuses it, or the repository is public.
    """
    prepared = uploads.prepare(repository, repo_type="model", private=private, login=True, quiet=quiet)
    with one_line(prepared.name):
        prepared.hub.auth_check(prepared.name, write=True)
        is_public = not prepared.hub.repo_info(prepared.name).private
    if private and is_public:
        raise HubError(f"{prepared.name} is public", f"Allow that with {allow}, or choose another repository")
    return prepared


def push(folder: Path, repository: Repository) -> str:
    """Upload a checkpoint with everything in its folder, and return the commit. Other files of the repository stay.

    Args:
        folder: the checkpoint, in the hub's layout.
        repository: a repository that `prepare` has returned.

    Raises:
        UserError: the folder is not a checkpoint, or the hub refuses it.
    """
    require_checkpoint(folder)
    return uploads.upload(repository, folder, "Update the model", delete=REPLACED)


def require_checkpoint(folder: Path) -> None:
    """Check that a folder has a model with a card.

    Raises:
        UserError: it has not, its weights are damaged, or it has links to files elsewhere.
    """
    if not (folder / "config.json").is_file() or not any(folder.glob("*.safetensors")):
        raise UserError(f"No checkpoint at {folder}. Train one with `pcult train`.")
    if not (folder / "README.md").is_file():
        raise UserError(f"{folder} has no model card. Write a README.md with the license and the origin of the model.")
    require_own_files(folder, "checkpoint")
    require_whole(folder)
