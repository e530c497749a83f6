"""Failures of single requests to an endpoint."""

from pangea_cultural.errors import UserError

CONNECTION, TIMEOUT, CUT, TOO_LONG = "connection", "timeout", "cut answer", "too long"
NO_COMPLETION = "no chat completion"
"""Kinds of failure, beside `status` with a number."""
BUSY = 429
"""Status of a server that has too many requests."""
PASSING = frozenset({408, 409, 425, BUSY})
"""Statuses below 500 that pass: timeout, conflict, too early, too many requests."""


class KeyRefusedError(UserError):
    """A key that an endpoint refuses."""


class NotServedError(UserError):
    """A model or an address that an endpoint does not have."""


class NoAnswerError(UserError):
    """A request that has no answer. Others may have one.

    Args:
        kind: kind of the failure, such as `timeout` or `status 500`, for counts.
        message: the fact and an instruction.
        pause_s: seconds of the pause that the server asks for; None if it asks for none.
    """

    def __init__(self, kind: str, message: str, *, pause_s: float | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.pause_s = pause_s

    @property
    def status(self) -> int | None:
        """The status of the response; None if there was none, or it was 200."""
        word, _, number = self.kind.partition(" ")
        return int(number) if word == "status" else None

    @property
    def is_down(self) -> bool:
        """Whether the endpoint does not answer at all, so that other requests fail like this one."""
        return self.kind in (CONNECTION, TIMEOUT) or (self.status or 0) >= 500

    @property
    def is_busy(self) -> bool:
        """Whether the endpoint answers that it has too much to do."""
        return self.status == BUSY or self.pause_s is not None

    @property
    def is_passing(self) -> bool:
        """Whether another attempt may not have this failure."""
        return self.is_down or self.kind in (CUT, NO_COMPLETION) or self.status in PASSING


def interrupted(url: str) -> NoAnswerError:
    """Return the failure of an answer that breaks."""
    return NoAnswerError(CUT, f"The answer of {url} was interrupted. Ask again, or see the server's log.")


class NoLikelihoodsError(NoAnswerError):
    """An endpoint that gives no likelihoods of answers, or none that can be assigned to them.

    Args:
        message: the fact and an instruction.
    """

    def __init__(self, message: str) -> None:
        super().__init__("no likelihoods", message)
