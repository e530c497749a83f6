"""Refusals and errors in the shape of OpenAI's API: `{"error": {"message", "type", "param", "code"}}`."""

from collections.abc import Mapping
from typing import Any

import orjson

TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
"""OpenAI's types of errors. The others are of the request, or of the server from 500 on."""
REASONS = {
    400: "request",
    401: "key",
    404: "not_found",
    405: "method",
    408: "body_time",
    413: "body_size",
    415: "content_type",
    422: "request",
    429: "busy",
    503: "overloaded",
}
"""Reasons of refusals by status, where the gateway has no finer one."""
UNAVAILABLE = "The server accepts no further requests now, or its engine has ended. Ask again later."
SERVER_ERROR = "The server failed. Ask again, or tell its operator the request id."


class RefusedError(Exception):
    """A request that is not served.

    Args:
        status: HTTP status from 400 on.
        reason: short fixed word for counts and the field `code`.
        message: the fact and an instruction. It quotes nothing but names of fields.
        param: name of the field that is wrong.
        headers: further headers of the response.
        closes: whether the connection is closed, because its body was not read.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        *,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
        closes: bool = False,
    ) -> None:
        super().__init__(message)
        self.status, self.reason, self.message, self.param = status, reason, message, param
        self.headers = {**(headers or {}), **({"connection": "close"} if closes else {})}

    def body(self) -> bytes:
        """Return the body of the response."""
        return shaped(self.status, self.message, self.param, self.reason)


def wrong_field(name: str, rule: str) -> RefusedError:
    """Return the refusal of a field's value.

    Args:
        name: the field, such as `messages[0].role`.
        rule: the rest of a sentence that begins with the field's name, such as `is a number`.
    """
    return RefusedError(400, "field", f"{name} {rule}.", param=name)


def shaped(status: int, message: str, param: str | None, code: str) -> bytes:
    """Return an error as JSON."""
    kind = TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return orjson.dumps({"error": {"message": message, "type": kind, "param": param, "code": code}})


def reshaped(status: int, content: bytes) -> bytes:
    """Return an error response of vLLM, FastAPI or Starlette in the shape of OpenAI's API.

    The texts of errors from 500 on are replaced: they quote internals.
    """
    code = REASONS.get(status, "server" if status >= 500 else "request")
    if status >= 500 and status != 503:
        return shaped(status, SERVER_ERROR, None, code)
    message, param = _facts(content)
    if status == 503:
        message = message or UNAVAILABLE
    return shaped(status, message or f"The server answered with status {status}.", param, code)


def _facts(content: bytes) -> tuple[str, str | None]:
    """Return the message and the field that an error response names."""
    try:
        value: Any = orjson.loads(content)
    except orjson.JSONDecodeError:
        return content.decode("utf-8", "replace")[:300], None
    if not isinstance(value, dict):
        return "", None
    error = value.get("error", value.get("detail"))
    if isinstance(error, dict):
        message, param = error.get("message"), error.get("param")
        return (message if isinstance(message, str) else ""), (param if isinstance(param, str) else None)
    return (error if isinstance(error, str) else ""), None
