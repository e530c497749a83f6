"""The answer of `/v1/models` without paths of the server: vLLM states the folder of each model as `root`."""

import orjson
from starlette.types import Send

from pangea_cultural.utils.net.bodies import change_body


def without_paths(send: Send) -> Send:
    """Return a channel that gives the list of models the name of each as its root, as OpenAI's API has it.

    Args:
        send: sends messages of the response.
    """
    return change_body(send, _renamed, lambda start: start["status"] == 200)


def _renamed(content: bytes) -> bytes:
    listing = orjson.loads(content)
    for model in listing.get("data", ()):
        model["root"] = model["id"]
    return orjson.dumps(listing)
