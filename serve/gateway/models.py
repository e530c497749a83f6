"""The answer of `/v1/models` without paths of the server: vLLM states the folder of each model as `root`."""

import orjson
from starlette.types import Message, Send


def without_paths(send: Send) -> Send:
    """Return a channel that gives the list of models the name of each as its root, as OpenAI's API has it.

    Args:
        send: sends messages of the response.
    """
    start: list[Message] = []
    content = bytearray()

    async def changed(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.append(message)
            return
        content.extend(message.get("body", b""))
        if message.get("more_body"):
            return
        body = _renamed(bytes(content)) if start[0]["status"] == 200 else bytes(content)
        headers = [(name, value) for name, value in start[0]["headers"] if name.lower() != b"content-length"]
        await send({**start[0], "headers": [*headers, (b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})

    return changed


def _renamed(content: bytes) -> bytes:
    listing = orjson.loads(content)
    for model in listing.get("data", ()):
        model["root"] = model["id"]
    return orjson.dumps(listing)
