"""Images of requests: vLLM reads what training reads, within limits, and never an address of this network."""

import asyncio
import base64
import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from aiohttp import web
from PIL import Image

from pangea_cultural.errors import UserError
from pangea_cultural.utils.images import decode
from pangea_cultural.utils.pixels import to_rgb
from serve.gateway.errors import RefusedError
from serve.gateway.images import fetch, reading
from serve.gateway.images.budget import Budget
from serve.gateway.images.fetch import Fetcher
from serve.gateway.settings import Settings
from tests.helpers.servers.in_thread import apps_in_thread


def encoded(format="PNG", size=(8, 6), mode="RGB", **options):
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(buffer, format, **options)
    return buffer.getvalue()


def data_url(content, kind="image/png"):
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def bomb(width, height):
    """Return a PNG of few bytes with many pixels, one bit each."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


def exif(orientation):
    block = Image.Exif()
    block[0x0112] = orientation
    return block


def half_transparent():
    image = Image.new("RGBA", (6, 4), (200, 10, 10, 100))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


LIMITS = Settings(max_pixels=10_000, max_request_pixels=15_000)


def read(*urls):
    """Return the pixels of images of one request."""
    budget = Budget(LIMITS)
    return [reading.pixels_of(reading.content_of(url), budget) for url in urls]


FILES = {
    "png": encoded(),
    "jpeg": encoded("JPEG"),
    "turned jpeg": encoded("JPEG", exif=exif(6)),
    "cmyk jpeg": encoded("JPEG", mode="CMYK"),
    "webp": encoded("WEBP", lossless=True),
    "gif": encoded("GIF"),
    "palette": encoded("PNG", mode="P"),
    "gray": encoded("PNG", mode="L"),
    "16 bits": encoded("PNG", mode="I;16") if "I;16" in Image.MODES else encoded("PNG", mode="I"),
    "half transparent": half_transparent(),
    "animated": encoded("GIF", save_all=True, append_images=[Image.new("RGB", (8, 6))]),
}


@pytest.mark.parametrize("name", FILES)
def test_pixels_are_those_of_the_training(name):
    (image,) = read(data_url(FILES[name]))
    expected = decode(FILES[name], reading.FORMATS, to_rgb)
    assert image.mode == "RGB" and np.array_equal(np.asarray(image), np.asarray(expected))
    assert not image.getexif(), "vLLM would turn it a second time"


def others():
    """Return files of all other formats that Pillow writes here."""
    Image.init()
    for format in sorted(set(Image.SAVE) - set(reading.FORMATS) - {"MPO", "PDF"}):
        for mode in ("RGB", "L", "1", "F", "RGBA"):
            try:
                yield format, encoded(format, mode=mode)
                break
            except (OSError, ValueError, KeyError, TypeError, SystemError, AttributeError):
                continue


BROKEN = {
    "empty": b"",
    "text": b"hello",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "bomb": bomb(30_000, 30_000),
    "large": bomb(101, 100),
    "long": bomb(2_000_000_000, 1),
    **{f"half {name}": content[: len(content) // 2] for name, content in FILES.items()},
    **{f"head {name}": content[:20] for name, content in FILES.items()},
    **{f"format {format}": content for format, content in others()},
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_not_one_of_four_formats_is_refused_before_it_is_decoded(name):
    if name.startswith("half"):
        # GIF and some others fill up what is missing. They answer, or are refused.
        with contextlib.suppress(RefusedError):
            read(data_url(BROKEN[name]))
        return
    with pytest.raises(RefusedError) as caught:
        read(data_url(BROKEN[name]))
    assert caught.value.param == "image_url"
    expected = (
        ("too many pixels", "more than 10,000 pixels") if name in ("bomb", "large", "long") else ("not a readable",)
    )
    assert any(text in str(caught.value) for text in expected)


@pytest.mark.parametrize(
    "url",
    [
        *("data:image/png;base64,%%%", "data:image/png;base64,aGFs\nbG8=", "data:image/png,hello", "data:,x", "data:"),
        data_url(FILES["png"], "text/html"),
        data_url(FILES["png"], "video/mp4"),
        *("file:///etc/passwd", "http://127.0.0.1/", "https://example.org/a.png", "/etc/passwd", "\\\\host\\share"),
    ],
)
def test_other_urls_are_refused(url):
    with pytest.raises(RefusedError):
        read(url)


def test_images_of_a_request_share_their_pixels():
    url = data_url(encoded(size=(90, 90)))
    assert len(read(url)) == 1
    with pytest.raises(RefusedError, match="of a request have more than 15,000 pixels"):
        read(url, url)


class Hosts:
    """A web server of images, with redirects and faults."""

    def __init__(self):
        self.paths = []
        self.app = web.Application()
        self.app.router.add_get("/{path:.*}", self.answer)

    async def answer(self, request):
        self.paths.append(request.path)
        name = request.match_info["path"]
        if name == "image":
            return web.Response(body=FILES["png"], content_type="image/png")
        if name == "text":
            return web.Response(text="internal page")
        if name == "large":
            return web.Response(body=b"x" * 10_000, content_type="image/png")
        if name == "zipped":
            return web.Response(body=b"x", content_type="image/png", headers={"Content-Encoding": "gzip"})
        if name == "slow":
            await asyncio.sleep(5)
        if name.startswith("to/"):
            raise web.HTTPFound(request.query["url"])
        raise web.HTTPNotFound


@pytest.fixture(scope="module")
def hosts():
    served = Hosts()
    with apps_in_thread(served.app) as (port,):
        served.port = port
        yield served


def outcome(url, hosts, *, domains=None, private=("localhost", "127.0.0.1"), timeout_s=0.5, max_bytes=5000):
    """Return the content of a URL, or the text of its refusal."""
    hosts.paths.clear()
    fetcher = Fetcher(
        domains or [f"localhost:{hosts.port}", f"127.0.0.1:{hosts.port}"], private_hosts=private, timeout_s=timeout_s
    )
    try:
        return asyncio.run(fetcher.fetch(url, max_bytes))
    except RefusedError as error:
        assert error.status == 400
        return error.message


def test_image_of_an_allowed_host_is_fetched(hosts):
    assert outcome(f"http://localhost:{hosts.port}/image", hosts) == FILES["png"]
    redirected = f"http://localhost:{hosts.port}/to/x?url=http://127.0.0.1:{hosts.port}/image"
    assert outcome(redirected, hosts) == FILES["png"]


@pytest.mark.parametrize("path", ["text", "nothing", "large", "zipped", "slow", "to/x?url=/to/x?url=/to/x?url=/to/x"])
def test_all_failures_have_one_answer(hosts, path):
    assert outcome(f"http://localhost:{hosts.port}/{path}", hosts) == fetch.NOT_READ


@pytest.mark.parametrize(
    "target",
    [
        *("http://127.0.0.1:{port}/image", "http://[::ffff:127.0.0.1]:{port}/image", "http://localhost:{port}/image"),
        *("http://0x7f.1:{port}/image", "http://2130706433:{port}/image", "http://127.1:{port}/image"),
    ],
)
def test_private_address_is_not_connected_to(hosts, target):
    """The host is allowed, its address is not: a name may change its address between a check and the connection."""
    url = target.format(port=hosts.port)
    name = url.removeprefix("http://").removesuffix("/image")
    assert outcome(url, hosts, domains=[name], private=()) == fetch.NOT_READ
    assert hosts.paths == []


@pytest.mark.parametrize(
    "location",
    [
        *("http://127.0.0.1:{port}/image", "http://127.0.0.1:1/", "file:///etc/passwd", "//169.254.169.254/x"),
        *("http://other.example/image", "http://user:pw@localhost:{port}/image", "http://localhost/image"),
    ],
)
def test_redirect_is_checked_like_a_url(hosts, location):
    location = location.format(port=hosts.port)
    url = f"http://localhost:{hosts.port}/to/x?url={location}"
    assert outcome(url, hosts, domains=[f"localhost:{hosts.port}"], private=["localhost"]) == fetch.NOT_READ
    assert hosts.paths == ["/to/x"]


@pytest.mark.parametrize(
    "url",
    [
        *("http://user:pw@localhost:{port}/image", "http://localhost:{port}\\@example.org/image", "ftp://localhost/"),
        *("http:\\\\localhost:{port}\\image", "http://localhost:{port}/image\n", "http://loc\tal:{port}/", "http://"),
        *("http://localhost:1/image", "http://localhost/image", "http://localhost.evil.example:{port}/image"),
        "http://" + "x" * 3000,
    ],
)
def test_other_url_is_not_asked(hosts, url):
    assert outcome(url.format(port=hosts.port), hosts) == fetch.NOT_READ
    assert hosts.paths == []


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("Upload.Wikimedia.org", "upload.wikimedia.org"),
        ("example.org.:8080", "example.org:8080"),
        ("m\u00fcnchen.de", "xn--mnchen-3ya.de"),
        ("192.0.2.1", "192.0.2.1"),
        ("[2001:db8::1]:80", "[2001:db8::1]:80"),
    ],
)
def test_allowed_host_is_compared_in_one_form(text, canonical):
    assert fetch.domain(text) == fetch.domain(canonical) == canonical


@pytest.mark.parametrize(
    "text",
    ["https://example.org", "example.org/", "*.example.org", "a,b", "user@host", "", "a b", "a:", "a:99999", "*"],
)
def test_host_that_no_url_has_is_not_allowed_in_silence(text):
    with pytest.raises(UserError, match="is not a host"):
        fetch.domain(text)


def test_url_of_an_allowed_host_in_another_script_is_allowed():
    for allowed in ("m\u00fcnchen.de", "xn--mnchen-3ya.de"):
        fetcher = Fetcher([allowed])
        assert fetcher._allowed("https://xn--mnchen-3ya.de/a.png").raw_host == "xn--mnchen-3ya.de"
        with pytest.raises(fetch._NotReadError):
            fetcher._allowed("https://xn--mnchen-3ya.de.evil.example/a.png")
