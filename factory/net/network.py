"""The recipe's table `network`."""

from pydantic import Field

from factory.net.limits import HostLimits
from factory.net.patience import Patience
from pangea_cultural import config


class Network(config.Config):
    """How to behave on the network; nothing of it changes what is built."""

    contact: str = ""
    """E-mail address or URL of who runs the build. Wikimedia wants one; --contact or PCULT_CONTACT replaces it."""
    private_hosts: tuple[str, ...] = ()
    """Hosts, as `host` or `host:port`, that may be connected to although they are private or on this machine."""
    limits: dict[str, HostLimits] = Field(default_factory=dict)
    """Limits of `host`, `host:port`, or of the groups `wikimedia-api` and `wikimedia-files`."""
    patience: Patience = Patience()
