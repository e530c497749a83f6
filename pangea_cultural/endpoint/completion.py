"""The content of a chat completion, as OpenAI-compatible servers write it. Nothing of it is trusted."""

import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import orjson

from pangea_cultural.endpoint.address import Address
from pangea_cultural.endpoint.failures import (
    BUSY,
    NO_COMPLETION,
    PASSING,
    KeyRefusedError,
    NoAnswerError,
    NotServedError,
    interrupted,
)
from pangea_cultural.endpoint.transport import Response

TRUNCATED, REFUSED, EMPTY = "truncated", "refused", "empty"
"""Endings of answers that are not ordinary ones."""
MAX_ANSWER_CHARACTERS = 200_000
MAX_EVENT_BYTES = 1_000_000
"""Longest event of a stream."""
MALFORMED = (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError)
"""Errors of reading something other than JSON, or JSON of another form."""
Tokens = tuple[tuple[str, float], ...]


class Answer(NamedTuple):
    """The answer to a message."""

    text: str
    ending: str = ""
    """Reason why it is not an ordinary answer: `truncated`, `refused` or `empty`; an empty text for others."""
    prompt_tokens: int = 0
    """Tokens of the prompt, 0 if the server does not state them."""
    answer_tokens: int = 0
    first_tokens: Tokens | None = None
    """The likeliest first tokens with their natural log-probabilities; None if the endpoint returns none."""

    @property
    def is_truncated(self) -> bool:
        """Whether the limit of tokens ended it."""
        return self.ending == TRUNCATED


def require_success(address: Address, response: Response, content: bytes | None = None) -> None:
    """Check the status of a response.

    Args:
        address: the endpoint.
        response: its response.
        content: the content, if it is not in the response.

    Raises:
        KeyRefusedError: the endpoint refuses the key.
        NotServedError: it does not have the model or the address.
        NoAnswerError: it answers with another status than 200.
    """
    status = response.status
    if status == 200:
        return
    if status in (401, 403):
        where = f" in {address.key_source}" if address.key_source else ""
        raise KeyRefusedError(f"The endpoint {address.url} rejects the key{where}. {address.key_remedy}")
    if status == 404:
        what = f"does not serve {address.model}" if address.model else "has no list of models"
        raise NotServedError(f"The endpoint {address.url} {what}. Check the URL, which usually ends in /v1.")
    kind = f"status {status}"
    if status == BUSY:
        fact = f"{address.url} has too many requests. Wait, or send fewer at a time."
    elif status in PASSING or status >= 500:
        fact = f"{address.url} failed at a request ({_reason(content or response.content)}). See the server's log."
    else:
        fact = f"{address.url} rejected a request ({_reason(content or response.content)}). See the server's log."
    # A pause with another status than 429 also says that the server is busy.
    pause_s = response.pause_s if status in PASSING or status >= 500 else None
    raise NoAnswerError(kind, fact, pause_s=pause_s)


def _reason(content: bytes) -> str:
    """Return what a server says about an error, shortened, in one line."""
    try:
        error = _loads(content)
        error = error.get("error", error)
        text = str(error["message"] if isinstance(error, dict) else error)
    except MALFORMED:
        text = content[:1000].decode("utf-8", "replace")
    return " ".join(text.split())[:300]


def no_completion(address: Address) -> NoAnswerError:
    """Return the error for a response that is not a chat completion."""
    fact = f"{address.url} does not answer as an OpenAI-compatible API"
    return NoAnswerError(NO_COMPLETION, f"{fact}. Check the URL, which usually ends in /v1.")


def read_json(address: Address, response: Response) -> Any:
    """Return the JSON of a response.

    Raises:
        KeyRefusedError, NotServedError, NoAnswerError: as `require_success`, or it is not JSON.
    """
    require_success(address, response)
    try:
        return _loads(response.content)
    except MALFORMED as error:
        raise no_completion(address) from error


def _loads(content: bytes) -> Any:
    """Return the value of JSON, also with lone surrogates and NaN, which servers send and orjson rejects."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return json.loads(content)


def read_answer(address: Address, response: Response) -> tuple[Answer, Any]:
    """Return the answer in a response, and the whole completion.

    Raises:
        KeyRefusedError, NotServedError, NoAnswerError: as `require_success`, or it is not a chat completion.
    """
    completion = read_json(address, response)
    try:
        choice = completion["choices"][0]
        message, reason = choice["message"], str(choice.get("finish_reason"))
        text, ending = _ended(text_of(message.get("content")), reason, refused=bool(message.get("refusal")))
        usage = completion.get("usage")
        usage = usage if isinstance(usage, dict) else {}
        counts = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
        return Answer(text, ending, *counts, _first_tokens(choice.get("logprobs"))), completion
    except MALFORMED as error:
        raise no_completion(address) from error


async def read_pieces(address: Address, parts: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """Yield the texts in the events of a stream (server-sent events, WHATWG HTML 9.2).

    Raises:
        NoAnswerError: an event is an error, or not part of a chat completion; or the stream ends without an end.
    """
    pending = b""
    async for part in parts:
        *lines, pending = (pending + part).split(b"\n")
        if len(pending) > MAX_EVENT_BYTES:
            raise no_completion(address)
        for line in lines:
            if not line.startswith(b"data:"):
                continue
            data = line.removeprefix(b"data:").strip()
            if data == b"[DONE]":
                return
            if text := _piece(address, data):
                yield text
    raise interrupted(address.url)


def _piece(address: Address, data: bytes) -> str:
    """Return the text in an event, which is empty in the first and the last one."""
    try:
        event = _loads(data)
        if "error" in event:
            reason = _reason(data)
            raise NoAnswerError("error in the stream", f"{address.url} stopped ({reason}). See the server's log.")
        choices = event["choices"]
        return _whole(text_of(choices[0]["delta"].get("content"))) if choices else ""
    except MALFORMED as error:
        raise interrupted(address.url) from error


def _ended(text: str, finish_reason: str, *, refused: bool) -> tuple[str, str]:
    text = _whole(text)
    if refused or finish_reason == "content_filter":
        return text, REFUSED
    if finish_reason == "length" or len(text) > MAX_ANSWER_CHARACTERS:
        return text[:MAX_ANSWER_CHARACTERS], TRUNCATED
    return text, "" if text.strip() else EMPTY


def _whole(text: str) -> str:
    """Return a text without lone surrogates, which cannot be stored."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def text_of(content: Any) -> str:
    """Return the text of a message's content.

    Args:
        content: a text, None, or parts with texts, as some servers send them.

    Raises:
        TypeError: the content is something else, such as a number.
    """
    if content is None:
        return ""
    parts = [content] if isinstance(content, str) else [part["text"] for part in content]
    if not all(isinstance(part, str) for part in parts):
        raise TypeError(f"The content of a message is not text: {type(content).__name__}.")
    return "".join(parts)


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _first_tokens(logprobs: Any) -> Tokens | None:
    """Return the first tokens in the log-probabilities of a chat completion, which are None if none were asked for."""
    positions = logprobs.get("content") if logprobs else None
    if not positions:
        return None
    return tuple((str(token["token"]), float(token["logprob"])) for token in positions[0]["top_logprobs"])
