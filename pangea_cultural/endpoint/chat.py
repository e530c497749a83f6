"""Chat requests to several endpoints of one model: the least busy one answers, a failed one rests.

They are sent with aiohttp, which takes 0.15 ms of processor time per request. The client of openai takes 2 ms, which
would limit a process to 500 requests per second.
"""

import asyncio
import itertools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import aiohttp
import orjson

from pangea_cultural.endpoint.content import text_of
from pangea_cultural.endpoint.retry_after import retry_after_s
from pangea_cultural.errors import UserError

RETRIES = 4
"""Further attempts after a failed one."""
MOST_PAUSES = 20
"""Answers "too many requests" before a request fails. They do not count as failed attempts: a limited rate is kept."""
PAUSE_S = 1.0
"""Pause of a request after its first failure, and of an endpoint that rests. Each further one doubles it."""
LONGEST_PAUSE_S = 60.0
PROBE_S = 0.1
"""Pause of the requests that wait for the first answer of an endpoint after its rest."""
LONGEST_ASKED_PAUSE_S = 900.0
"""Longest pause that a server may ask for. After it, it is asked again."""
NOTED_PAUSE_S = 10.0
"""Rests of an endpoint from which on they are noted: shorter ones are usual."""
FAILURES_IN_A_ROW = 3
"""Failures after which an endpoint rests. Fewer may be the fault of single requests."""
CONNECTION, TIMEOUT = "connection", "timeout"
"""Kinds of failure of an endpoint that is down."""
GIVE_UP_S = 1800.0
"""Time without an answer after which an endpoint that is down does not come back: a large model starts in minutes."""
CHECK_TIMEOUT_S = 20
MAX_ANSWER_BYTES = 4_000_000
BUSY = 429
"""Status of a server that has too many requests."""
PASSING = frozenset({408, 409, 425, BUSY})
"""Statuses below 500 that pass: timeout, conflict, too early, too many requests."""
NO_SCHEMA = frozenset({400, 404, 415, 422, 501})
"""Statuses of a server that does not know `response_format`."""
Message = dict[str, Any]


class KeyRefusedError(UserError):
    """A key that an endpoint refuses."""


class RequestFailedError(Exception):
    """A request without an answer. The text is the kind of failure, such as `timeout` or `status 500`."""


@dataclass(frozen=True, kw_only=True)
class Address:
    """One endpoint."""

    url: str
    """Base of the API, ending in /v1."""
    model: str
    """Name of the model at this endpoint."""
    api_key: str | None = None
    key_source: str = ""
    """Origin of the key, for errors: the environment variable."""


def address(url: str, model: str, key_variable: str = "") -> Address:
    """Return an endpoint with its key.

    Args:
        url: base of the API, ending in /v1.
        model: name of the model at this endpoint.
        key_variable: environment variable with the key; empty if the endpoint needs none.

    Raises:
        UserError: the environment variable is not set.
    """
    key = os.environ.get(key_variable) if key_variable else None
    if key_variable and not key:
        raise UserError(f"The environment variable {key_variable} is not set. Set it to the key of {url}.")
    return Address(url=url, model=model, api_key=key, key_source=key_variable)


class Reply(NamedTuple):
    """The answer to a chat request."""

    text: str
    is_truncated: bool
    """Whether the limit of tokens ended it."""
    input_tokens: int
    output_tokens: int
    first_tokens: tuple[tuple[str, float], ...] | None = None
    """The likeliest first tokens with their natural log-probabilities; None if the endpoint returns none."""


@dataclass
class _State:
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


