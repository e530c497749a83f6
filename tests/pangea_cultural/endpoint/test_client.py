"""The client of an endpoint: errors, image limits and concurrency. tests/serve/test_serving.py asks a real server."""

import asyncio
import base64
import contextlib
import io
import time

import orjson
import pytest
from PIL import Image

from pangea_cultural.endpoint import client
from pangea_cultural.endpoint.client import Endpoint, model_name
from pangea_cultural.endpoint.completion import MAX_ANSWER_CHARACTERS, Answer
from pangea_cultural.endpoint.concurrency import gather
from pangea_cultural.endpoint.failures import CONNECTION, KeyRefusedError, NoAnswerError
from pangea_cultural.endpoint.messages import MAX_IMAGE_BYTES, data_url, question
from pangea_cultural.endpoint.pauses import JITTER, MOST_PAUSES, PAUSE_S
from pangea_cultural.endpoint.usage import Usage
from pangea_cultural.errors import UserError
from pangea_cultural.utils.images import FORMATS, decode
from pangea_cultural.utils.pixels import ORIENTATION, to_rgb
from tests.helpers.fast_clock import fast_clock
from tests.helpers.servers.scripted_endpoint import CUT, HANG, RESET, ScriptedEndpoint, completion

UNREACHABLE = "http://127.0.0.1:9/v1"


def test_unreachable_endpoint_error_names_the_serve_command():
    async def ask():
        async with Endpoint(UNREACHABLE, timeout_s=2) as endpoint:
            await endpoint.answer(None, "Hello")

    with pytest.raises(UserError, match="pcult serve"):
        asyncio.run(ask())
    with pytest.raises(UserError, match="pcult serve"):
        model_name(UNREACHABLE)


def test_endpoint_that_is_still_starting_is_waited_for(monkeypatch):
    asked = []

    async def model(self):
        asked.append(self.url)
        if len(asked) < 3:
            raise NoAnswerError(CONNECTION, "no connection")
        return "m"

    monkeypatch.setattr(Endpoint, "model", model)
    monkeypatch.setattr(client, "START_PAUSE_S", 0.01)
    with pytest.raises(UserError, match="no connection"):
        model_name(UNREACHABLE)
    assert model_name(UNREACHABLE, wait_s=60) == "m" and len(asked) == 3


def test_refused_key_is_not_waited_for():
    with ScriptedEndpoint(lambda body, number: "", key="right", models=["m"]) as server, pytest.raises(KeyRefusedError):
        model_name(server.url, "wrong", wait_s=600)


def test_too_large_image_is_rejected():
    with pytest.raises(UserError, match="Make it smaller"):
        data_url(b"x" * (MAX_IMAGE_BYTES + 1))


def test_question_has_the_image_before_the_text(tmp_path):
    Image.new("RGB", (4, 2), "red").save(tmp_path / "a", "JPEG")
    image, text = question(tmp_path / "a", "What is this?")["content"]
    content = base64.b64encode((tmp_path / "a").read_bytes()).decode()
    assert image["image_url"]["url"] == f"data:image/jpeg;base64,{content}"
    assert text["text"] == "What is this?"
    assert question(None, "Hello") == {"role": "user", "content": "Hello"}


def sent(image):
    """Return the media type and the content of a data URL."""
    head, _, content = data_url(image).partition(";base64,")
    return head.removeprefix("data:"), base64.b64decode(content)


def encoded(image, format_, **options):
    stream = io.BytesIO()
    image.save(stream, format_, **options)
    return stream.getvalue()


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP", "GIF"])
def test_file_with_plain_pixels_is_sent_unchanged(format_):
    content = encoded(Image.new("RGB", (4, 2), "red"), format_)
    assert sent(content) == (f"image/{format_.lower()}", content)


def test_pixels_are_those_of_training_whatever_the_server_makes_of_a_file():
    colors = Image.new("RGBA", (4, 2), (255, 0, 0, 0))
    colors.putpixel((0, 0), (0, 0, 255, 255))
    turned = Image.Exif()
    turned[ORIENTATION] = 6
    files = [
        encoded(colors, "PNG"),
        encoded(colors.convert("RGB"), "JPEG", exif=turned),
        encoded(colors.convert("RGB"), "TIFF"),
        encoded(Image.new("I;16", (4, 2), 40_000), "PNG"),
    ]
    for content in files:
        media_type, png = sent(content)
        assert media_type == "image/png"
        assert decode(png, ("PNG",), list_pixels) == decode(content, FORMATS, list_pixels)


def list_pixels(image):
    rgb = to_rgb(image)
    return rgb.size, rgb.tobytes()


def test_opened_image_is_sent_as_png():
    image = Image.new("RGBA", (4, 2), (255, 0, 0, 0))
    media_type, png = sent(image)
    assert media_type == "image/png" and decode(png, ("PNG",), list_pixels) == list_pixels(image)


def test_what_is_no_image_is_left_to_the_server():
    assert sent(b"text") == ("application/octet-stream", b"text")


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


