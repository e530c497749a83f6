"""What can go wrong on the network, and whether it is worth another try."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pangea_cultural.errors import UserError

if TYPE_CHECKING:
    from factory.net.limits import Gate


KEPT = "what is done is kept; run the same command again"


class FetchError(Exception):
    """One file or answer that could not be fetched; the host as such works.

    Args:
        reason: the rejection's reason, alike for all files with the same fault.
        detail: what is particular to this one: the URL, and what a server said.
        status: the HTTP status, where the server gave one that is an error.
    """

    def __init__(self, reason: str, detail: str = "", status: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail
        self.status = status


class EndpointDownError(UserError):
    """A host that cannot be worked with now: what is done is kept, and the same command goes on later."""

    def __init__(self, host: str, problem: str) -> None:
        super().__init__(f"{host} {problem}: {KEPT}, later")


@dataclass(kw_only=True, eq=False)
class FaultError(Exception):
    """One try that failed."""

    reason: str
    retry: bool = True
    detail: str = ""
    status: int | None = None
    retry_after_s: float | None = None
    """What the server asked for."""
    throttled: bool = False
    """The server said that it gets too much, from us or from all: the next try waits longer."""
    unreachable: bool = False
    """No connection came about."""
    gate: Gate | None = None
    """Of the host that answered."""
