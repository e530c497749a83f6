"""Bytes that an endpoint decodes to the pixels of the reference."""

import base64
import io

import datasets
import numpy as np
import pytest
from PIL import Image

from evalsuite.data.images import content, media_type, opened, reference_bytes
from pangea_cultural.errors import ImageError
from tests.evalsuite.benchmarks.made import encoded, jpeg


def with_orientation(value: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = value
    return jpeg(1, exif=exif)


def by_vllm(file: bytes) -> np.ndarray:
    """Return pixels as vLLM decodes them: without orientation, and transparent images on white."""
    image = Image.open(io.BytesIO(file))
    if image.mode == "RGBA":
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        white.alpha_composite(image)
        image = white
    return np.asarray(image.convert("RGB"))


def by_reference(file: bytes) -> np.ndarray:
    """Return pixels as `datasets` decodes them and the harness converts them."""
    return np.asarray(datasets.Image().decode_example({"bytes": file, "path": None}).convert("RGB"))


GRAY = encoded(Image.open(io.BytesIO(jpeg(2))).convert("L"), "JPEG")
FILES = {
    "jpeg": jpeg(1),
    "gray jpeg": GRAY,
    "upright jpeg": with_orientation(1),
    "turned jpeg": with_orientation(6),
    "mirrored jpeg": with_orientation(2),
    "cmyk jpeg": encoded(Image.open(io.BytesIO(jpeg(3))).convert("CMYK"), "JPEG"),
    "png": encoded(Image.open(io.BytesIO(jpeg(4))), "PNG"),
    "transparent png": encoded(Image.new("RGBA", (9, 7), (200, 10, 10, 0)), "PNG"),
    "half transparent png": encoded(Image.new("LA", (9, 7), (90, 100)), "PNG"),
    "palette gif": encoded(Image.new("P", (9, 7), 3), "GIF", transparency=3),
    "webp": encoded(Image.open(io.BytesIO(jpeg(5))), "WEBP", lossless=True),
}


@pytest.mark.parametrize("name", FILES)
def test_endpoint_decodes_the_pixels_of_the_reference(name):
    sent = reference_bytes(FILES[name])
    assert np.array_equal(by_vllm(sent), by_reference(FILES[name]))
    assert np.array_equal(np.asarray(opened({"bytes": FILES[name], "path": None})), by_reference(FILES[name]))


@pytest.mark.parametrize("name", FILES)
def test_original_is_sent_only_if_it_is_a_plain_jpeg(name):
    sent = reference_bytes(FILES[name])
    assert (sent == FILES[name]) == (name in ("jpeg", "gray jpeg", "upright jpeg"))
    assert media_type(sent) == ("image/jpeg" if sent == FILES[name] else "image/png")


@pytest.mark.parametrize("name", ["jpeg", "transparent png"])
def test_image_is_opened_once(name, monkeypatch):
    opens = []
    open_image = Image.open
    monkeypatch.setattr(Image, "open", lambda *options, **more: opens.append(1) or open_image(*options, **more))
    opened({"bytes": FILES[name], "path": None})
    assert len(opens) == 1


def test_turned_jpeg_would_be_wrong_without_a_copy():
    """The check can fail: vLLM decodes these originals to other pixels."""
    for name in ("turned jpeg", "transparent png"):
        assert not np.array_equal(by_vllm(FILES[name]), by_reference(FILES[name]))


@pytest.mark.parametrize("file", [b"", b"no image", jpeg(1)[:200]])
def test_unreadable_image_is_an_error(file):
    with pytest.raises(ImageError):
        reference_bytes(file)


def test_content_reads_every_form_and_follows_no_path():
    assert (
        content({"bytes": b"x", "path": "a.jpg"}) == content(b"x") == content(base64.b64encode(b"x").decode()) == b"x"
    )
    assert content(None) is content("None") is None
    for value in ({"bytes": None, "path": "/etc/passwd"}, "not base64!"):
        with pytest.raises(ImageError):
            content(value)
