"""Failures of single requests to an endpoint."""

from pangea_cultural.errors import UserError


class NoAnswerError(UserError):
    """A request that has no answer. Others may have one.

    Args:
        kind: kind of the failure, such as `timeout` or `status 500`, for counts.
        message: the fact and an instruction.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind

    @property
    def is_down(self) -> bool:
        """Whether the endpoint does not answer at all, so that other requests fail like this one."""
        return self.kind in ("connection", "timeout") or self.kind.startswith("status 5")


class NoLikelihoodsError(NoAnswerError):
    """An endpoint that gives no likelihoods of answers, or none that can be assigned to them.

    Args:
        message: the fact and an instruction.
    """

    def __init__(self, message: str) -> None:
        super().__init__("no likelihoods", message)
