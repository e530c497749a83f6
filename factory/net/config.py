"""The recipe's table `network`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from factory.net.limits import HostLimits
from factory.net.retry import RetryPolicy
from pangea_cultural import config

if TYPE_CHECKING:
    from factory.net.client import Client


class NetworkConfig(config.Config):
    """Network settings. None of them changes the result of a build."""

    contact: str = ""
    """Your e-mail address or URL. Wikimedia requires one. --contact and PCULT_CONTACT override it."""
    private_hosts: tuple[str, ...] = ()
    """Hosts, as `host` or `host:port`, that are allowed although they are private or on this machine."""
    limits: dict[str, HostLimits] = Field(default_factory=dict)
    """Limits of `host`, `host:port`, or of the groups `wikimedia-api` and `wikimedia-files`."""
    retry: RetryPolicy = RetryPolicy()
    """Retries and timeouts."""

    def client(self, *, seed: int) -> Client:
        """Return a client with these settings. `seed` is the seed of its jitter."""
        # Imported here because a build without a network does not need aiohttp.
        from factory.net.client import Client

        return Client(
            contact=self.contact,
            limits=self.limits,
            private_hosts=self.private_hosts,
            retry=self.retry,
            seed=seed,
        )
