"""The `Host` header of requests to a server without keys.

A web page can give its own name the address 127.0.0.1 after it was loaded (DNS rebinding). A browser then lets it send
requests to this machine. They have the name of the page, by which they are refused.
"""

import functools
import ipaddress

from serve.gateway.errors import RefusedError

LOCAL = ("localhost", ".localhost")


def check_host(header: bytes | None) -> None:
    """Check that a request names this machine, or an address.

    Raises:
        RefusedError: it names another host.
    """
    if header is not None and not is_local(header):
        message = "Without keys, this server answers only to localhost and to addresses. Use one of these, or keys."
        raise RefusedError(421, "host", message, closes=True)


@functools.lru_cache(maxsize=64)
def is_local(header: bytes) -> bool:
    """Return whether a `Host` header is a name of this machine, or an address."""
    text = header.decode("latin-1").strip().lower()
    name = text[1:].partition("]")[0] if text.startswith("[") else text.partition(":")[0]
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return not name or name == LOCAL[0] or name.endswith(LOCAL[1])
    return True
