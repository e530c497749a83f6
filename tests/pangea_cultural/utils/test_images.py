"""The image decoder: pixels, limits and errors."""

import concurrent.futures
import contextlib
import io
import struct
import subprocess
import sys
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from pangea_cultural.errors import ImageError
from pangea_cultural.utils import images
from pangea_cultural.utils.images import FORMATS, read_rgb, read_size, verify
from tests.helpers.servers.http_faults import png_bomb

ORIENTATION = 0x0112


def noise(size=(40, 30), mode="RGB", seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], len(mode)), dtype=np.uint8)
    return Image.fromarray(pixels.squeeze(), mode) if mode == "L" else Image.frombytes(mode, size, pixels.tobytes())


def encoded(format, image=None, **options):
    buffer = io.BytesIO()
    (image or noise()).save(buffer, format, **options)
    return buffer.getvalue()


def pixels_by_pillow(path):
    with Image.open(path) as image:
        return image.convert("RGB").tobytes()


@pytest.fixture
def file(tmp_path):
    """Return a function that writes content to a file."""

    def write(content):
        path = tmp_path / "image"
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_decodes_to_pillows_pixels(file, format):
    content = encoded(format)
    path = file(content)
    image = read_rgb(path)
    assert (image.mode, image.size) == ("RGB", (40, 30))
    assert image.tobytes() == pixels_by_pillow(path)
    assert read_size(path) == (30, 40)
    assert verify(content) == (format, 40, 30)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK"])
def test_every_mode_becomes_rgb(file, mode):
    path = file(encoded("JPEG" if mode == "CMYK" else "PNG", noise().convert(mode)))
    image = read_rgb(path)
    assert image.mode == "RGB"
    assert image.tobytes() == pixels_by_pillow(path)


