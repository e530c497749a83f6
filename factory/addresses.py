"""Which servers the factory talks to, and how it introduces itself.

A recipe can come from anybody, and a server can redirect anywhere: addresses inside the user's own network are refused
unless the recipe names them. Wikimedia's servers want to know whom to write to.
"""

import ipaddress
import socket
from collections.abc import Collection
from urllib.parse import urlsplit

from pangea_cultural import __version__
from pangea_cultural.errors import UserError

WIKIMEDIA = ("wikidata.org", "wikimedia.org", "wikipedia.org")
"""Domains whose user-agent policy asks for a contact."""
NAT64 = ipaddress.ip_network("64:ff9b::/96")


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
        if is_private(str(address[0])):
            raise UserError(
                f"{host} leads to the private address {address[0]}: "
                f'if that is meant, add "{name}:{port}" to private_hosts in the recipe'
            )


def is_private(address: str) -> bool:
    """Whether an IP address is private, local, reserved or multicast, also when wrapped into IPv6."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in NAT64 else None
        ip = ip.ipv4_mapped or ip.sixtofour or inner or ip
    return not ip.is_global or ip.is_multicast or ip.is_reserved


def user_agent(url: str, contact: str, library: str) -> str:
    """The User-Agent header for a server.

    Args:
        url: an address on the server.
        contact: mail or web address of whoever runs the build; may be empty where the server is not Wikimedia's.
        library: name and version of the HTTP library, as `SPARQLWrapper/2.0.0`.

    Raises:
        UserError: Wikimedia's servers want a contact, and there is none; or it does not fit into a header.
    """
    host, _ = host_of(url)
    if not contact and any(host == domain or host.endswith(f".{domain}") for domain in WIKIMEDIA):
        raise UserError(f"{host} asks for a contact: give --contact MAIL-OR-URL or set PCULT_CONTACT")
    if not contact.isascii() or not contact.isprintable() or set(contact) & set("()"):
        raise UserError(f"{contact!r} cannot be a contact: write a mail or web address")
    name = f"pangea-cultural/{__version__}"
    return f"{name} ({contact}) {library}" if contact else f"{name} {library}"
