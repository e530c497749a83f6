"""Color profiles. Stored images are in sRGB without a profile, because training and vLLM do not apply profiles.

An image whose profile differs visibly from sRGB is converted. Other profiles are dropped.
"""

import functools
import io
import itertools

from PIL import Image, ImageCms

VISIBLE_LEVELS = 10
"""Difference from sRGB, of 255 levels, above which colors are converted. A plain gamma of 2.2 differs by 9."""
MAX_PROFILE_BYTES = 4_000_000
"""Larger profiles are ignored."""
_SPACES = {"RGB": ("RGB",), "GRAY": ("L",), "CMYK": ("CMYK",)}
"""Pillow's modes by a profile's color space. A profile of another space than the image is ignored, as in browsers."""
_GAMMAS = (0.1, 3.0)
"""Plausible values of a PNG's gamma."""

Lut = tuple[int, ...]


def converted(image: Image.Image, profile: bytes | None) -> Image.Image | None:
    """Return an image in sRGB, or None if its colors need no conversion.

    Args:
        image: in RGB, L or CMYK.
        profile: ICC profile.
    """
    return _transformed(image, profile) if profile is not None and is_visible(profile, image.mode) else None


@functools.lru_cache(maxsize=16)
def is_visible(profile: bytes | None, mode: str) -> bool:
    """Return whether a profile fits an image's mode and its colors differ visibly from sRGB."""
    if not profile or len(profile) > MAX_PROFILE_BYTES:
        return False
    try:
        space = ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.xcolor_space.strip()
        if mode not in _SPACES.get(space, ()):
            return False
        colors = _patches(mode)
        shown = _transformed(colors, profile).tobytes()
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return False  # Browsers ignore a broken profile.
    plain = colors.convert("RGB").tobytes()
    return max(abs(a - b) for a, b in zip(shown, plain, strict=True)) > VISIBLE_LEVELS


def _patches(mode: str) -> Image.Image:
    """Return an image with colors from the whole range of a mode."""
    channels = len(Image.new(mode, (1, 1)).getbands())
    steps = range(256) if channels == 1 else (0, 50, 100, 150, 200, 255)
    colors = bytes(itertools.chain.from_iterable(itertools.product(steps, repeat=channels)))
    return Image.frombytes(mode, (len(colors) // channels, 1), colors)


def _transformed(image: Image.Image, profile: bytes) -> Image.Image:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    result = ImageCms.profileToProfile(
        image, source, ImageCms.createProfile("sRGB"), ImageCms.Intent.PERCEPTUAL, outputMode="RGB"
    )
    assert result is not None, "profileToProfile returns an image unless it works in place"
    result.info.pop("icc_profile", None)
    return result


def gamma_lut(image: Image.Image) -> Lut | None:
    """Return the table from a PNG's own gamma to sRGB, or None if it needs none. Its primaries are not applied."""
    gamma = image.info.get("gamma")
    known = "srgb" in image.info or "icc_profile" in image.info
    if known or not isinstance(gamma, float) or not _GAMMAS[0] <= gamma <= _GAMMAS[1]:
        return None
    table = tuple(_srgb_level((level / 255) ** (1 / gamma)) for level in range(256))
    differs = any(abs(shown - level) > VISIBLE_LEVELS for level, shown in enumerate(table))
    return table if differs else None


def _srgb_level(light: float) -> int:
    """Return the 8-bit level of linear light in sRGB."""
    level = 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055
    return round(255 * level)
