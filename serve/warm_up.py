"""First requests to a server, before others are told that it is ready.

On a GPU, vLLM compiles the code for log-probabilities at the first request that asks for them. It answers no other
request meanwhile, for seconds to minutes. The requests also show that images are read.
"""

import itertools
import ssl
import urllib.error
import urllib.request
from typing import Any

import orjson
from PIL import Image

from pangea_cultural.endpoint.messages import question
from pangea_cultural.errors import UserError

TIMEOUT_S = 900
REPLICA_HEADER = "X-data-parallel-rank"
"""Header by which vLLM chooses a replica."""
QUESTION = "Which country does this flag belong to?"


def requests(model: str) -> list[dict[str, Any]]:
    """Return the bodies: a question about an image, with likely tokens, and with log-probabilities of the prompt."""
    messages = [question(Image.new("RGB", (32, 32), (200, 30, 40)), QUESTION)]
    common = {"model": model, "max_tokens": 2, "temperature": 0, "messages": messages}
    return [common | {"logprobs": True, "top_logprobs": 20}, common | {"prompt_logprobs": 0}]


def warm_up(url: str, model: str, key: str | None, *, replicas: int = 1) -> None:
    """Send the first requests, to each replica.

    Args:
        url: base of the API, ending in /v1.
        model: name of the model.
        key: key of this process; None if requests need none.
        replicas: number of engines behind the server.

    Raises:
        UserError: the server does not answer one with status 200.
    """
    for replica, body in itertools.product(range(replicas), requests(model)):
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        if replicas > 1:
            headers[REPLICA_HEADER] = str(replica)
        request = urllib.request.Request(f"{url}/chat/completions", orjson.dumps(body), headers)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S, context=own_server()) as response:
                response.read()
        except urllib.error.HTTPError as error:
            raise UserError(f"vLLM answers the first request with {error.code}: {_message(error)}") from error
        except OSError as error:
            raise UserError("vLLM does not answer the first request") from error


def own_server() -> ssl.SSLContext:
    """Return a TLS context for the server on this machine, whose certificate may name another host."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _message(error: urllib.error.HTTPError) -> str:
    try:
        return str(orjson.loads(error.read())["error"]["message"])[:300].rstrip(".")
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return "no message"
