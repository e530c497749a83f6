"""A lighteval model that asks an endpoint about published data sets: several images, at their places in the prompt."""

import asyncio
import base64
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from lighteval.tasks.requests import Doc

from evalsuite.benchmarks.base import IMAGE_MARK
from evalsuite.data.images import media_type, sent_bytes
from evalsuite.harness.endpoint_model import EndpointModel, ask_text
from pangea_cultural.endpoint.pool import Target
from pangea_cultural.errors import ImageError


class PublishedModel(EndpointModel):
    """The model behind an endpoint.

    Args:
        files: returns the images of an item, as they are in the data set.
        size: width and height that images are squeezed to; None to keep their size.
        system: text of the system's message; empty for none.
        settings: arguments of `EndpointModel`.
    """

    def __init__(
        self,
        *,
        files: Callable[[str], list[bytes]],
        size: tuple[int, int] | None = None,
        system: str = "",
        **settings: Any,
    ) -> None:
        super().__init__(settings.pop("connect"), **settings)
        self._files = files
        self._size = size
        self._system = system

    async def _answer(self, endpoint: Target, doc: Doc) -> dict[str, Any]:
        try:
            images = await asyncio.to_thread(self._images, doc)
        except ImageError as error:
            return {"text": "", "images": [], "error": f"image: {error.reason}"}
        stored = await ask_text(endpoint, message(doc.query, images), doc, system=self._system)
        return stored | {"images": [hashlib.sha256(image).hexdigest() for image in images]}

    def _images(self, doc: Doc) -> list[bytes]:
        return [sent_bytes(file, self._size) for file in self._files(doc.specific["item"])]


def message(text: str, images: Sequence[bytes]) -> dict[str, Any]:
    """Return the user's message with images where the text has marks, or before it if it has none.

    As in the reference, images beyond the marks are left out, and marks beyond the images repeat the last one.
    """
    if not images:
        # vLLM refuses a mark without an image.
        return {"role": "user", "content": text.replace(IMAGE_MARK, "")}
    before, *after = text.split(IMAGE_MARK)
    if not after:
        parts: list[dict[str, Any]] = [_image(image) for image in images]
        return {"role": "user", "content": [*parts, _text(text)]}
    # Texts at both ends, also empty ones, tell the template of Pangea that images have places.
    parts = [_text(before)]
    for number, piece in enumerate(after):
        parts.append(_image(images[min(number, len(images) - 1)]))
        if piece or number == len(after) - 1:
            parts.append(_text(piece))
    return {"role": "user", "content": parts}


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _image(file: bytes) -> dict[str, Any]:
    url = f"data:{media_type(file)};base64,{base64.b64encode(file).decode()}"
    return {"type": "image_url", "image_url": {"url": url}}
