"""Images from bytes: four formats, within the budget of their request, with the pixels of the training."""

import binascii

import pybase64
from PIL import Image

from pangea_cultural.errors import ImageError
from pangea_cultural.utils.images import TOO_MANY_PIXELS, decode
from pangea_cultural.utils.pixels import to_rgb
from serve.gateway.errors import RefusedError
from serve.gateway.images.budget import Budget, refused

FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
UNREADABLE = "An image is not a readable PNG, JPEG, WebP or GIF. Convert it."
TOO_LARGE = "An image has too many pixels. Make it smaller."
DATA = "data:"


def content_of(url: str) -> bytes:
    """Return the bytes of a data URL.

    Raises:
        RefusedError: it is not one of an image in base64.
    """
    head, comma, data = url.partition(",")
    kind, *parameters = head[len(DATA) :].lower().split(";")
    if not is_data(head) or not comma or not kind.startswith("image/") or parameters[-1:] != ["base64"]:
        raise refused(UNREADABLE)
    try:
        return bytes(pybase64.b64decode(data, validate=True))
    except (binascii.Error, ValueError):
        raise refused(UNREADABLE) from None


def is_data(url: str) -> bool:
    """Return whether a URL is a data URL."""
    return url[: len(DATA)].lower() == DATA


def pixels_of(content: bytes, budget: Budget) -> Image.Image:
    """Decode an image to RGB. Its pixels are counted before it is decoded.

    Raises:
        RefusedError: it is over the budget, or not an image in one of the formats.
    """

    def use(image: Image.Image) -> Image.Image:
        try:
            budget.add_pixels(image.width, image.height)
        except RefusedError as refusal:
            raise ImageError(TOO_MANY_PIXELS) from refusal
        pixels = to_rgb(image)
        # With its metadata, vLLM would turn an upright image a second time.
        pixels.info = {}
        return pixels

    try:
        return decode(content, FORMATS, use)
    except ImageError as error:
        if isinstance(error.__cause__, RefusedError):
            raise error.__cause__ from None
        raise refused(TOO_LARGE if error.reason == TOO_MANY_PIXELS else UNREADABLE) from None