class ChatPool:
    """Endpoints of one model. Use it as an asynchronous context manager.

    Args:
        addresses: the endpoints.
        timeout_s: seconds for one answer.
        concurrency: requests at a time, over all endpoints.
        note: called with a line about an endpoint that does not answer, or rests for long.
    """

    def __init__(
        self,
        addresses: Sequence[Address],
        *,
        timeout_s: float = 120,
        concurrency: int = 64,
        note: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._states = [_State(address) for address in addresses]
        self._timeout_s = timeout_s
        self._concurrency = concurrency
        self._note = note
        self._turn = itertools.count()

    async def __aenter__(self) -> "ChatPool":
        connector = aiohttp.TCPConnector(limit=self._concurrency, keepalive_timeout=30)
        self._session = aiohttp.ClientSession(connector=connector, trust_env=True)
        self._slots = asyncio.Semaphore(self._concurrency)
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._session.close()

    async def check(self) -> list[str]:
        """Ask every endpoint for its models. Return the URLs of those that do not answer.

        Raises:
            UserError: none answers, one refuses its key, or one does not serve the model.
        """
        answered = await asyncio.gather(*[self._check(state) for state in self._states])
        down = [state.address.url for state, up in zip(self._states, answered, strict=True) if not up]
        if len(down) == len(self._states):
            raise UserError(f"No answer from {', '.join(down)}. Start the endpoint, or correct its URL.")
        for url in down:
            self._note(f"no answer from {url}; the other endpoints are asked")
        return down

    async def _check(self, state: _State) -> bool:
        address = state.address
        try:
            status, body, _ = await self._send(state, "GET", "/models", None, CHECK_TIMEOUT_S)
        except RequestFailedError as error:
            self._note_failure(state, _PassingError(str(error)))
            return False
        _raise_refused(address, status)
        if status != 200:
            return status < 500  # not every server lists its models
        try:
            names = [row["id"] for row in orjson.loads(body)["data"]]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return True
        if names and address.model not in names:
            raise UserError(f"{address.url} serves {', '.join(names[:5])}, not {address.model}. Correct the model.")
        return True

    async def chat(
        self,
        messages: list[Message],
        *,
        max_tokens: int,
        schema: dict[str, Any] | None = None,
        top_logprobs: int | None = None,
    ) -> Reply:
        """Return the greedy answer.

        Args:
            messages: the conversation.
            max_tokens: limit of the answer.
            schema: JSON schema of the answer. A server that cannot use it is asked without it, so the caller checks the
                form of the answer in any case.
            top_logprobs: number of likely first tokens to return, at most 20 in OpenAI's API.

        Raises:
            UserError: an endpoint refuses its key or does not serve the model.
            RequestFailedError: no attempt has got an answer.
        """
        body: dict[str, Any] = {"messages": messages, "max_tokens": max_tokens, "temperature": 0}
        if top_logprobs is not None:
            body |= {"logprobs": True, "top_logprobs": top_logprobs}
        async with self._slots:
            kind, failures, pauses = "", 0, 0
            while failures <= RETRIES and pauses <= MOST_PAUSES:
                if failures:
                    await asyncio.sleep(_pause_s(failures - 1))
                state = await self._free()
                try:
                    return await self._attempt(state, body, schema)
                except _PassingError as error:
                    kind = str(error)
                    self._note_failure(state, error)
                    failures += not error.is_busy
                    pauses += error.is_busy
            raise RequestFailedError(kind)

    async def _free(self) -> _State:
        """Return the least busy endpoint that does not rest; wait for the first one if all do.

        After a rest, one request at a time tells whether an endpoint that was down answers again. One that hangs would
        otherwise hold its share of all requests until they time out.

        Raises:
            UserError: all endpoints are down for too long.
        """
        clock = asyncio.get_running_loop().time
        while True:
            ready = [state for state in self._states if state.rests_until <= clock() and not state.is_probed]
            if ready:
                turn = next(self._turn) % len(ready)  # equally busy ones take turns
                return min(ready[turn:] + ready[:turn], key=lambda state: state.running)
            if all(state.down_since is not None and clock() - state.down_since > GIVE_UP_S for state in self._states):
                urls = ", ".join(state.address.url for state in self._states)
                raise UserError(
                    f"No answer from {urls} for {GIVE_UP_S / 60:.0f} minutes. Repair it and run this again."
                )
            ends = min(state.rests_until for state in self._states)
            await asyncio.sleep(max(ends - clock(), PROBE_S))

    def _note_failure(self, state: _State, error: "_PassingError") -> None:
        """Let an endpoint rest, if it is down or asks for a pause. Requests that fail in its rest do not prolong it."""
        now = asyncio.get_running_loop().time()
        state.failures += 1
        if state.rests_until > now:
            return
        kind = str(error)
        if error.is_busy or kind == CONNECTION or state.failures >= FAILURES_IN_A_ROW:
            state.is_busy |= error.is_busy
            if kind in (CONNECTION, TIMEOUT) and state.down_since is None:
                state.down_since = now
            rest = _pause_s(state.rests) if error.pause_s is None else min(error.pause_s, LONGEST_ASKED_PAUSE_S)
            state.rests_until = now + rest
            state.rests += 1
            if rest >= NOTED_PAUSE_S:
                self._note(f"{state.address.url} is asked again in {rest:.0f} s ({kind})")

    async def _attempt(self, state: _State, body: dict[str, Any], schema: dict[str, Any] | None) -> Reply:
        content = {"model": state.address.model} | body
        with_schema = schema is not None and state.knows_schemas is not False
        if with_schema:
            form = {"name": "answer", "schema": schema, "strict": True}
            content["response_format"] = {"type": "json_schema", "json_schema": form}
        state.running += 1
        try:
            sent = await self._send(state, "POST", "/chat/completions", orjson.dumps(content), self._timeout_s)
        except RequestFailedError as error:
            raise _PassingError(str(error)) from error
        finally:
            state.running -= 1
        status, answer, pause_s = sent
        _raise_refused(state.address, status)
        if with_schema and status in NO_SCHEMA and state.knows_schemas is None:
            reply = await self._attempt(state, body, None)
            state.knows_schemas = False  # the same request without a schema was answered
            return reply
        reply = _reply(state.address, status, answer, pause_s)
        state.failures, state.rests, state.down_since, state.is_busy = 0, 0, None, False
        if with_schema:
            state.knows_schemas = True
        return reply

    async def _send(
        self, state: _State, method: str, path: str, body: bytes | None, timeout_s: float
    ) -> tuple[int, bytes, float | None]:
        """Return the status and the body of a response, and the seconds of a pause that it asks for.

        Raises:
            RequestFailedError: there is no complete response.
        """
        headers = {"Content-Type": "application/json"}
        if state.address.api_key:
            headers["Authorization"] = f"Bearer {state.address.api_key}"
        try:
            async with self._session.request(
                method,
                state.address.url.rstrip("/") + path,
                data=body,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=timeout_s),
                allow_redirects=False,  # another host must not get the key
            ) as response:
                parts, size = [], 0
                async for part in response.content.iter_any():
                    parts.append(part)
                    size += len(part)
                    if size > MAX_ANSWER_BYTES:
                        raise RequestFailedError("too long")
                pause_s = retry_after_s(response.headers.get("Retry-After"), response.headers.get("Date"))
                return response.status, b"".join(parts), pause_s
        except TimeoutError as error:
            raise RequestFailedError(TIMEOUT) from error
        except aiohttp.ClientPayloadError as error:
            raise RequestFailedError("cut answer") from error
        except (aiohttp.ClientError, OSError) as error:
            raise RequestFailedError(CONNECTION) from error


