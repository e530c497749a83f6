"""Upload of a folder to the hub: checked before, repeated after a failure of the network, and compared afterwards."""

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

from pangea_cultural.utils.hub.access import HubError, one_line, open_hub, require_token
from pangea_cultural.utils.hub.files import differences, local_files, remote_files

HIDDEN = ("**/.*", ".*")
"""Files that stay here, such as those of the system."""
PAUSES_S = (10.0, 60.0)
"""Seconds before the second and the third attempt. huggingface_hub itself repeats single requests for some seconds."""
BUSY = (408, 409, 412, 429)
"""Status of a request that may succeed later, besides those from 500: another commit came between, or too many did."""


@dataclass(frozen=True)
class Repository:
    """A repository of the hub that is written to.

    Args:
        hub: the client.
        name: USER/NAME.
        repo_type: `dataset` or `model`.
    """

    hub: HfApi
    name: str
    repo_type: str


def prepare(name: str, *, repo_type: str, private: bool, login: bool, quiet: bool) -> Repository:
    """Create a repository if it does not exist, and return it.

    Args:
        name: USER/NAME, or NAME for the user of the token.
        repo_type: `dataset` or `model`.
        private: whether a new repository is private.
        login: whether the token of `hf auth login` counts, if the environment has none.
        quiet: whether to show no progress.

    Raises:
        UserError: there is no token, or it may not write.
    """
    require_token(login=login)
    hub = open_hub(quiet=quiet, login=login)
    with one_line(name):
        hub.whoami()
        url = hub.create_repo(name, repo_type=repo_type, private=private, exist_ok=True)
        return Repository(hub, url.repo_id, repo_type)


def upload(
    repository: Repository,
    folder: Path,
    message: str,
    *,
    delete: Sequence[str] | str,
    path_in_repo: str = "",
) -> str:
    """Upload a folder and return the commit. After an interruption, large files that have arrived are not sent again.

    Args:
        repository: the repository.
        folder: the folder. Hidden files stay here.
        message: message of the commit.
        delete: patterns of older files to remove, relative to `path_in_repo`.
        path_in_repo: folder on the hub.

    Raises:
        UserError: the hub refuses it, does not answer, or has other files afterwards.
    """
    with one_line(repository.name), warnings.catch_warnings():
        # The record of trained rows is meant to be beside the model.
        warnings.filterwarnings("ignore", "It seems that you are about to commit a data file")
        for pause in (*PAUSES_S, None):
            try:
                commit = repository.hub.upload_folder(
                    folder_path=folder,
                    repo_id=repository.name,
                    repo_type=repository.repo_type,
                    commit_message=message,
                    path_in_repo=path_in_repo or None,
                    ignore_patterns=list(HIDDEN),
                    delete_patterns=list([delete] if isinstance(delete, str) else delete) if delete else None,
                )
                break
            except Exception as error:
                if pause is None or not _is_passing(error):
                    raise
                time.sleep(pause)
        listed = remote_files(repository.hub, repository.name, commit.oid, repo_type=repository.repo_type)
    prefix = f"{path_in_repo}/" if path_in_repo else ""
    remote = {path.removeprefix(prefix): entry for path, entry in listed.items() if path.startswith(prefix)}
    local = {path.relative_to(folder).as_posix() for path in local_files(folder)}
    # All of a data set is replaced. A model's repository may have files of others.
    expected = remote if delete == "*" else {path: remote[path] for path in local & set(remote)}
    wrong = sorted({*differences(folder, expected), *(local - set(remote))} - {".gitattributes"})
    if wrong:
        raise HubError(f"{repository.name}: {wrong[0]} did not arrive as sent ({len(wrong)} files)", "Push it again")
    return commit.oid


def _is_passing(error: BaseException | None) -> bool:
    """Return whether an error, or what has caused it, is of the network or of a busy hub."""
    while error is not None:
        if isinstance(error, httpx.TransportError):
            return True
        if isinstance(error, HfHubHTTPError):
            return error.response.status_code >= 500 or error.response.status_code in BUSY
        error = error.__cause__ or error.__context__
    return False
