"""Limits on the events of one visitor that wait, so that none fills the queue of a page alone."""

import ipaddress
from typing import Any

import gradio as gr

MOST_WAITING = 64
"""Events that wait for their turn. Further visitors are told that the page is busy."""
MOST_OF_AN_ADDRESS = 32
"""Waiting events of one address, or of one login. A class or an office can share an address."""
MOST_OF_A_SESSION = 16
"""Waiting events of one open page. A question makes three."""
FULL = "The queue has no place for further events of this visitor."
"""Reason of a refusal. Gradio's script shows a sentence of its own, for which the page has one in each language."""
_IPV6_PREFIX = 64
"""Bits of an IPv6 address that are those of its network: one person has all addresses of it."""


def limit(blocks: gr.Blocks) -> None:
    """Refuse events of a visitor of whom too many wait. Call it after `queue`.

    Gradio limits only the events of all visitors together.
    """
    queue = blocks._queue
    push = queue.push

    async def limited(body: Any, request: Any, username: Any) -> Any:
        waiting = [event for part in queue.event_queue_per_concurrency_id.values() for event in part.queue]
        own = visitor(request, username)
        of_own = sum(visitor(event.request, event.username) == own for event in waiting)
        of_session = sum(event.session_hash == body.session_hash for event in waiting)
        if of_own >= MOST_OF_AN_ADDRESS or of_session >= MOST_OF_A_SESSION:
            return False, FULL, "queue_full"
        return await push(body, request, username)

    queue.push = limited  # type: ignore[method-assign]


def visitor(request: Any, username: str | None) -> tuple[str, str]:
    """Return who sends a request: the name of the login, or else the address.

    Args:
        request: Starlette's request, whose address is that of the browser behind a proxy on this machine.
        username: name of the login; None for none.
    """
    if username:
        return "name", username
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return "address", host
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        network = str(mapped or ipaddress.ip_network((address, _IPV6_PREFIX), strict=False))
        return "address", network
    return "address", str(address)