def reply(server, **options):
    async def ask():
        async with Endpoint(server.url, **options) as endpoint:
            return await endpoint.reply(question(None, "Who?"), max_tokens=4)

    return asyncio.run(ask())


def body(**message):
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": None} | message}
    return orjson.dumps({"object": "chat.completion", "choices": [choice]})


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("Peru", Answer("Peru")),
        (body(), Answer("", "empty")),
        (" \n", Answer(" \n", "empty")),
        (completion("The country is", "length"), Answer("The country is", "truncated")),
        (completion("", "content_filter"), Answer("", "refused")),
        (body(refusal="I cannot say."), Answer("", "refused")),
        (body(content="Ja?pan").replace(b"?", b"\\ud800"), Answer("Ja\ufffdpan")),
        (body(content="?").replace(b"?", b"\\ud83d\\ude00"), Answer("\U0001f600")),
        (body(content=[{"type": "text", "text": "Pe"}, {"type": "text", "text": "ru"}]), Answer("Peru")),
        ("A" * 300_000, Answer("A" * MAX_ANSWER_CHARACTERS, "truncated")),
    ],
    ids=["text", "null", "blank", "truncated", "filtered", "refused", "lone surrogate", "emoji", "parts", "too long"],
)
def test_answer_says_how_it_ended(sent, expected):
    with ScriptedEndpoint(lambda body, number: sent, models=["m"]) as server:
        assert reply(server)[:2] == expected[:2]


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        (b'{"object": "chat.completion", "choices": []}', "no chat completion"),
        (b'{"error": {"message": "overloaded"}}', "no chat completion"),
        (b'{"choices": [{"message": null}]}', "no chat completion"),
        (body(content=5), "no chat completion"),
        (body(content=[{"type": "image"}]), "no chat completion"),
        (b"{not json", "no chat completion"),
        (b'"text"', "no chat completion"),
        (400, "status 400"),
        (500, "status 500"),
        (RESET, "connection"),
        (HANG, "timeout"),
    ],
    ids=[
        "no choices",
        "error",
        "no message",
        "a number",
        "no texts",
        "no JSON",
        "a text",
        "400",
        "500",
        "reset",
        "hang",
    ],
)
def test_failed_request_is_no_answer_and_has_a_kind(sent, kind, monkeypatch):
    monkeypatch.setattr(client, "RETRIES", 0)
    with ScriptedEndpoint(lambda body, number: sent, models=["m"]) as server, pytest.raises(NoAnswerError) as error:
        reply(server, timeout_s=0.3)
    assert error.value.kind == kind
    assert "\n" not in str(error.value) and server.url in str(error.value)


def test_busy_endpoint_is_asked_again_after_the_pause_that_it_wants():
    script = lambda body, number: (429, {"Retry-After": "7"}) if number <= 4 else "Peru"  # noqa: E731
    with ScriptedEndpoint(script, models=["m"]) as server, fast_clock() as waits:
        assert reply(server).text == "Peru"
    pauses = [wait for wait in waits if wait >= 1]
    assert len(server.bodies) == 5 and len(pauses) == 4
    assert all(7 <= pause <= 7 * (1 + JITTER) for pause in pauses) and len(set(pauses)) == 4


def test_passing_failures_are_retried_with_pauses_that_differ():
    script = lambda body, number: [503, RESET, "Peru"][number - 1]  # noqa: E731
    with ScriptedEndpoint(script, models=["m"]) as server, fast_clock() as waits:
        assert reply(server).text == "Peru"
    pauses = [wait for wait in waits if wait >= PAUSE_S]
    assert len(pauses) == 2 and 0.5 < pauses[0] <= 0.5 * (1 + JITTER) < 1 < pauses[1] <= 1 + JITTER


def test_rejected_request_is_not_retried():
    with ScriptedEndpoint(lambda body, number: 400, models=["m"]) as server, pytest.raises(NoAnswerError):
        reply(server)
    assert len(server.bodies) == 1


def test_redirect_is_a_failure_because_the_key_is_not_for_another_host():
    moved = (307, {"Location": "http://127.0.0.1:9/v1/chat/completions"})
    with ScriptedEndpoint(lambda body, number: moved, models=["m"]) as server, pytest.raises(NoAnswerError) as error:
        reply(server, api_key="secret")
    assert error.value.kind == "status 307" and "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [(b'{"prompt_tokens": 9, "completion_tokens": 2}', (9, 2)), (b'{"prompt_tokens": "9"}', (0, 0)), (b"null", (0, 0))],
)
def test_requests_and_stated_tokens_are_counted(stated, expected):
    sent = completion("Peru")[:-1] + b', "usage": ' + stated + b"}"

    async def ask():
        async with Endpoint(server.url, model="m") as endpoint:
            await endpoint.answer(None, "Who?")
            return endpoint.usage

    with ScriptedEndpoint(lambda body, number: sent, models=["m"]) as server:
        assert asyncio.run(ask()) == Usage(1, *expected)


def test_endpoint_that_stays_busy_is_given_up():
    with (
        ScriptedEndpoint(lambda body, number: 429, models=["m"]) as server,
        fast_clock(),
        pytest.raises(NoAnswerError) as error,
    ):
        reply(server)
    assert error.value.kind == "status 429" and len(server.bodies) == MOST_PAUSES + 1