class _PassingError(Exception):
    """A failure that another attempt may not have.

    Args:
        kind: kind of failure.
        pause_s: seconds of the pause that the server asks for.
        is_busy: whether the server answers that it is busy.
    """

    def __init__(self, kind: str, pause_s: float | None = None, *, is_busy: bool = False) -> None:
        super().__init__(kind)
        self.pause_s, self.is_busy = pause_s, is_busy


def _pause_s(number: int) -> float:
    return min(PAUSE_S * 2**number, LONGEST_PAUSE_S)


def _raise_refused(address: Address, status: int) -> None:
    """Raise an error for a status that all further requests would get as well."""
    if status in (401, 403):
        source = f" in {address.key_source}" if address.key_source else ""
        raise KeyRefusedError(f"The endpoint {address.url} refuses the key{source}. Set the right one.")


def _reply(address: Address, status: int, content: bytes, pause_s: float | None) -> Reply:
    """Return the answer in a response.

    Raises:
        UserError: the endpoint does not serve the model.
        RequestFailedError: the endpoint refuses this request.
        _PassingError: the endpoint fails, or its response is not a chat completion.
    """
    if status == 404:
        raise UserError(f"The endpoint {address.url} does not serve {address.model}. Correct the URL or the model.")
    if status in PASSING or status >= 500:
        raise _PassingError(f"status {status}", pause_s, is_busy=status == BUSY or pause_s is not None)
    if status != 200:
        raise RequestFailedError(f"status {status}")
    try:
        answer = orjson.loads(content)
        choice, usage = answer["choices"][0], answer.get("usage") or {}
        return Reply(
            text=text_of(choice["message"].get("content")),
            is_truncated=choice.get("finish_reason") == "length",
            input_tokens=int(usage.get("prompt_tokens") or 0),
            output_tokens=int(usage.get("completion_tokens") or 0),
            first_tokens=_first_tokens(choice.get("logprobs")),
        )
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise _PassingError("no chat completion") from error


def _first_tokens(logprobs: Any) -> tuple[tuple[str, float], ...] | None:
    """Return the first tokens in the log-probabilities of a chat completion, which are None if none were asked for."""
    positions = logprobs.get("content") if logprobs else None
    if not positions:
        return None
    return tuple((str(token["token"]), float(token["logprob"])) for token in positions[0]["top_logprobs"])
