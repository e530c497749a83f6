"""The normalization of stored images: training, vLLM and a browser see the same pixels."""

import base64
import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageCms

from factory.images import containers
from factory.images import normalized as module
from factory.images.normalized import normalized
from pangea_cultural.errors import ImageError
from pangea_cultural.utils.images import read_rgb, read_size
from tests.helpers.runs.chromium import chromium
from tests.helpers.servers.http_faults import png_bomb

WIDTH, HEIGHT = 64, 48


def gradient(mode="RGB"):
    """Return an image whose corners differ, so that every turn shows."""
    across, down = np.meshgrid(np.linspace(20, 230, WIDTH), np.linspace(20, 230, HEIGHT))
    return Image.fromarray(np.stack([across, down, np.full_like(down, 90)], -1).astype(np.uint8)).convert(mode)


def encoded(format, image=None, **options):
    buffer = io.BytesIO()
    (image or gradient()).save(buffer, format, **options)
    return buffer.getvalue()


def exif(orientation):
    block = Image.Exif()
    block[0x0112] = orientation
    block[0x010E] = "private text"
    return block.tobytes()


def half_transparent():
    image = gradient("RGBA")
    image.putalpha(Image.fromarray(np.tile(np.linspace(0, 255, WIDTH), (HEIGHT, 1)).astype(np.uint8)))
    return image


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def with_chunk(png, kind, content):
    """Return a PNG with a chunk after its header."""
    return png[:33] + chunk(kind, content) + png[33:]


def png_16(channels):
    """Return a PNG with 16 bits per channel: gray, RGB or RGBA."""
    levels = np.asarray(gradient({1: "L", 3: "RGB", 4: "RGBA"}[channels])).reshape(HEIGHT, WIDTH, channels)
    levels = levels.astype(np.uint16) * 257
    if channels == 4:
        levels[..., 3] = np.linspace(0, 65535, WIDTH)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in levels)
    color = {1: 0, 3: 2, 4: 6}[channels]
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, color, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def matrix_profile(red, green, blue, gamma):
    """Return an ICC profile with these primaries (in XYZ of D50) and this gamma."""

    def number(value):
        return struct.pack(">i", round(value * 65536))

    def xyz(values):
        return b"XYZ \0\0\0\0" + b"".join(map(number, values))

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    description = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"wide\0" + bytes(78) + b"\0"
    tags = [(b"desc", description), (b"wtpt", xyz((0.9642, 1, 0.8249)))]
    tags += [(b"rXYZ", xyz(red)), (b"gXYZ", xyz(green)), (b"bXYZ", xyz(blue))]
    tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    table, body = struct.pack(">I", len(tags)), b""
    start = 132 + 12 * len(tags)
    for name, content in tags:
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(">I4sI", 128 + len(table) + len(body), b"lcms", 0x02100000) + b"mntrRGB XYZ " + bytes(12)
    head += b"acsp" + bytes(28) + b"".join(map(number, (0.9642, 1, 0.8249))) + bytes(48)
    return head + table + body


WIDE = matrix_profile((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446), 2.2)
"""The primaries of Adobe RGB."""
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
ANIMATED = {"save_all": True, "append_images": [Image.new("RGB", (WIDTH, HEIGHT))]}

UNCHANGED = {
    "JPEG": encoded("JPEG"),
    "progressive JPEG": encoded("JPEG", progressive=True),
    "gray JPEG": encoded("JPEG", gradient("L")),
    "PNG": encoded("PNG"),
    "palette": encoded("PNG", gradient().quantize(16)),
    "one bit": encoded("PNG", gradient("1")),
    "opaque alpha": encoded("PNG", gradient("RGBA")),
    "WebP": encoded("WEBP"),
    "lossless WebP": encoded("WEBP", lossless=True),
}
"""Images that keep their bytes."""

ONLY_METADATA = {
    "upright": encoded("JPEG", exif=exif(1), comment=b"private text"),
    "wrong orientation": encoded("JPEG", exif=exif(9)),
    "sRGB JPEG": encoded("JPEG", icc_profile=SRGB),
    "sRGB PNG": encoded("PNG", icc_profile=SRGB),
    "broken profile": encoded("JPEG", icc_profile=b"private text"),
    "text in PNG": with_chunk(encoded("PNG"), b"tEXt", b"Comment\0private text"),
    "gamma of sRGB": with_chunk(encoded("PNG"), b"gAMA", struct.pack(">I", 45455)),
    "XMP in WebP": encoded("WEBP", xmp=b"private text"),
    "second image": encoded("MPO", **ANIMATED),
    "animated PNG": encoded("PNG", **ANIMATED),
    "bytes after the end": encoded("JPEG") + b"private text",
}
"""Images that keep their pixels and lose metadata."""

