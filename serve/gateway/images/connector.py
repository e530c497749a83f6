"""The reader of images that vLLM uses: data URLs, and URLs of allowed hosts.

vLLM's own reader fetches any URL, opens 37 formats and counts pixels after opening. The pixels here are those of the
training: upright, on white, with 8 bits.
"""

import asyncio
import contextlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from vllm.exceptions import VLLMValidationError
from vllm.multimodal.media import MEDIA_CONNECTOR_REGISTRY, MediaConnector, MediaWithBytes
from vllm.multimodal.media.image import ImageMediaIO

from serve.gateway.errors import RefusedError
from serve.gateway.images.budget import CURRENT, Budget, refused
from serve.gateway.images.fetch import Fetcher
from serve.gateway.images.reading import content_of, is_data, pixels_of
from serve.gateway.settings import CONNECTOR, Settings

ONLY_IMAGES = "Only images are read. Send no audio and no video."
THREADS = min(4, os.cpu_count() or 1)
"""Images that are decoded at a time. Each can take 400 MB."""


def register(settings: Settings) -> None:
    """Register the reader in vLLM's table of readers."""
    threads = ThreadPoolExecutor(THREADS, thread_name_prefix="pcult-image")
    fetcher = Fetcher(settings.media_domains)

    @MEDIA_CONNECTOR_REGISTRY.register(CONNECTOR)
    class CheckedConnector(MediaConnector):
        """Reader of the images of a request."""

        def load_from_url(self, url: str, media_io: Any, *, fetch_timeout: int | None = None) -> Any:
            """Read an image of a data URL. vLLM fetches nothing here: requests are read asynchronously."""
            with _as_vllm_error():
                return _read(content_of(url), media_io, _budget(settings))

        async def load_from_url_async(self, url: str, media_io: Any, *, fetch_timeout: int | None = None) -> Any:
            """Read an image of a data URL or of an allowed host."""
            with _as_vllm_error():
                budget, loop = _budget(settings), asyncio.get_running_loop()
                if is_data(url):
                    return await loop.run_in_executor(threads, lambda: _read(content_of(url), media_io, budget))
                content = await fetcher.fetch(url, budget.bytes_left)
                budget.add_bytes(len(content))
                return await loop.run_in_executor(threads, _read, content, media_io, budget)


def _budget(settings: Settings) -> Budget:
    return CURRENT.get() or Budget(settings)


def _read(content: bytes, media_io: Any, budget: Budget) -> Any:
    """Return an image with its bytes, by which vLLM's caches know it."""
    if not isinstance(media_io, ImageMediaIO):
        raise refused(ONLY_IMAGES)
    # Otherwise the time of an answer would tell whether another key has sent the same image.
    salt = {"key": budget.salt} if budget.salt else None
    return MediaWithBytes(pixels_of(content, budget), content, salt)


@contextlib.contextmanager
def _as_vllm_error() -> Iterator[None]:
    """Turn refusals into errors that vLLM answers with status 400."""
    try:
        yield
    except RefusedError as error:
        raise VLLMValidationError(error.message, parameter=error.param) from None
