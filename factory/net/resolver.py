"""Which addresses may be connected to: public ones, and the private ones that the recipe names.

An image's URL, or a redirect, can point anywhere: at a router, at a cloud's metadata service, at a database on this
machine. Names are checked after they are resolved, at the moment of connecting.
"""

import ipaddress
import socket
from collections.abc import Collection
from urllib.parse import urlsplit

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from pangea_cultural.errors import UserError

NAT64 = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class PrivateAddressError(OSError):
    """A host that is on a private network, or this machine."""


def is_public(text: str) -> bool:
    """Whether an IP address is one of the internet: not private, loopback, link-local, multicast or reserved."""
    address = ipaddress.ip_address(text.partition("%")[0])
    return all(each.is_global and not each.is_multicast and not each.is_reserved for each in _meant(address))


def _meant(address: Address) -> list[Address]:
    """The address that packets go to: IPv6 has several ways of writing an IPv4 address."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    if address.sixtofour:
        return [address.sixtofour]
    if address.teredo:
        return list(address.teredo)
    # The IPv4-compatible form (::127.0.0.1) lies in a reserved block, so it needs no case of its own.
    return [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)] if address in NAT64 else [address]


class Guard(AbstractResolver):
    """Resolves host names, and refuses private addresses.

    Args:
        private_hosts: hosts that are allowed all the same, as `host` or `host:port`; IPv6 addresses in brackets.
    """

    def __init__(self, private_hosts: Collection[str]) -> None:
        self._named = frozenset(name.lower() for name in private_hosts)
        self._resolver = ThreadedResolver()

    def check(self, url: URL) -> None:
        """Check a URL whose host is an IP address: it is connected to without asking a resolver.

        Raises:
            PrivateAddressError: the address is private.
        """
        host = url.host or ""
        try:
            public = is_public(host)
        except ValueError:
            return  # a name
        if not public and not self._is_named(host, url.port or 0):
            raise PrivateAddressError(f"{host} is a private address")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a name that may be connected to."""
        found = await self._resolver.resolve(host, port, family)
        if self._is_named(host, port):
            return found
        public = [each for each in found if is_public(each["host"])]
        if not public:
            raise PrivateAddressError(f"{host} has only private addresses")
        return public

    async def close(self) -> None:
        """Release the resolver."""
        await self._resolver.close()

    def _is_named(self, host: str, port: int) -> bool:
        name = f"[{host}]" if ":" in host else host
        return bool({name.lower(), f"{name.lower()}:{port}"} & self._named)


def host_of(url: str) -> tuple[str, int]:
    """Host and port of a web address.

    Raises:
        UserError: it is none; only http and https are.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme not in ("http", "https") or not parts.hostname or not port:
        raise UserError(f"{url!r} is not a web address: write it as https://host/path")
    return parts.hostname, port


def refuse_private(url: str, allowed: Collection[str] = ()) -> None:
    """Refuse an address that leads into a private network, to this machine, or nowhere on the internet.

    Args:
        url: the address; its host is looked up. A host without an address passes: connecting to it fails by itself.
        allowed: hosts (`localhost`, `10.0.0.7`, `[::1]`) or hosts with ports (`127.0.0.1:7878`) that the recipe names.

    Raises:
        UserError: the host has such an address, and is not allowed.
    """
    host, port = host_of(url)
    name = f"[{host}]" if ":" in host else host
    if {name, f"{name}:{port}"} & {entry.lower() for entry in allowed}:
        return
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return
    for *_, address in found:
        if not is_public(str(address[0])):
            raise UserError(
                f"{host} leads to the private address {address[0]}: "
                f'if that is meant, add "{name}:{port}" to private_hosts in the recipe'
            )
