"""Upload of a data set to the hub, as one commit."""

import os
from pathlib import Path

from factory.exchange.card.card import CARD
from factory.exchange.hub.access import TOKEN, one_line, open_hub
from factory.exchange.hub.verify import differences, remote_files
from pangea_cultural.dataset import withdrawn_data_sets
from pangea_cultural.dataset.manifest import DESCRIPTION
from pangea_cultural.dataset.withdrawal import NOTHING, WithdrawalList
from pangea_cultural.errors import UserError

MAX_FILES = 100_000
"""Limit that the hub recommends for a repository."""
HIDDEN = ("**/.*", ".*")
"""Files that stay here, such as those of the system."""


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
    if not os.environ.get(TOKEN, "").strip():
        raise UserError(f"{TOKEN} is not set. Create a token at https://huggingface.co/settings/tokens and set it.")
    hub = open_hub(quiet=quiet)
    with one_line(repository):
        hub.whoami()
        hub.create_repo(repository, repo_type="dataset", private=private, exist_ok=True)
        commit = hub.upload_folder(
            folder_path=folder,
            repo_id=repository,
            repo_type="dataset",
            commit_message="Update the data set",
            ignore_patterns=list(HIDDEN),
            delete_patterns="*",  # files of an earlier version
        )
        remote = remote_files(hub, repository, commit.oid)
    local = {path.relative_to(folder).as_posix() for path in _files(folder)}
    wrong = sorted({*differences(folder, remote), *(local - set(remote))} - {".gitattributes"})
    if wrong:
        raise UserError(f"{repository}: {wrong[0]} did not arrive as sent ({len(wrong)} files). Push it again.")
    return commit.oid


def _require_data_set(folder: Path) -> None:
    if not (folder / DESCRIPTION).is_file() or not (folder / CARD).is_file():
        raise UserError(f"{folder} is not a data set with a card. Write one with `pcult data export`.")
    files, root = _files(folder), folder.resolve()
    if outside := next((path for path in files if not path.resolve().is_relative_to(root)), None):
        raise UserError(
            f"{outside} is a link to a file outside of the data set. Put the file there, or remove the link."
        )
    count = len(files)
    if count > MAX_FILES:
        raise UserError(
            f"{folder} has {count:,} files, and the hub takes {MAX_FILES:,}. Export it with --format parquet."
        )


def _files(folder: Path) -> list[Path]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return [path for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
