"""The pixels that people see: orientation, transparency and 16 bits are resolved, as browsers do it."""

import numpy as np
from PIL import Image

ORIENTATION = 0x0112
"""EXIF tag."""
WHITE = (255, 255, 255)
TRANSPOSED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""Turns to an upright image, by EXIF orientation."""
_16_BIT = ("I", "I;16", "I;16B", "I;16L", "I;16N")
_PER_LEVEL = 257
"""16-bit levels for each 8-bit level: 65535 / 255."""
_ROWS = 256
"""Rows that are scaled at a time. All at once would take 20 bytes for each pixel."""


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation from an image's header, 1 for an upright image or a wrong value."""
    block = image.info.get("exif")
    if not isinstance(block, bytes):
        return 1
    exif = Image.Exif()
    try:
        exif.load(block)
        value = exif.get(ORIENTATION)
    # Pillow raises errors of many types for broken EXIF, which browsers ignore.
    except Exception:
        return 1
    return value if isinstance(value, int) and value in TRANSPOSED else 1


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Return width and height after the orientation is applied."""
    swapped = orientation(image) >= 5
    return (image.height, image.width) if swapped else (image.width, image.height)


def has_transparency(image: Image.Image) -> bool:
    """Return whether an image has an alpha channel or a transparent color. Its pixels may still be opaque."""
    return image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info


def is_16_bit(image: Image.Image) -> bool:
    """Return whether Pillow keeps more than 8 bits of an image."""
    return image.mode in _16_BIT


def to_8_bit(image: Image.Image) -> Image.Image:
    """Scale a gray image of 16 bits to 8. Pillow's own conversion clips it to white."""
    if not is_16_bit(image):
        return image
    levels = np.asarray(image)
    pixels = np.empty(levels.shape, np.uint8)
    for start in range(0, len(levels), _ROWS):
        rows = levels[start : start + _ROWS].clip(0, 65535).astype(np.int32)
        pixels[start : start + _ROWS] = (rows + _PER_LEVEL // 2) // _PER_LEVEL
    scaled = Image.fromarray(pixels, "L")
    color = image.info.get("transparency")
    if isinstance(color, int):
        scaled.putalpha(Image.fromarray(np.where(levels == color, np.uint8(0), np.uint8(255)), "L"))
    return scaled


def on_white(image: Image.Image) -> Image.Image:
    """Return an image as RGB, laid on white where it is transparent."""
    if not has_transparency(image):
        return image.convert("RGB")
    image = image.convert("RGBA")
    canvas = Image.new("RGB", image.size, WHITE)
    canvas.paste(image, mask=image.getchannel("A"))
    return canvas


def upright(image: Image.Image, turn: int) -> Image.Image:
    """Return an image turned by an EXIF orientation."""
    return image.transpose(TRANSPOSED[turn]) if turn in TRANSPOSED else image


def to_rgb(image: Image.Image) -> Image.Image:
    """Return an image as people see it, in RGB: upright, on white, with 8 bits. Color profiles are not applied."""
    turn = orientation(image)
    return upright(on_white(to_8_bit(image)), turn)
