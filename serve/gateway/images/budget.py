"""The images of one request: their number, bytes and pixels together."""

import threading
from contextvars import ContextVar

from serve.gateway.errors import RefusedError
from serve.gateway.settings import Settings


class Budget:
    """Count of the images of a request, with their limits."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self.count = 0
        self.bytes = 0
        """Bytes of all images, decoded from base64."""
        self.pixels = 0
        self.salt = ""
        """Text by which vLLM's caches tell images of one key from those of others; empty without keys."""

    def add_image(self) -> None:
        """Count an image.

        Raises:
            RefusedError: the request has too many.
        """
        self.count += 1
        if self.count > self._settings.max_images:
            raise refused(f"A request has more than {self._settings.max_images} images. Send fewer.")

    def add_bytes(self, number: int) -> None:
        """Count bytes of an image.

        Raises:
            RefusedError: the images are too large together.
        """
        self.bytes += number
        if self.bytes > self._settings.max_image_bytes:
            limit = self._settings.max_image_bytes
            raise refused(f"The images of a request have more than {limit:,} bytes. Make them smaller.")

    @property
    def bytes_left(self) -> int:
        """Bytes that further images may have."""
        return max(0, self._settings.max_image_bytes - self.bytes)

    def add_pixels(self, width: int, height: int) -> None:
        """Count the pixels of an image before it is decoded.

        Raises:
            RefusedError: the image is too large, or all are together.
        """
        if width * height > self._settings.max_pixels:
            raise refused(f"An image has more than {self._settings.max_pixels:,} pixels. Make it smaller.")
        with self._lock:
            self.pixels += width * height
        if self.pixels > self._settings.max_request_pixels:
            limit = self._settings.max_request_pixels
            raise refused(f"The images of a request have more than {limit:,} pixels. Make them smaller.")


def refused(message: str) -> RefusedError:
    """Return the refusal of an image."""
    return RefusedError(400, "image", message, param="image_url")


CURRENT: ContextVar[Budget | None] = ContextVar("pcult_image_budget", default=None)
"""The budget of the request that this task handles."""
