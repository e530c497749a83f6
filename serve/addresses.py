"""Addresses to listen on: free ports, and which machines reach them."""

import errno
import ipaddress
import socket
from typing import Any

from pangea_cultural.errors import UserError


def free_port(host: str, port: int) -> int:
    """Return a port that is free at an address of this machine.

    Args:
        host: name or address.
        port: TCP port; 0 for any free one.

    Raises:
        UserError: the host is not one of this machine, or the port is in use or not permitted.
    """
    family, place = _resolved(host, port)
    with socket.socket(family) as probe:
        # vLLM binds with this option, which accepts the port of a server that ended recently (TIME_WAIT).
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(place)
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise UserError(f"{host} is not an address of this machine. Choose another with --host.") from error
            if error.errno == errno.EACCES:
                raise UserError(f"No permission to use port {port}. Choose one from 1024 on with --port.") from error
            raise UserError(f"Port {port} is in use. Choose another with --port.") from error
        return probe.getsockname()[1]


def require_keys(host: str, *, has_keys: bool) -> None:
    """Check that an address which other machines reach has keys.

    Raises:
        UserError: everyone in the network could send requests.
    """
    _, place = _resolved(host, 0)
    if not has_keys and not ipaddress.ip_address(str(place[0]).partition("%")[0]).is_loopback:
        raise UserError(
            f"Other machines reach {host}, and requests need no key. Make one: pcult serve --new-key NAME --keys FILE"
        )


def _resolved(host: str, port: int) -> tuple[socket.AddressFamily, tuple[Any, ...]]:
    try:
        family, *_, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise UserError(f"{host} is not the name of a machine. Choose an address of this one with --host.") from error
    return family, place