def test_jpeg_with_a_second_image_is_named_mpo(file):
    content = encoded("MPO", noise(), save_all=True, append_images=[noise(seed=1)])
    assert verify(content) == ("MPO", 40, 30)
    assert read_rgb(file(content)).tobytes() == pixels_by_pillow(file(encoded("JPEG", noise())))


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP"])
def test_animation_gives_its_first_frame(file, format):
    colors = [(200, 20, 20), (20, 20, 200)]
    frames = [Image.new("RGB", (40, 30), color) for color in colors]
    options = {"lossless": True} if format == "WEBP" else {}
    content = encoded(format, frames[0], save_all=True, append_images=frames[1:], **options)
    with Image.open(io.BytesIO(content)) as animation:
        assert animation.n_frames == 2
    assert read_rgb(file(content)).getpixel((20, 15)) == colors[0]
    assert verify(content) == (format, 40, 30)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_applied(file, format, orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = file(encoded(format, noise(), exif=exif))
    with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    assert read_size(path) == (upright.height, upright.width)
    assert read_rgb(path).size == upright.size
    assert read_rgb(path).tobytes() == upright.tobytes()


@pytest.mark.parametrize("size", [(1, 1), (7, 40), (40, 7), (9, 3)])
def test_small_jpeg_is_verified(size):
    """`draft` with a side of zero is a ZeroDivisionError."""
    assert verify(encoded("JPEG", noise(size))) == ("JPEG", *size)


def test_transparent_pixels_become_white(file):
    image = noise(mode="RGBA")
    image.putalpha(0)
    assert read_rgb(file(encoded("PNG", image))).get_flattened_data()[0] == (255, 255, 255)


def test_16_bits_are_scaled(file):
    levels = np.array([[0, 128, 257, 32_896, 65_535]], dtype=np.uint16)
    image = read_rgb(file(encoded("PNG", Image.fromarray(levels))))
    assert [red for red, _, _ in image.get_flattened_data()] == [0, 0, 1, 128, 255]
    every = np.arange(65_536, dtype=np.uint16).reshape(-1, 32)
    found = np.asarray(read_rgb(file(encoded("PNG", Image.fromarray(every)))))[..., 0]
    assert (found == np.round(every / 257)).all(), "also in images that are scaled in parts"


@pytest.mark.parametrize(
    "content",
    [b"", b"not an image", b"<script>alert(1)</script>", encoded("JPEG")[:-300], encoded("PNG")[:60], encoded("EPS")],
    ids=["empty", "text", "html", "truncated JPEG", "truncated PNG", "EPS"],
)
def test_unreadable_content_is_one_error(file, content):
    for attempt in (lambda: verify(content), lambda: read_rgb(file(content))):
        with pytest.raises(ImageError) as caught:
            attempt()
        assert (str(caught.value), caught.value.reason) == (images.UNREADABLE, images.UNREADABLE)
        assert " at 0x" not in caught.value.detail, "equal files have equal details"


def test_formats_can_be_narrowed():
    with pytest.raises(ImageError, match="not a readable image"):
        verify(encoded("GIF"), ("PNG", "JPEG"))


def test_missing_file_has_its_own_reason(tmp_path):
    for decode in (read_rgb, read_size):
        with pytest.raises(ImageError, match="image missing"):
            decode(tmp_path / "missing.png")


def test_folder_is_not_an_image(tmp_path):
    with pytest.raises(ImageError, match="not a readable image"):
        read_rgb(tmp_path)


def test_large_content_is_not_opened_but_large_files_are(file, monkeypatch):
    content = encoded("PNG")
    monkeypatch.setattr(images, "MAX_BYTES", len(content))
    assert verify(content)
    monkeypatch.setattr(images, "MAX_BYTES", len(content) - 1)
    assert read_rgb(file(content)) and read_size(file(content))
    monkeypatch.setattr(Image, "open", None)
    with pytest.raises(ImageError, match="file too large"):
        verify(content)


MEMORY = """
import resource
from pangea_cultural.errors import ImageError
from pangea_cultural.utils.images import verify
from tests.helpers.servers.http_faults import png_bomb
bomb = png_bomb()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    verify(bomb)
except ImageError as error:
    print(error, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, sep="|")
"""


def test_bomb_is_refused_before_it_is_decoded():
    assert len(png_bomb()) < 200_000
    result = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    reason, kilobytes = result.stdout.split("|")
    assert reason == "too many pixels"
    assert int(kilobytes) < 50_000, "decoded it has 900 MB"


def test_limit_of_pixels_is_lower_than_pillows_error(file):
    bomb = png_bomb(11_000)
    for decode in (lambda: verify(bomb), lambda: read_rgb(file(bomb)), lambda: read_size(file(bomb))):
        with pytest.raises(ImageError, match="too many pixels") as caught:
            decode()
        assert caught.value.detail == "11000 × 11000"


def test_pillow_does_not_warn_in_threads_and_filters_stay():
    script = """
import concurrent.futures, warnings
from pangea_cultural.errors import ImageError
from pangea_cultural.utils.images import verify
from tests.helpers.servers.http_faults import png_bomb
filters, bomb = list(warnings.filters), png_bomb(11_000)
def reason(number):
    try:
        verify(bomb)
    except ImageError as error:
        return str(error)
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    assert set(pool.map(reason, range(200))) == {"too many pixels"}
assert warnings.filters == filters
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")


def test_threads_decode_the_same_pixels(tmp_path):
    paths = []
    for number in range(40):
        paths.append(tmp_path / f"{number}.png")
        noise(seed=number).save(paths[-1])
    with concurrent.futures.ThreadPoolExecutor(8) as pool, warnings.catch_warnings():
        warnings.simplefilter("error")
        decoded = list(pool.map(read_rgb, paths * 3))
    assert [image.tobytes() for image in decoded] == [noise(seed=number).tobytes() for number in range(40)] * 3


def segment(marker, content):
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content


def many_scans(number):
    """Return a progressive JPEG with scans that have no pixels: each costs time for all blocks, and 12 bytes."""
    one_code = bytes([1] + [0] * 15)
    table = segment(0xC4, b"\0" + one_code + b"\0") + segment(0xC4, b"\x10" + one_code + b"\xe0")
    frame = segment(0xC2, struct.pack(">BHHB", 8, 16, 16, 1) + b"\1\x11\0")
    head = b"\xff\xd8" + segment(0xDB, b"\0" + b"\1" * 64) + frame + table
    first = segment(0xDA, b"\1\1\0\0\0\0") + b"\0"
    return head + first + (segment(0xDA, b"\1\1\0\1\x3f\0") + b"\0\0") * number + b"\xff\xd9"


def test_jpeg_whose_scans_take_minutes_is_refused_before_it_is_decoded():
    assert verify(many_scans(20)).width == 16
    with pytest.raises(ImageError, match="not a readable image"):
        verify(many_scans(images.MAX_SCANS))


@pytest.mark.parametrize(("scans", "is_read"), [(20, True), (19, False)])
def test_large_jpeg_has_fewer_scans(scans, is_read, monkeypatch):
    """A scan costs time for each pixel: 500 scans of 50 megapixels took 5 seconds, and 7 kB."""
    assert images.MAX_SCANNED_PIXELS > 40 * 50_000_000, "photos have about ten scans"
    monkeypatch.setattr(images, "MAX_SCANNED_PIXELS", 16 * 16 * (scans + 1))
    with contextlib.nullcontext() if is_read else pytest.raises(ImageError, match="not a readable image"):
        assert verify(many_scans(20)).width == 16


def chunk(kind, content=b""):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


PARTS = {"PNG": (33, chunk(b"teXt")), "JPEG": (2, b"\xff\xfe\0\2"), "GIF": (13 + 3 * 256, b"\x21\xfe\0")}


@pytest.mark.parametrize("format", PARTS)
def test_file_of_very_many_parts_is_refused_after_some(format, monkeypatch):
    """Pillow reads each part in Python: five million take half a minute, in which the process does nothing else."""
    place, part = PARTS[format]
    content = encoded(format, noise().quantize(256) if format == "GIF" else None)
    monkeypatch.setattr(images._LimitedReads, "_left", 3000)
    assert verify(content[:place] + part * 100 + content[place:]).format == format
    with pytest.raises(ImageError, match="not a readable image"):
        verify(content[:place] + part * 3000 + content[place:])
