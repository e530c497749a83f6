"""HTTP proxies of the environment: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY.

A proxy resolves names itself, so the check against private addresses would end at it. Therefore a name is resolved and
checked here, and the proxy is asked for a tunnel to the address. TLS still verifies the certificate of the name. Plain
HTTP has no tunnel: a proxy replaces the Host header, so its addresses are refused.
"""

import urllib.request
from dataclasses import dataclass

from aiohttp import BasicAuth
from yarl import URL

from pangea_cultural.errors import UserError

HOW_TO_BYPASS = "Add the host to NO_PROXY or to [network] private_hosts to ask it directly."


@dataclass(frozen=True)
class Proxy:
    """A proxy of the environment."""

    url: URL
    """URL without user name and password."""
    auth: BasicAuth | None

    @property
    def name(self) -> str:
        """Host and port, for messages."""
        return f"{self.url.host}:{self.url.port}"


def proxy_for(url: URL) -> Proxy | None:
    """Return the proxy for a URL, or None to connect directly.

    Raises:
        UserError: the environment names a proxy that cannot be used.
    """
    proxies = urllib.request.getproxies_environment()
    address = proxies.get(url.scheme) or proxies.get("all")
    if not address or urllib.request.proxy_bypass(f"{url.host}:{url.port}", proxies):
        return None
    try:
        found = URL(address if "://" in address else f"http://{address}")
        usable = found.scheme in ("http", "https") and bool(found.host)
    except ValueError:
        usable = False
    if not usable:
        name = f"{url.scheme.upper()}_PROXY" if proxies.get(url.scheme) else "ALL_PROXY"
        raise UserError(f"{name} is not the address of an HTTP proxy. Write it as http://host:port, or unset it.")
    auth = BasicAuth(found.user, found.password or "") if found.user else None
    return Proxy(found.with_user(None), auth)
