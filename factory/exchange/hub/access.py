"""Access to the hub: its address and token from the environment, and its errors in one line."""

import contextlib
import os
from collections.abc import Iterator

import httpx
from huggingface_hub import HfApi
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils.tqdm import disable_progress_bars

from factory.exchange.hub.guard import RefusedError
from pangea_cultural import __version__
from pangea_cultural.errors import UserError

GARBLED = (AttributeError, IndexError, KeyError, TypeError)
"""Errors of the client for a response without a key, or with a value of another type."""
TOKEN, ENDPOINT = "HF_TOKEN", "HF_ENDPOINT"
"""Environment variables. A token in a file is not read, so that no command acts for another account by accident."""


def open_hub(*, quiet: bool) -> HfApi:
    """Return the hub's client, without a token if the environment has none."""
    if quiet:
        disable_progress_bars()
    token = os.environ.get(TOKEN, "").strip()
    endpoint = os.environ.get(ENDPOINT) or None
    return HfApi(endpoint=endpoint, token=token or False, library_name="pangea-cultural", library_version=__version__)


@contextlib.contextmanager
def one_line(repository: str) -> Iterator[None]:
    """Turn errors of the hub into one line, which never has the token.

    Raises:
        UserError: the hub refuses, does not answer, or breaks off.
    """
    try:
        yield
    except RefusedError as error:
        raise UserError(f"A response of the hub was refused: {error}. Do not use this data set.") from error
    except HFValidationError as error:
        raise UserError(f"{repository!r} is not the name of a repository. Write it as USER/NAME.") from error
    except RevisionNotFoundError as error:
        raise UserError(f"{repository} has no such revision. Choose another with --revision.") from error
    except (GatedRepoError, RepositoryNotFoundError) as error:
        hint = f"Check its name, and set {TOKEN} if it is private or gated."
        raise UserError(f"The hub does not show the data set {repository}. {hint}") from error
    except HfHubHTTPError as error:
        raise _refused(repository, error) from error
    # The client raises RuntimeError for an upload that failed, and others for a response of another shape or length.
    except (httpx.HTTPError, LocalEntryNotFoundError, RuntimeError, ValueError, *GARBLED, OSError) as error:
        if isinstance(error, OSError) and error.filename:
            raise  # of this machine
        text = without_token(" ".join(str(error).split()))[:200] or type(error).__name__
        raise UserError(f"The hub broke off ({text}). Run the same command again to resume.") from error


def _refused(repository: str, error: HfHubHTTPError) -> UserError:
    status = error.response.status_code
    if status == 401:
        return UserError(f"The hub does not accept the token. Set {TOKEN} to a valid one.")
    if status == 403:
        return UserError(f"The token may not write to {repository}. Set {TOKEN} to one with the right to write.")
    text = without_token(" ".join((error.server_message or "").split()))[:200]
    detail = f"{status}, {text}" if text else f"{status}"
    return UserError(f"The hub refused a request ({detail}). Run the same command again to resume.")


def without_token(text: str) -> str:
    """Return a text in which the token is replaced."""
    token = os.environ.get(TOKEN, "").strip()
    return text.replace(token, "***") if token else text
