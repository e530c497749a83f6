"""Rules for IP addresses and web addresses, without any network access."""

import ipaddress
from urllib.parse import urlsplit

from pangea_cultural.errors import UserError

NAT64 = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_public(text: str) -> bool:
    """Return whether an IP address is public: not private, loopback, link-local, multicast or reserved.

    Raises:
        ValueError: the text is not an IP address.
    """
    address = ipaddress.ip_address(text.partition("%")[0])
    return all(target.is_global and not target.is_multicast and not target.is_reserved for target in _targets(address))


def _targets(address: Address) -> list[Address]:
    """Return the addresses that packets reach. IPv6 has several notations for an IPv4 address."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    if address.sixtofour:
        return [address.sixtofour]
    if address.teredo:
        return list(address.teredo)
    # The IPv4-compatible form (::127.0.0.1) is in a reserved block, so it needs no case.
    return [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)] if address in NAT64 else [address]


def host_and_port(url: str) -> tuple[str, int]:
    """Return host and port of a web address.

    Raises:
        UserError: the scheme is not http or https, or there is no host.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme not in ("http", "https") or not parts.hostname or not port:
        raise UserError(f"{url!r} is not a web address. Write it as https://host/path")
    return parts.hostname, port
