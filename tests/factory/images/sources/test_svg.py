"""Hostile drawings: each is an image error, and the renderer works afterwards."""

import io
import json

import pytest
from PIL import Image

from factory.images.sources.svg import SvgRenderer
from pangea_cultural.errors import ImageError

OPEN = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
PLAIN = OPEN + 'width="30" height="20"><rect width="30" height="20"/></svg>'
MANY_USES = "".join(f'<g id="a{n}">{f"<use href={chr(34)}#a{n - 1}{chr(34)}/>" * 10}</g>' for n in range(1, 9))
FAILED = "drawing cannot be rendered"
LINKED = "drawing refers to another file"

HOSTILE = {
    "broken": ("<svg", FAILED),
    "not text": (b"\x1f\x8b\x08", FAILED),
    "tall": (
        OPEN + 'width="1" height="1000000"><rect width="1" height="1000000"/></svg>',
        "no photo by its shape: line",
    ),
    "tall view box": (
        OPEN + 'viewBox="0 0 1 1000000"><rect width="1" height="9"/></svg>',
        "no photo by its shape: line",
    ),
    "tall path": (OPEN + '><path d="M-7-96 6 0 07 4E7"/></svg>', FAILED),
    "negative size": (OPEN + 'width="-5" height="10"/>', FAILED),
    "absolute link": (OPEN + 'width="9" height="9"><image href="/srv/image.png"/></svg>', LINKED),
    "file link": (OPEN + 'width="9" height="9"><image xlink:href="file:///srv/image.png"/></svg>', LINKED),
    "network link": (OPEN + 'width="9" height="9"><image href="http://127.0.0.1/image.png"/></svg>', LINKED),
    "link in a style of use": (OPEN + 'width="9" height="9"><use href="other.svg#a"/></svg>', LINKED),
    "link in a filter": (OPEN + 'width="9" height="9"><filter><feImage href="a.png"/></filter></svg>', LINKED),
    "entity": ('<!DOCTYPE svg [<!ENTITY a "/srv/image.png">]>' + PLAIN, FAILED),
    "many uses": (f'{OPEN}width="9" height="9"><g id="a0"><rect/></g>{MANY_USES}<use href="#a8"/></svg>', FAILED),
    "deep": (OPEN + 'width="9" height="9">' + "<g>" * 100_000 + "</g>" * 100_000 + "</svg>", FAILED),
    "endless noise": (
        OPEN + 'width="99" height="99"><filter id="f"><feTurbulence baseFrequency="0.5" numOctaves="1000000000"/>'
        '</filter><rect width="99" height="99" filter="url(#f)"/></svg>',
        FAILED,
    ),
}


@pytest.fixture(scope="module")
def renderer():
    renderer = SvgRenderer(timeout_s=3)
    yield renderer
    renderer.close()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_drawing_is_an_image_error(renderer, name):
    content, reason = HOSTILE[name]
    with pytest.raises(ImageError) as caught:
        renderer.render(content if isinstance(content, bytes) else content.encode(), "", 288)
    assert caught.value.reason == reason
    assert len(caught.value.detail) <= 200
    assert Image.open(io.BytesIO(renderer.render(PLAIN.encode(), "", 288))).size == (288, 192)


def test_renderer_cannot_open_files(renderer, tmp_path):
    """The process has no free file descriptor, so a link that the check misses draws nothing."""
    Image.new("RGB", (60, 60), "red").save(tmp_path / "red.png")
    svg = f'{OPEN}width="60" height="60"><image width="60" height="60" href="{tmp_path}/red.png"/></svg>'
    request = json.dumps({"svg": svg, "style": "", "width": 60}).encode() + b"\n"
    answer = renderer._answer(request)
    assert answer[:1] == b"+"
    assert Image.open(io.BytesIO(answer[1:])).getbbox() is None, "nothing is drawn"


def test_links_inside_the_drawing_and_to_pages_are_allowed(renderer):
    svg = OPEN + 'width="9" height="9"><a href="https://example.org"><rect id="r" width="3" height="3"/></a>'
    assert renderer.render((svg + '<use href="#r" x="5"/></svg>').encode(), "", 90)
