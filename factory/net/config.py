"""The recipe's table `network`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from factory.net.limits import HostLimits
from factory.net.retry import Patience
from pangea_cultural import config

if TYPE_CHECKING:
    from factory.net.client import Client


class Network(config.Config):
    """How to behave on the network; nothing of it changes what is built."""

    contact: str = ""
    """E-mail address or URL of who runs the build. Wikimedia wants one; --contact or PCULT_CONTACT replaces it."""
    private_hosts: tuple[str, ...] = ()
    """Hosts, as `host` or `host:port`, that may be connected to although they are private or on this machine."""
    limits: dict[str, HostLimits] = Field(default_factory=dict)
    """Limits of `host`, `host:port`, or of the groups `wikimedia-api` and `wikimedia-files`."""
    patience: Patience = Patience()

    def client(self, *, seed: int) -> Client:
        """A client that behaves so; the seed is of its jitter. A build without network need not wait for aiohttp."""
        from factory.net.client import Client

        return Client(
            contact=self.contact,
            limits=self.limits,
            private_hosts=self.private_hosts,
            patience=self.patience,
            seed=seed,
        )
