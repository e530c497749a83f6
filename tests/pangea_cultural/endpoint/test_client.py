"""The client of an endpoint: errors, image limits and concurrency. tests/serve/test_serving.py asks a real server."""

import asyncio

import pytest

from pangea_cultural.endpoint.client import MAX_IMAGE_BYTES, Endpoint, data_url, gather, model_name, question
from pangea_cultural.errors import UserError

UNREACHABLE = "http://127.0.0.1:9/v1"


def test_unreachable_endpoint_error_names_the_serve_command():
    async def ask():
        async with Endpoint(UNREACHABLE, timeout_s=2) as endpoint:
            await endpoint.answer(None, "Hello")

    with pytest.raises(UserError, match="pcult serve"):
        asyncio.run(ask())
    with pytest.raises(UserError, match="pcult serve"):
        model_name(UNREACHABLE)


def test_too_large_image_is_rejected():
    with pytest.raises(UserError, match="Make it smaller"):
        data_url(b"x" * (MAX_IMAGE_BYTES + 1))


def test_question_has_the_image_before_the_text(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"jpeg")
    image, text = question(tmp_path / "a.jpg", "What is this?")["content"]
    assert image["image_url"]["url"] == "data:image/jpeg;base64,anBlZw=="
    assert text["text"] == "What is this?"
    assert question(None, "Hello") == {"role": "user", "content": "Hello"}


def test_gather_bounds_concurrency_and_keeps_the_order():
    running, peak, finished = 0, 0, 0

    async def work(item):
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await asyncio.sleep(0.002 * (5 - item % 5))
        running -= 1
        return 2 * item

    def done():
        nonlocal finished
        finished += 1

    assert asyncio.run(gather(work, range(20), concurrency=3, done=done)) == [2 * n for n in range(20)]
    assert (peak, finished) == (3, 20)
