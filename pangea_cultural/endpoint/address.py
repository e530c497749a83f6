"""The address of an endpoint: its URL and its key."""

import os
from dataclasses import dataclass

from pangea_cultural.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Address:
    """One endpoint."""

    url: str
    """Base of the API, ending in /v1, without a slash after it."""
    model: str = ""
    """Name of the model at this endpoint; empty if it is not known yet."""
    api_key: str | None = None
    key_source: str = ""
    """Environment variable of the key, for errors; empty if it is from a file, or there is none."""
    key_remedy: str = "Pass the right one with --api-key-file."
    """Instruction for a key that the endpoint rejects."""

    @property
    def server(self) -> str:
        """The URL of the server, which has further addresses beside the API."""
        return self.url.removesuffix("/v1")


def address(url: str, model: str, key_variable: str = "") -> Address:
    """Return an endpoint with its key.

    Args:
        url: base of the API, ending in /v1.
        model: name of the model at this endpoint.
        key_variable: environment variable with the key; empty if the endpoint needs none.

    Raises:
        UserError: the environment variable is not set.
    """
    key = os.environ.get(key_variable) if key_variable else None
    if key_variable and not key:
        raise UserError(f"The environment variable {key_variable} is not set. Set it to the key of {url}.")
    remedy = "Set the right one." if key_variable else "Name the environment variable of its key with api_key_env."
    return Address(url=url.rstrip("/"), model=model, api_key=key, key_source=key_variable, key_remedy=remedy)
