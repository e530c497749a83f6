"""Chat requests to several endpoints of one model: the least busy one answers, a failed one rests.

A stage of the factory asks millions of questions for days. So it waits for endpoints that are down, which an evaluation
(`pool`) does not.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from pangea_cultural.endpoint.address import Address
from pangea_cultural.endpoint.completion import MALFORMED, Answer, read_answer, require_success
from pangea_cultural.endpoint.failures import NoAnswerError, NotServedError
from pangea_cultural.endpoint.pauses import retried
from pangea_cultural.endpoint.rests import Rests, State
from pangea_cultural.endpoint.transport import Transport
from pangea_cultural.errors import UserError

RETRIES = 4
"""Further attempts after a failed one."""
CHECK_TIMEOUT_S = 20
NO_SCHEMA = frozenset({400, 404, 415, 422, 501})
"""Statuses of a server that does not know `response_format`."""
Message = dict[str, Any]


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
        self._endpoints = Rests(addresses, note)
        self._transport = Transport(connections=concurrency, timeout_s=timeout_s)
        self._slots = asyncio.Semaphore(concurrency)
        self._note = note

    async def __aenter__(self) -> "ChatPool":
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._transport.close()

    async def check(self) -> list[str]:
        """Ask every endpoint for its models. Return the URLs of those that do not answer.

        Raises:
            UserError: none answers, one refuses its key, or one does not serve the model.
        """
        states = self._endpoints.states
        answered = await asyncio.gather(*[self._check(state) for state in states])
        down = [state.address.url for state, up in zip(states, answered, strict=True) if not up]
        if len(down) == len(states):
            raise UserError(f"No answer from {', '.join(down)}. Start the endpoint, or correct its URL.")
        for url in down:
            self._note(f"no answer from {url}; the other endpoints are asked")
        return down

    async def _check(self, state: State) -> bool:
        address = state.address
        try:
            url = f"{address.url}/models"
            response = await self._transport.send(address, "GET", url, timeout_s=CHECK_TIMEOUT_S)
            require_success(address, response)
            names = [str(row["id"]) for row in orjson.loads(response.content)["data"]]
        except NoAnswerError as error:
            if error.is_down:
                self._endpoints.note_failure(state, error)
            return not error.is_down
        except (NotServedError, *MALFORMED):
            return True  # not every server lists its models
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
    ) -> Answer:
        """Return the greedy answer.

        Args:
            messages: the conversation.
            max_tokens: limit of the answer.
            schema: JSON schema of the answer. A server that cannot use it is asked without it, so the caller checks the
                form of the answer in any case.
            top_logprobs: number of likely first tokens to return, at most 20 in OpenAI's API.

        Raises:
            UserError: an endpoint refuses its key or does not serve the model.
            NoAnswerError: no attempt has got an answer.
        """
        body: dict[str, Any] = {"messages": messages, "max_tokens": max_tokens, "temperature": 0}
        if top_logprobs is not None:
            body |= {"logprobs": True, "top_logprobs": top_logprobs}

        async def attempt() -> Answer:
            state = await self._endpoints.free()
            try:
                return await self._ask(state, body, schema)
            except NoAnswerError as error:
                if error.is_passing or error.is_busy:
                    self._endpoints.note_failure(state, error)
                raise

        async with self._slots:
            return await retried(attempt, retries=RETRIES, pauses_here=False)

    async def _ask(self, state: State, body: dict[str, Any], schema: dict[str, Any] | None) -> Answer:
        address = state.address
        content = {"model": address.model} | body
        with_schema = schema is not None and state.knows_schemas is not False
        if with_schema:
            form = {"name": "answer", "schema": schema, "strict": True}
            content["response_format"] = {"type": "json_schema", "json_schema": form}
        state.running += 1
        try:
            url = f"{address.url}/chat/completions"
            response = await self._transport.send(address, "POST", url, orjson.dumps(content))
        finally:
            state.running -= 1
        if with_schema and response.status in NO_SCHEMA and state.knows_schemas is None:
            answer = await self._ask(state, body, None)
            state.knows_schemas = False  # the same request without a schema was answered
            return answer
        answer, _ = read_answer(address, response)
        state.note_answer()
        if with_schema:
            state.knows_schemas = True
        return answer
