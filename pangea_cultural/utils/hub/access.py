"""Access to the hub: its address and token from the environment, and its errors in one line."""

import contextlib
import os
from collections.abc import Iterator

import httpx
from huggingface_hub import HfApi, get_token
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils.tqdm import disable_progress_bars

from pangea_cultural import __version__
from pangea_cultural.errors import UserError
from pangea_cultural.utils.hub.guard import RefusedError

GARBLED = (AttributeError, IndexError, KeyError, TypeError)
"""Errors of the client for a response without a key, or with a value of another type."""
AGAIN = "Run the same command again to resume"
TOKEN, ENDPOINT = "HF_TOKEN", "HF_ENDPOINT"
"""Environment variables. Only commands with an own option for it read the token of `hf auth login`, so that no other
acts for another account by accident."""
_used_tokens: set[str] = set()


class HubError(UserError):
    """An answer of the hub, or a failure to get one.

    Args:
        fact: what has happened, without a full stop.
        advice: what to do, without a full stop.
    """

    def __init__(self, fact: str, advice: str) -> None:
        super().__init__(f"{fact}. {advice}.")
        self.fact = fact


def require_token(*, login: bool) -> None:
    """Check that there is a token; with `login` that of `hf auth login` counts.

    Raises:
        UserError: there is none.
    """
    if not _token(login=login):
        create = "Create a token at https://huggingface.co/settings/tokens"
        raise HubError(f"{TOKEN} is not set", f"{create} and set it" + (", or run `hf auth login`" if login else ""))


def _token(*, login: bool) -> str:
    token = os.environ.get(TOKEN, "").strip() or (login and get_token()) or ""
    _used_tokens.add(token)
    return token


def open_hub(*, quiet: bool, login: bool = False) -> HfApi:
    """Return the hub's client, without a token if the environment has none.

    Args:
        quiet: whether to show no progress.
        login: whether the token of `hf auth login` counts, if the environment has none.
    """
    if quiet:
        disable_progress_bars()
    token = _token(login=login)
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
        raise HubError(f"{repository!r} is not the name of a repository", "Write it as USER/NAME") from error
    except RevisionNotFoundError as error:
        raise UserError(f"{repository} has no such revision. Choose another with --revision.") from error
    except (GatedRepoError, RepositoryNotFoundError) as error:
        hint = f"Check its name, and set {TOKEN} if it is private or gated"
        raise HubError(f"The hub does not show {repository}", hint) from error
    except HfHubHTTPError as error:
        raise _refused(repository, error) from error
    # The client raises RuntimeError for an upload that failed, and others for a response of another shape or length.
    except (httpx.HTTPError, LocalEntryNotFoundError, RuntimeError, ValueError, *GARBLED, OSError) as error:
        if isinstance(error, OSError) and error.filename:
            raise  # of this machine
        text = without_token(" ".join(str(error).split()))[:200] or type(error).__name__
        raise HubError(f"The hub broke off ({text})", AGAIN) from error


def _refused(repository: str, error: HfHubHTTPError) -> HubError:
    status = error.response.status_code
    if status == 401:
        return HubError("The hub does not accept the token", f"Set {TOKEN} to a valid one")
    if status == 403:
        return HubError(f"The token may not write to {repository}", f"Set {TOKEN} to one with the right to write")
    text = without_token(" ".join((error.server_message or "").split()))[:200]
    detail = f"{status}, {text}" if text else f"{status}"
    return HubError(f"The hub refused a request ({detail})", AGAIN)


def without_token(text: str) -> str:
    """Return a text in which tokens are replaced."""
    for token in filter(None, {*_used_tokens, os.environ.get(TOKEN, "").strip()}):
        text = text.replace(token, "***")
    return text
