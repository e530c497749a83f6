"""States of several endpoints: which one is asked next, and which one rests after failures."""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pangea_cultural.endpoint.address import Address
from pangea_cultural.endpoint.failures import CONNECTION, TIMEOUT, NoAnswerError
from pangea_cultural.endpoint.pauses import pause_s
from pangea_cultural.errors import UserError

PROBE_S = 0.1
"""Pause of the requests that wait for the first answer of an endpoint after its rest."""
LONGEST_ASKED_PAUSE_S = 900.0
"""Longest pause that a server may ask for. After it, it is asked again."""
NOTED_PAUSE_S = 10.0
"""Rests of an endpoint from which on they are noted: shorter ones are usual."""
FAILURES_IN_A_ROW = 3
"""Failures after which an endpoint rests. Fewer may be the fault of single requests."""
GIVE_UP_S = 1800.0
"""Time without an answer after which an endpoint that is down does not come back: a large model starts in minutes."""


@dataclass
class State:
    """State of an endpoint."""

    address: Address
    running: int = 0
    failures: int = 0
    """Failed attempts since the last answer."""
    rests: int = 0
    """Rests since the last answer."""
    rests_until: float = 0.0
    knows_schemas: bool | None = None
    """None until it has answered a request with a schema."""
    down_since: float | None = None
    """Time of the first rest since the last answer, if the endpoint is down."""
    is_busy: bool = False
    """Whether it has asked for a pause since its last answer."""

    @property
    def is_probed(self) -> bool:
        """Whether a request is under way that tells whether it answers again."""
        return (self.is_busy or self.down_since is not None) and self.running > 0

    def note_answer(self) -> None:
        """Forget the failures before an answer."""
        self.failures, self.rests, self.down_since, self.is_busy = 0, 0, None, False


class Rests:
    """The endpoints of a pool.

    Args:
        addresses: the endpoints.
        note: called with a line about an endpoint that rests for long.
    """

    def __init__(self, addresses: Sequence[Address], note: Callable[[str], None]) -> None:
        self.states = [State(address) for address in addresses]
        self._note = note
        self._turn = itertools.count()

    async def free(self) -> State:
        """Return the least busy endpoint that does not rest; wait for the first one if all do.

        After a rest, one request at a time tells whether an endpoint that was down answers again. One that hangs would
        otherwise hold its share of all requests until they time out.

        Raises:
            UserError: all endpoints are down for too long.
        """
        clock = asyncio.get_running_loop().time
        while True:
            ready = [state for state in self.states if state.rests_until <= clock() and not state.is_probed]
            if ready:
                turn = next(self._turn) % len(ready)  # equally busy ones take turns
                return min(ready[turn:] + ready[:turn], key=lambda state: state.running)
            if all(state.down_since is not None and clock() - state.down_since > GIVE_UP_S for state in self.states):
                urls = ", ".join(state.address.url for state in self.states)
                raise UserError(
                    f"No answer from {urls} for {GIVE_UP_S / 60:.0f} minutes. Repair it and run this again."
                )
            ends = min(state.rests_until for state in self.states)
            await asyncio.sleep(max(ends - clock(), PROBE_S))

    def note_failure(self, state: State, error: NoAnswerError) -> None:
        """Let an endpoint rest, if it is down or asks for a pause. Requests that fail in its rest do not prolong it."""
        now = asyncio.get_running_loop().time()
        state.failures += 1
        if state.rests_until > now:
            return
        if error.is_busy or error.kind == CONNECTION or state.failures >= FAILURES_IN_A_ROW:
            state.is_busy |= error.is_busy
            if error.kind in (CONNECTION, TIMEOUT) and state.down_since is None:
                state.down_since = now
            rest = pause_s(state.rests, error.pause_s, longest_s=LONGEST_ASKED_PAUSE_S)
            state.rests_until = now + rest
            state.rests += 1
            if rest >= NOTED_PAUSE_S:
                self._note(f"{state.address.url} is asked again in {rest:.0f} s ({error.kind})")
