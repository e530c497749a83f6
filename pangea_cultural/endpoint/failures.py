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


class NoLikelihoodsError(NoAnswerError):
    """An endpoint that gives no likelihoods of answers, or none that can be assigned to them.

    Args:
        message: the fact and an instruction.
    """

    def __init__(self, message: str) -> None:
        super().__init__("no likelihoods", message)
