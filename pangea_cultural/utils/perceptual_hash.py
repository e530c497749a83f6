"""Perceptual signatures: images that look the same have nearly equal ones, whatever their format, size and compression.

The hash is that of PDQ in a simpler form: signs of the lowest frequencies of the brightness, by a discrete cosine
transform (Facebook, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm", 2019). Brightness
alone would make one flag of all with three stripes: a signature also has the hues of 16 parts of the image. The signs
of a flat drawing are noise. Its hash is that of the reduced pixels, so that it resembles only an equal one.
`near_duplicates` compares signatures, and docs/factory.md has the measurements behind its limits.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from pangea_cultural.utils.images import FORMATS, decode
from pangea_cultural.utils.pixels import to_rgb

HASH_BYTES = 32
COLOR_BYTES = 32
FREQUENCIES = 16
"""Frequencies in each direction: 256 bits."""
SIDE_PX = 64
"""Side of the image that is transformed."""
PARTS = 4
"""Parts in each direction that have a hue."""
DRAFT_PX = 256
"""Shorter side to which the JPEG decoder may shrink. Smaller ones change bits, larger ones take twice the time."""
MIN_WAVE = 128
"""Amplitude that half of the frequencies have in an image that is not flat: photos have 175 and more, flags have 0."""

# Rows of the DCT-II but the constant one, as in PDQ.
_DCT = np.cos(
    np.pi / SIDE_PX * (np.arange(SIDE_PX) + 0.5)[None, :] * np.arange(1, FREQUENCIES + 1)[:, None], dtype=np.float64
)


class Signature(NamedTuple):
    """Signature of an image."""

    hash: bytes
    """256 bits."""
    colors: bytes
    """Means of the two chroma channels (YCbCr, 8 bits) of 4 × 4 parts."""


def signature(path: Path) -> Signature:
    """Return the signature of an image file.

    Raises:
        ImageError: the file is missing, has too many pixels or is not a readable image.
    """
    return decode(path, FORMATS, of_image)


def of_image(image: Image.Image) -> Signature:
    """Return the signature of an opened image."""
    if image.format == "JPEG":
        image.draft("RGB", (DRAFT_PX, DRAFT_PX))
    plain = to_rgb(image).convert("YCbCr").resize((SIDE_PX, SIDE_PX), Image.Resampling.BILINEAR)
    channels = np.asarray(plain, np.float64)
    waves = _DCT @ channels[:, :, 0] @ _DCT.T
    if np.median(np.abs(waves)) < MIN_WAVE:
        bits = hashlib.sha256(np.asarray(plain).tobytes()).digest()
    else:
        bits = np.packbits(waves > np.median(waves)).tobytes()
    size = SIDE_PX // PARTS
    parts = channels[:, :, 1:].reshape(PARTS, size, PARTS, size, 2).mean(axis=(1, 3))
    return Signature(bits, parts.round().astype(np.uint8).tobytes())