@pytest.mark.parametrize(
    ("address", "message"),
    [("/v1/", None), ("", r"has no list of models\. Check the URL, which usually ends in /v1"), ("/v2", "no list of")],
)
def test_url_without_v1_is_said_and_a_slash_is_accepted(address, message):
    with ScriptedEndpoint(lambda body, number: "Peru", models=["m"]) as server:
        url = server.url.removesuffix("/v1") + address
        if message is None:
            assert model_name(url) == "m"
        else:
            with pytest.raises(UserError, match=message):
                model_name(url)


def test_page_instead_of_a_list_of_models_is_one_line():
    message = "does not answer as an OpenAI-compatible API"
    with (
        ScriptedEndpoint(lambda body, number: "", models="<html>It works</html>") as server,
        pytest.raises(UserError, match=message),
    ):
        model_name(server.url)


def test_request_that_waits_for_a_failed_one_leaves_no_warning(recwarn):
    async def ask():
        async with Endpoint("http://127.0.0.1:9/v1", model="m", timeout_s=2) as endpoint:
            await gather(lambda item: endpoint.reply(question(None, "Who?")), range(200), concurrency=200)

    with pytest.raises(NoAnswerError):
        asyncio.run(ask())
    assert [str(warning.message) for warning in recwarn if "never awaited" in str(warning.message)] == []


def event(content):
    return f"data: {orjson.dumps({'choices': [{'index': 0, 'delta': {'content': content}}]}).decode()}\n\n".encode()


@pytest.mark.parametrize(
    ("end", "message"),
    [
        (b'data: {"error": {"message": "EngineCore died", "code": 500}}\n\n', "EngineCore died|does not answer as"),
        (b"data: {not json\n\n", "was interrupted"),
        (CUT, "was interrupted|No answer from"),
    ],
    ids=["error event", "no JSON", "cut"],
)
def test_stream_that_breaks_is_one_line_after_its_pieces(end, message):
    pieces = []

    async def ask(url):
        async with Endpoint(url) as endpoint:
            async for piece in endpoint.stream(None, "Who?"):
                pieces.append(piece)

    parts = [event("Ja"), event("pan"), end]
    with (
        ScriptedEndpoint(lambda body, number: parts, models=["m"]) as server,
        pytest.raises(UserError, match=message) as error,
    ):
        asyncio.run(ask(server.url))
    assert pieces == ["Ja", "pan"] and "\n" not in str(error.value)


def test_slow_stream_has_no_limit_of_its_whole_time_but_one_of_its_silence():
    """A part comes every 0.05 seconds."""
    steady = [event("a")] * 10 + [b"data: [DONE]\n\n"]
    with ScriptedEndpoint(lambda body, number: steady if number == 1 else [event("a"), HANG], models=["m"]) as server:

        async def ask():
            async with Endpoint(server.url, timeout_s=0.3) as endpoint:
                assert [piece async for piece in endpoint.stream(None, "Who?")] == ["a"] * 10
                async for _ in endpoint.stream(None, "Who?"):
                    pass

        with pytest.raises(NoAnswerError) as error:
            asyncio.run(ask())
    assert error.value.kind == "timeout"


@pytest.mark.parametrize(
    "script", [[event("a")] * 9, [b": no news\n\n"] * 20, 500], ids=["pieces", "comments", "error"]
)
def test_stream_without_an_end_is_cut_off(script, monkeypatch):
    monkeypatch.setattr("pangea_cultural.endpoint.transport.MAX_RESPONSE_BYTES", 15 if script == 500 else 200)

    async def ask(url):
        async with Endpoint(url, model="m") as endpoint:
            async for _ in endpoint.stream(None, "Who?"):
                pass

    with ScriptedEndpoint(lambda body, number: script) as server, pytest.raises(NoAnswerError, match="has no end"):
        asyncio.run(ask(server.url))


def test_stream_that_is_left_stops_the_server():
    async def ask():
        async with Endpoint(server.url) as endpoint:
            async with contextlib.aclosing(endpoint.stream(None, "Who?")) as pieces:
                assert await anext(pieces) == "a"
            await asyncio.sleep(0.3)
            assert server.running == 0

    with ScriptedEndpoint(lambda body, number: [event("a")] * 1000, models=["m"]) as server:
        asyncio.run(ask())


def test_requests_sent_beside_a_failed_one_end_with_the_client():
    calls = []

    def tokenize(body):
        calls.append(body)
        if len(calls) > 1:
            time.sleep(0.1)  # the others are under way when the first one fails
        return {}

    async def ask(url):
        async with Endpoint(url, model="m") as endpoint:
            with pytest.raises(UserError):
                await endpoint.choose(None, "which?", ["a", "b", "c"])
        await asyncio.sleep(1.5)
        return endpoint._transport._session

    with ScriptedEndpoint(lambda body, number: "x", tokenize=tokenize) as server:
        assert asyncio.run(ask(server.url)) is None, "no connection is opened again"