CHANGED = {
    **{f"orientation {n}": (encoded("JPEG", exif=exif(n)), "turned upright") for n in range(2, 9)},
    "orientation in PNG": (encoded("PNG", exif=exif(6)), "turned upright"),
    "transparent": (encoded("PNG", half_transparent()), "on white"),
    "transparent WebP": (encoded("WEBP", half_transparent(), lossless=True), "on white"),
    "transparent palette": (encoded("PNG", gradient().quantize(16), transparency=3), "on white"),
    "transparent color": (encoded("PNG", Image.new("RGB", (40, 40), (7, 8, 9)), transparency=(7, 8, 9)), "on white"),
    "16 bit gray": (png_16(1), "8 bits per channel"),
    "16 bit RGB": (png_16(3), "8 bits per channel"),
    "16 bit RGBA": (png_16(4), "on white, 8 bits per channel"),
    "16 bit transparent gray": (
        with_chunk(png_16(1), b"tRNS", struct.pack(">H", 28 * 257)),
        "on white, 8 bits per channel",
    ),
    "wide gamut": (encoded("JPEG", icc_profile=WIDE), "colors converted to sRGB"),
    "wide gamut palette": (encoded("PNG", gradient().quantize(16), icc_profile=WIDE), "colors converted to sRGB"),
    "linear gamma": (with_chunk(encoded("PNG"), b"gAMA", struct.pack(">I", 100_000)), "colors converted to sRGB"),
    "CMYK": (encoded("JPEG", gradient("CMYK")), "colors converted to sRGB"),
    "animated WebP": (encoded("WEBP", **ANIMATED), "first frame"),
}
"""Images whose pixels change, with the change."""

UNLIKE_VLLM = {"16 bit gray", "16 bit transparent gray", "transparent color"}
"""vLLM 0.32 clips 16 bits to white, and ignores a transparent color in RGB."""

ALL = UNCHANGED | ONLY_METADATA | {name: content for name, (content, _) in CHANGED.items()}


@pytest.mark.parametrize("name", UNCHANGED)
def test_plain_image_keeps_its_bytes(name):
    result = normalized(UNCHANGED[name])
    assert result.content == UNCHANGED[name] and result.changes == ()


@pytest.mark.parametrize("name", ONLY_METADATA)
def test_metadata_is_removed_without_new_pixels(name):
    result = normalized(ONLY_METADATA[name])
    assert b"private text" not in result.content and len(result.content) < len(ONLY_METADATA[name])
    assert result.changes == ()
    with Image.open(io.BytesIO(result.content)) as image, Image.open(io.BytesIO(ONLY_METADATA[name])) as original:
        assert not {"exif", "icc_profile", "xmp", "comment", "gamma"} & image.info.keys()
        assert image.convert("RGB").tobytes() == original.convert("RGB").tobytes()


@pytest.mark.parametrize("name", CHANGED)
def test_changes_are_stated_and_happen_once(name):
    content, change = CHANGED[name]
    result = normalized(content)
    assert ", ".join(result.changes) == change
    assert normalized(result.content).content == result.content
    assert b"private text" not in result.content


def on_disk(folder, name):
    path = folder / "image"
    path.write_bytes(normalized(ALL[name]).content)
    return path


def difference(one, other):
    assert one.shape == other.shape
    return np.abs(one.astype(int) - other.astype(int))


@pytest.mark.parametrize("name", ALL)
def test_training_and_vllm_see_the_same_pixels(tmp_path, name):
    media = pytest.importorskip("vllm.multimodal.media.image")
    path = on_disk(tmp_path, name)
    seen = read_rgb(path)
    assert (seen.height, seen.width) == read_size(path)
    assert seen.tobytes() == media.ImageMediaIO().load_file(path).media.tobytes()


@pytest.mark.parametrize("name", [name for name in ALL if name not in UNLIKE_VLLM])
def test_training_and_vllm_see_other_images_alike(tmp_path, name):
    """Images of other data sets are not normalized."""
    media = pytest.importorskip("vllm.multimodal.media.image")
    path = tmp_path / "image"
    path.write_bytes(ALL[name])
    assert read_rgb(path).tobytes() == media.ImageMediaIO().load_file(path).media.tobytes()
    assert read_size(path) == read_rgb(path).size[::-1]


