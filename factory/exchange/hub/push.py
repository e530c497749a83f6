"""Upload of a data set to the hub, as one commit."""

from pathlib import Path

from factory.exchange.card.card import CARD
from pangea_cultural.dataset import withdrawn_data_sets
from pangea_cultural.dataset.manifest import DESCRIPTION
from pangea_cultural.dataset.withdrawal import NOTHING, WithdrawalList
from pangea_cultural.errors import UserError
from pangea_cultural.utils.hub.files import local_files, require_own_files
from pangea_cultural.utils.hub.upload import prepare, upload

MAX_FILES = 100_000
"""Limit that the hub recommends for a repository."""


def push(folder: Path, repository: str, withdrawn: WithdrawalList = NOTHING, *, private: bool, quiet: bool) -> str:
    """Upload a data set and return the commit.

    The commit comes after all files, so that a reader sees all or none of them. After an interruption, large files that
    have arrived are not sent again.

    Args:
        folder: a data set of `pcult data export`.
        repository: USER/NAME; created if it does not exist.
        withdrawn: list of withdrawals. A data set that has some of it is not sent.
        private: whether a new repository is private.
        quiet: whether to show no progress.

    Raises:
        UserError: the folder is not such a data set, it has withdrawn rows, or the hub refuses it.
    """
    _require_data_set(folder)
    if names := withdrawn_data_sets.problem(folder, withdrawn):
        raise UserError(
            f"{folder} has or may have withdrawn data: {names}. Build its export again, or remove the rows with "
            "`pcult data withdraw --export`; then write it with `pcult data export --overwrite`."
        )
    prepared = prepare(repository, repo_type="dataset", private=private, login=False, quiet=quiet)
    return upload(prepared, folder, "Update the data set", delete="*")  # files of an earlier version


def _require_data_set(folder: Path) -> None:
    if not (folder / DESCRIPTION).is_file() or not (folder / CARD).is_file():
        raise UserError(f"{folder} is not a data set with a card. Write one with `pcult data export`.")
    require_own_files(folder, "data set")
    count = len(local_files(folder))
    if count > MAX_FILES:
        raise UserError(
            f"{folder} has {count:,} files, and the hub takes {MAX_FILES:,}. Export it with --format parquet."
        )
