"""Bodies of the two routes that have one: a chat, and a text or chat to split into tokens."""

from typing import Any

import orjson

from serve.gateway.errors import RefusedError, wrong_field
from serve.gateway.fields.checks import Check, boolean, check_fields, integer, mapping, number, text, texts
from serve.gateway.fields.messages import Messages
from serve.gateway.fields.response_format import response_format
from serve.gateway.images.budget import Budget
from serve.gateway.routes import TOKENIZE, Route
from serve.gateway.settings import Settings

MAX_N = 8
"""Answers to one question."""
MAX_LOGPROBS = 20
INT64 = 2**63 - 1
LARGE = 1_000_000
"""Bytes of a body whose values are counted before it is parsed."""
MAX_VALUES = 1_000_000
"""Values of a large body, about. Ten million empty lists in 32 MB stop the server for seconds."""


class Bodies:
    """The check of bodies.

    Args:
        settings: limits of requests.
    """

    def __init__(self, settings: Settings) -> None:
        self._messages = Messages(settings)
        tokens = integer(1, settings.max_tokens)
        self._chat: dict[str, Check] = {
            "model": text(256),
            "n": integer(1, MAX_N),
            "max_tokens": tokens,
            "max_completion_tokens": tokens,
            "temperature": number(0, 2),
            "top_p": number(1e-9, 1),
            "top_k": integer(-1, 1_000_000),
            "min_p": number(0, 1),
            "frequency_penalty": number(-2, 2),
            "presence_penalty": number(-2, 2),
            "repetition_penalty": number(0.1, 10),
            "seed": integer(-INT64 - 1, INT64),
            "stop": texts(4, 256),
            "stream": boolean,
            "stream_options": mapping({"include_usage": boolean, "continuous_usage_stats": boolean}),
            "logprobs": boolean,
            "top_logprobs": integer(0, MAX_LOGPROBS),
            # Likelihoods of answers need the tokens of the prompt, no others.
            "prompt_logprobs": integer(0, 0),
            "response_format": response_format,
            "add_generation_prompt": boolean,
            "continue_final_message": boolean,
            "ignore_eos": boolean,
            "return_token_ids": boolean,
            "user": text(256),
            "messages": self._messages.check,
        }
        self._tokenize: dict[str, Check] = {
            "model": text(256),
            "add_generation_prompt": boolean,
            "continue_final_message": boolean,
            "add_special_tokens": boolean,
            "return_token_strs": boolean,
            "messages": self._messages.check,
            "prompt": self._messages.text,
        }

    def checked(self, route: Route, content: bytes, budget: Budget) -> dict[str, Any]:
        """Return the content of a body.

        Args:
            route: the route that it is sent to.
            content: JSON.
            budget: counts the images.

        Raises:
            RefusedError: it is not JSON, or has a field or value that is not served.
        """
        if len(content) > LARGE and sum(map(content.count, (b"[", b"{", b","))) > MAX_VALUES:
            raise RefusedError(400, "json", f"The body has more than {MAX_VALUES:,} values. Send fewer.")
        try:
            body = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise RefusedError(400, "json", f"The body is not JSON: {error}. Correct it.") from None
        if not isinstance(body, dict):
            raise RefusedError(400, "json", "The body is not a JSON object. Send one.")
        self._messages.begin(budget)
        if route is TOKENIZE:
            check_fields("", body, self._tokenize)
            if ("messages" in body) == ("prompt" in body):
                raise wrong_field("messages", "or prompt is needed, and not both")
        else:
            check_fields("", body, self._chat)
            if "messages" not in body:
                raise wrong_field("messages", "is missing")
        return body