DRAW = """async (url) => {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
    const context = canvas.getContext("2d", {colorSpace: "srgb"});
    context.fillStyle = "white";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(image, 0, 0);
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
    return [canvas.width, canvas.height, btoa(Array.from(pixels, (x) => String.fromCharCode(x)).join(""))];
}"""


@pytest.fixture(scope="module")
def shown():
    """Return a function that returns the pixels of an image in Chromium, on a white page."""

    def draw(content):
        width, height, pixels = page.evaluate(DRAW, f"data:image/png;base64,{base64.b64encode(content).decode()}")
        return np.frombuffer(base64.b64decode(pixels), np.uint8).reshape(height, width, 4)[..., :3]

    # Another place or profile of the machine's screen must not change the colors.
    with chromium("--force-color-profile=srgb") as browser:
        page = browser.new_page()
        yield draw


@pytest.mark.parametrize("name", ALL)
def test_browser_sees_the_same_pixels_before_and_after(tmp_path, shown, name):
    path = on_disk(tmp_path, name)
    seen = np.asarray(read_rgb(path))
    assert difference(shown(path.read_bytes()), seen).max() <= 3, "rounding of JPEG decoders"
    if name != "CMYK":  # Browsers guess the inks of a CMYK image without a profile.
        assert difference(shown(ALL[name]), seen).mean() < 3, "people see the image as before"


@pytest.mark.parametrize(
    ("content", "reason", "detail"),
    [
        (encoded("JPEG", Image.new("RGB", (960, 6))), "a side too short", "960 × 6"),
        (encoded("JPEG", Image.new("RGB", (1, 1))), "a side too short", "1 × 1"),
        (encoded("PNG", Image.new("RGB", (7, 100))), "a side too short", "7 × 100"),
        (encoded("JPEG", Image.new("RGB", (64_000, 420))), "no photo by its shape: line", "64000 × 420"),
        (encoded("PNG", Image.new("1", (8, 401))), "no photo by its shape: line", "8 × 401"),
        (png_bomb(11_000), "too many pixels", "11000 × 11000"),
        (encoded("GIF"), "not a readable image", "unknown format"),
        (encoded("JPEG")[:-300], "not a readable image", None),
        (encoded("WEBP")[:-30], "not a readable image", None),
        (encoded("PNG")[:-30], "not a readable image", None),
    ],
)
def test_unusable_image_has_a_reason(content, reason, detail):
    with pytest.raises(ImageError) as caught:
        normalized(content)
    assert caught.value.reason == reason
    assert detail in (None, caught.value.detail)
    assert " at 0x" not in caught.value.detail


def zero_sided(side):
    """Return a PNG with a side of zero, with right check sums."""
    sides = struct.pack(">II", *((0, 9) if side == "width" else (9, 0)))
    head = chunk(b"IHDR", sides + b"\x08\0\0\0\0")
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", ["width", "height"])
def test_side_of_zero_is_refused(side):
    with pytest.raises(ImageError):
        normalized(zero_sided(side))


def test_jpeg_of_many_scans_is_refused_before_it_is_decoded():
    content = encoded("JPEG", progressive=True)
    start = content.index(b"\xff\xda")
    scans = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00\x00" * 300
    with pytest.raises(ImageError) as caught:
        normalized(content[:start] + scans + content[start:])
    assert (caught.value.reason, caught.value.detail) == ("not a readable image", "too many scans")


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("seed", range(3))
def test_damaged_files_are_images_or_image_errors(name, seed):
    dice = np.random.default_rng(seed)
    content = bytearray(ALL[name])
    for position in dice.integers(0, len(content), 6):
        content[position] = dice.integers(256)
    try:
        result = normalized(bytes(content))
    except ImageError as error:
        assert error.reason in ("not a readable image", "too many pixels", "a side too short", module.TOO_LONG)
    else:
        assert normalized(result.content).content == result.content


def test_metadata_of_unknown_chunks_is_removed_and_critical_ones_are_not_guessed():
    png = encoded("PNG")
    assert containers.without_metadata(with_chunk(png, b"prIv", b"private text")) == png
    with pytest.raises(containers.ContainerError):
        containers.without_metadata(with_chunk(png, b"PRIV", b"private text"))


def test_threads_convert_the_same_pixels():
    contents = [CHANGED[name][0] for name in ("wide gamut", "CMYK", "transparent", "16 bit RGBA")] * 20
    expected = [normalized(content) for content in contents]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(normalized, contents)) == expected
