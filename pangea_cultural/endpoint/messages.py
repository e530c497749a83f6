"""Messages of a user: images and text."""

import base64
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from pangea_cultural.errors import ImageError, UserError
from pangea_cultural.utils.images import FORMATS, decode
from pangea_cultural.utils.pixels import has_transparency, is_16_bit, orientation, to_rgb

MAX_IMAGE_BYTES = 20_000_000
SentImage = Path | bytes | Image.Image
PNG = "PNG"
MEDIA_TYPES = {"JPEG": "image/jpeg", "MPO": "image/jpeg", PNG: "image/png", "GIF": "image/gif", "WEBP": "image/webp"}
"""Media types of the formats that servers read."""
OTHER = "application/octet-stream"


def question(image: SentImage | None, text: str) -> Any:
    """Return the user's message: the image first, as in the training of Pangea, then the text."""
    return {"role": "user", "content": text} if image is None else about_url(data_url(image), text)


def about_url(url: str, text: str) -> dict[str, Any]:
    """Return the user's message about the image of a URL."""
    part = {"type": "image_url", "image_url": {"url": url}}
    return {"role": "user", "content": [part, {"type": "text", "text": text}]}


def data_url(image: SentImage) -> str:
    """Return an image as a data URL, with the pixels that training sees.

    A file is sent as it is if every decoder reads these pixels from it. Servers differ in what they make of
    orientations, transparency and 16 bits.

    Raises:
        UserError: the image is too large to send.
    """
    if isinstance(image, Image.Image):
        media_type, content = MEDIA_TYPES[PNG], png(image)
    else:
        media_type, content = _sent(image if isinstance(image, bytes) else image.read_bytes())
    if len(content) > MAX_IMAGE_BYTES:
        raise UserError(f"The image has {len(content):,} bytes; the limit is {MAX_IMAGE_BYTES:,}. Make it smaller.")
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def _sent(content: bytes) -> tuple[str, bytes]:
    """Return the media type and the content of a file as it is sent. Servers reject what is not an image."""
    try:
        media_type, changed = decode(content, FORMATS, _changed)
    except ImageError:
        return OTHER, content
    return media_type, content if changed is None else changed


def _changed(image: Image.Image) -> tuple[str, bytes | None]:
    """Return the media type of an opened image, and its pixels as a PNG file if the file itself is not sent."""
    media_type = MEDIA_TYPES.get(str(image.format))
    if media_type is None or orientation(image) != 1 or has_transparency(image) or is_16_bit(image):
        return MEDIA_TYPES[PNG], png(image)
    return media_type, None


def png(image: Image.Image) -> bytes:
    """Return an image as a PNG file with the pixels that training sees."""
    stream = BytesIO()
    to_rgb(image).save(stream, PNG, compress_level=1)
    return stream.getvalue()
