"""Name resolution that refuses private addresses, except named ones.

An image's URL or a redirect can point to a router, a cloud's metadata service or a database on this machine. Addresses
are checked after the name is resolved, at the moment of connecting.
"""

import socket
from collections.abc import Collection

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from pangea_cultural.utils.net.addresses import is_public


class PrivateAddressError(OSError):
    """A host on a private network or on this machine."""


class PublicResolver(AbstractResolver):
    """Resolver of host names that drops private addresses.

    Args:
        private_hosts: hosts that are allowed although they are private, as `host` or `host:port`. IPv6 addresses are
            in brackets.
    """

    def __init__(self, private_hosts: Collection[str]) -> None:
        self._allowed = frozenset(name.lower() for name in private_hosts)
        self._resolver = ThreadedResolver()

    def check(self, url: URL) -> None:
        """Check a URL whose host is an IP address. aiohttp connects to it without a resolver.

        Raises:
            PrivateAddressError: the address is private.
        """
        host = url.host or ""
        try:
            public = is_public(host)
        except ValueError:
            return  # The host is a name.
        if not public and not self._is_allowed(host, url.port or 0):
            raise PrivateAddressError(f"{host} is a private address")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the allowed addresses of a name.

        Raises:
            PrivateAddressError: all addresses are private.
        """
        addresses = await self._resolver.resolve(host, port, family)
        if self._is_allowed(host, port):
            return addresses
        public = [address for address in addresses if is_public(address["host"])]
        if not public:
            raise PrivateAddressError(f"{host} has only private addresses")
        return public

    async def close(self) -> None:
        """Release the resolver."""
        await self._resolver.close()

    def is_allowed(self, url: URL) -> bool:
        """Return whether a URL's host is one of the private hosts that are allowed."""
        return self._is_allowed(url.host or "", url.port or 0)

    async def public_address(self, url: URL) -> str:
        """Return an address of a URL's host, which may itself be an address.

        Raises:
            PrivateAddressError: all addresses are private.
            OSError: the name has no address.
        """
        self.check(url)
        addresses = await self.resolve(url.host or "", url.port or 0)
        return addresses[0]["host"]

    def _is_allowed(self, host: str, port: int) -> bool:
        name = f"[{host}]" if ":" in host else host
        return bool({name.lower(), f"{name.lower()}:{port}"} & self._allowed)
