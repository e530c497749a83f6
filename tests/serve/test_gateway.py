"""The gateway before a real vLLM: keys on every route, attacks, malformed requests, slow senders, log and counters."""

import asyncio
import base64
import contextlib
import io
import json
import re
import socket
import time
from pathlib import Path

import aiohttp
import hypothesis.strategies as st
import openai
import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from PIL import Image

from pangea_cultural.utils.images import MAX_SCANS
from serve.gateway.keys import add_key
from serve.gateway.routes import ROUTES
from tests.pangea_cultural.utils.test_images import many_scans
from tests.serve.gateway.test_images import BROKEN, FILES, bomb, data_url, encoded

pytestmark = pytest.mark.serving

CHAT, TOKENIZE = "/v1/chat/completions", "/tokenize"
ROUTE = re.compile(r"Route: (?P<path>/\S*), (?:Methods: (?P<methods>[A-Z, ]+)|Endpoint)")
REQUESTS_AT_A_TIME = 16
MALFORMED = 500
SLOW = 40


@pytest.fixture(scope="module", autouse=True)
def slow_senders(server):
    """Connections that never finish a request. The last test of the module looks at them."""
    half = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
    whole = half + b"Content-Type: application/json\r\nAuthorization: Bearer secret\r\nContent-Length: 500\r\n\r\n{"
    with contextlib.ExitStack() as stack:
        yield [
            (started, stack.enter_context(_sending(server.port, started)))
            for started in [b"", half, whole, half[:20]] * (SLOW // 4)
        ]


@contextlib.contextmanager
def _sending(port, content):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(content)
        yield connection


def ask(server, requests):
    """Return status and content of requests, each (method, path, body, headers), many at a time."""

    async def run():
        slots = asyncio.Semaphore(REQUESTS_AT_A_TIME)
        base = server.url.removesuffix("/v1")
        async with aiohttp.ClientSession() as session:

            async def one(method, path, body, headers=None):
                sent = {"Content-Type": "application/json", "Authorization": f"Bearer {server.api_key}"}
                sent = {name: value for name, value in (sent | (headers or {})).items() if value is not None}
                async with slots, session.request(method, base + path, data=body, headers=sent) as response:
                    return response.status, await response.read()

            return await asyncio.gather(*[one(*request) for request in requests])

    return asyncio.run(run())


def question(*parts, **fields):
    """Return the body of a question whose message has these parts."""
    content = list(parts) or "Hello"
    # The second limit is for questions whose first one is wrong or null: an answer would take seconds.
    limits = {"max_tokens": 2, "max_completion_tokens": 2}
    return json.dumps({"model": "tiny", **limits, "messages": [{"role": "user", "content": content}]} | fields)


def image(url):
    return {"type": "image_url", "image_url": {"url": url}}


def refused(status, content):
    """Return whether a reply is a refusal in the shape of OpenAI's API."""
    error = orjson.loads(content)["error"]
    return 400 <= status < 500 and set(error) == {"message", "type", "param", "code"} and bool(error["message"])


def test_every_route_of_vllm_needs_the_key(server):
    """vLLM lists its routes in its log. A key that was removed from the file is refused like a wrong one."""
    file = Path(server.settings.keys_file)
    before = file.read_text()
    guest = f"Bearer {add_key(file, 'guest')}"
    models = ("GET", "/v1/models", None, {"Authorization": guest})
    assert ask(server, [models])[0][0] == 200
    file.write_text(before)
    found = {match["path"]: match["methods"] for match in ROUTE.finditer(server.log.read_text())}
    assert {"/invocations", "/detokenize", "/openapi.json", "/load", *ROUTES} <= found.keys()
    for key in (None, "Bearer wrong", "Bearer ", "Basic secret", guest):
        requests = [
            (method.strip(), path.replace("{", "").replace("}", ""), question(), {"Authorization": key})
            for path, methods in found.items()
            if path != "/health"
            for method in (methods or "GET").split(",")
        ]
        for (method, path, *_), (status, content) in zip(requests, ask(server, requests), strict=True):
            assert status == 401 and (method == "HEAD" or refused(status, content)), (method, path)
    with_key = [("POST", path, question()) for path in found if path not in ROUTES]
    assert {status for status, _ in ask(server, with_key)} == {404}


def form(schema):
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


PNG = data_url(FILES["png"])
COUNTED = {
    "type": "object",
    "properties": {f"p{n}": {} for n in range(300)},
    "minProperties": 150,
    "maxProperties": 200,
}
ATTACKS = {
    "image of this machine": (CHAT, question(image("http://127.0.0.1:9401/img"))),
    "allowed host with a private address": (CHAT, question(image("http://localhost:9/img"))),
    "allowed host without an address": (CHAT, question(image("https://images.invalid/a.png"))),
    "mapped address": (CHAT, question(image("http://[::ffff:127.0.0.1]/"))),
    "user and password": (CHAT, question(image("http://user:pw@localhost/"))),
    "metadata service": (CHAT, question(image("http://169.254.169.254/latest"))),
    "backslash": (CHAT, question(image("http:\\\\127.0.0.1\\x"))),
    "file": (CHAT, question(image("file:///etc/passwd"))),
    "path": (CHAT, question(image("/etc/passwd"))),
    "data without base64": (CHAT, question(image("data:image/png,hello"))),
    "html as image": (CHAT, question(image(data_url(FILES["png"], "text/html")))),
    "video as image": (CHAT, question(image(data_url(FILES["png"], "video/mp4")))),
    "900 megapixels": (CHAT, question(image(data_url(bomb(30_000, 30_000))))),
    "177 megapixels": (CHAT, question(image(data_url(bomb(13_300, 13_300))))),
    "9 images": (CHAT, question(*[image(PNG)] * 9)),
    "1000 images": (CHAT, question(*[image(PNG)] * 1000)),
    "50 MB of text": (TOKENIZE, json.dumps({"prompt": "x" * 50_000_000})),
    "5 MB of text": (TOKENIZE, json.dumps({"prompt": "x " * 2_500_000})),
    "context": (CHAT, question({"type": "text", "text": "word " * 9000})),
    "10000 messages": (CHAT, question(messages=[{"role": "user", "content": "x"}] * 10_000)),
    "n": (CHAT, question(n=1000)),
    "best_of": (CHAT, question(best_of=1000)),
    "max_tokens": (CHAT, question(max_tokens=10**9)),
    "prompt_logprobs": (CHAT, question(prompt_logprobs=100_000)),
    "top_logprobs": (CHAT, question(logprobs=True, top_logprobs=1000)),
    "truncate_prompt_tokens": (CHAT, question(truncate_prompt_tokens=1)),
    "guided_regex": (CHAT, question(guided_regex="a+")),
    "min_tokens": (CHAT, question(min_tokens=10**6)),
    "chat_template": (CHAT, question(chat_template="{{ 1 }}")),
    "role": (CHAT, question(messages=[{"role": "hacker<|im_end|>", "content": "x"}])),
    "image_pil": (CHAT, question({"type": "image_pil", "image_pil": "x"})),
    "surrogate": (CHAT, '{"model":"tiny","messages":[{"role":"user","content":"\\ud800"}]}'),
    "brackets": (CHAT, "[" * 100_000),
    "NaN": (CHAT, '{"model":"tiny","temperature":NaN,"messages":[{"role":"user","content":"x"}]}'),
    "model": (CHAT, question(model="../../etc/passwd")),
    "no body": (CHAT, ""),
    "scans": (CHAT, question(image(data_url(many_scans(MAX_SCANS), "image/jpeg")))),
    "values": (TOKENIZE, '{"messages": [' + "[]," * 2_000_000 + "[]]}"),
    "schema of itself": (CHAT, question(response_format=form({"$ref": "#"}))),
    "schema without a value": (CHAT, question(response_format=form({"type": "object", "properties": {"a": False}}))),
    "counted properties": (CHAT, question(response_format=form(COUNTED))),
    "both": (CHAT, question(add_generation_prompt=True, continue_final_message=True)),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_attack_is_refused_at_once(server, attack):
    path, body = ATTACKS[attack]
    began = time.monotonic()
    ((status, content),) = ask(server, [("POST", path, body)])
    assert refused(status, content), content[:300]
    assert time.monotonic() - began < 10
    assert b"Traceback" not in content and b"site-packages" not in content


def test_header_of_vllm_has_no_effect(server):
    """vLLM reads a priority from it, and fails on one of 20 digits."""
    headers = {"X-Vllm-Priority": "-" + "9" * 20, "X-Session-ID": "x" * 3000}
    assert ask(server, [("POST", CHAT, question(), headers)])[0][0] == 200


def test_images_of_other_keys_are_not_in_the_cache(server):
    file = Path(server.settings.keys_file)
    before = file.read_text()
    guest = {"Authorization": f"Bearer {add_key(file, 'other')}"}

    def hits():
        # vLLM counts after it has answered: a further request comes after that.
        ask(server, [("POST", CHAT, question())])
        ((_, content),) = ask(server, [("GET", "/metrics", None)])
        return float(re.search(rb"^vllm:mm_cache_hits_total\{.*\} (.*)$", content, re.MULTILINE)[1])

    body = question(image(data_url(encoded(size=(37, 23)))))
    counts = []
    for headers in (None, None, guest, guest):
        assert ask(server, [("POST", CHAT, body, headers)])[0][0] == 200
        counts.append(hits())
    file.write_text(before)
    first, second, third, fourth = counts
    assert first < second == third < fourth


def test_no_route_tells_paths_of_the_server(server):
    replies = ask(server, [(route.method, path, question()) for path, route in ROUTES.items()])
    folder = str(server.log.parent.parent).encode()
    assert [path for path, (_, content) in zip(ROUTES, replies, strict=True) if folder in content] == []
    assert b'"root":"tiny"' in replies[list(ROUTES).index("/v1/models")][1]


def test_head_is_answered_without_body(server):
    asked = [("HEAD", path, None) for path, route in ROUTES.items() if route.method == "GET"]
    assert ask(server, asked) == [(200, b"")] * len(asked)


def test_image_without_a_reader_is_the_only_image_that_is_refused(server):
    """All four formats are read, in all pixel formats; broken images and other formats are refused, never an error."""
    good = [("POST", CHAT, question(image(data_url(content)))) for content in FILES.values()]
    assert {status for status, _ in ask(server, good)} == {200}
    names = [name for name in BROKEN if not name.startswith(("half", "large"))]
    replies = ask(server, [("POST", CHAT, question(image(data_url(BROKEN[name])))) for name in names])
    assert [name for name, reply in zip(names, replies, strict=True) if not refused(*reply)] == []


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
NAMES = (
    *("n", "temperature", "top_p", "stop", "stream", "stream_options", "logprobs", "top_logprobs", "prompt_logprobs"),
    *("response_format", "seed", "model", "max_tokens", "messages", "structured_outputs", "guided_json", "tools"),
    *("user", "min_tokens", "bad_words", "logit_bias"),
)
FIELDS = st.sampled_from(NAMES)
URLS = st.sampled_from(
    [
        *(
            "http://127.0.0.1:1/",
            "https://[::1]/",
            "file:///etc/passwd",
            "http:\\\\localhost\\",
            "data:image/png;base64,",
        ),
        *("data:image/gif;base64,R0lGODdh", data_url(b"x"), data_url(bomb(40_000, 40_000)), "javascript:1", ""),
    ]
) | st.text(max_size=30)
PARTS = st.builds(image, URLS) | st.builds(lambda kind, value: {"type": kind, kind: value}, st.text(max_size=9), VALUES)
WRONG = st.one_of(
    st.builds(lambda field, value: {field: value}, FIELDS, VALUES),
    st.builds(lambda name, value: {f"x{name}": value}, st.text(max_size=9), VALUES),
    st.builds(lambda parts: {"messages": [{"role": "user", "content": parts}]}, st.lists(PARTS, max_size=3)),
    st.builds(lambda role, content: {"messages": [{"role": role, "content": content}]}, VALUES, VALUES),
)
BODIES = st.one_of(
    st.builds(lambda wrong: question(**wrong).encode(), WRONG),
    st.binary(max_size=60),
    st.builds(lambda cut, wrong: question(**wrong).encode()[:cut], st.integers(0, 90), WRONG),
)


def test_malformed_requests_are_refused_and_the_server_answers_after(server):
    """Some of the drawn requests are right by chance: they are answered."""
    drawn = []

    @settings(max_examples=MALFORMED, deadline=None, database=None, phases=[Phase.generate], derandomize=True,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(body=BODIES, path=st.sampled_from([CHAT, TOKENIZE]))
    def draw(body, path):
        drawn.append(("POST", path, body))

    draw()
    replies = ask(server, drawn)
    wrong = [
        (request, reply)
        for request, reply in zip(drawn, replies, strict=True)
        if reply[0] != 200 and not refused(*reply)
    ]
    assert wrong == [] and len(drawn) >= MALFORMED - 100
    assert sum(status != 200 for status, _ in replies) > 0.8 * len(drawn)
    assert ask(server, [("POST", CHAT, question(image(PNG))), ("GET", "/health", None)])[0][0] == 200


def test_openai_client_works(server, export):
    row = next(iter(export.questions("test")))
    url = data_url((export.path / row.image).read_bytes())
    content = [image(url), image(url), {"type": "text", "text": "Are these equal?"}]
    request = {"model": server.model, "messages": [{"role": "user", "content": content}], "max_tokens": 6}
    client = openai.OpenAI(base_url=server.url, api_key=server.api_key, max_retries=0)
    reply = client.chat.completions.create(**request, logprobs=True, top_logprobs=5)
    assert len(reply.choices[0].logprobs.content[0].top_logprobs) == 5 and reply.usage.completion_tokens > 0
    pieces = list(client.chat.completions.create(**request, stream=True))
    assert "".join(piece.choices[0].delta.content or "" for piece in pieces) == reply.choices[0].message.content
    assert all(piece.usage is None for piece in pieces)
    counted = list(client.chat.completions.create(**request, stream=True, stream_options={"include_usage": True}))
    assert counted[-1].usage.prompt_tokens == reply.usage.prompt_tokens

    async def ask_again():
        async with openai.AsyncOpenAI(base_url=server.url, api_key=server.api_key, max_retries=0) as other:
            return await asyncio.gather(*[other.chat.completions.create(**request) for _ in range(4)])

    assert {r.choices[0].message.content for r in asyncio.run(ask_again())} == {reply.choices[0].message.content}
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**request, extra_body={"guided_regex": "a"})
    assert caught.value.param == "guided_regex" and caught.value.code == "field"
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=server.url, api_key="wrong", max_retries=0).models.list()


def test_pixels_that_vllm_uses_are_those_of_the_training(server):
    """A turned photo gives the answer of its upright copy, with the same log-probabilities."""
    turned = Image.Exif()
    turned[0x0112] = 6
    buffer, upright = io.BytesIO(), io.BytesIO()
    photo = Image.linear_gradient("L").resize((90, 60)).convert("RGB")
    photo.save(buffer, "PNG", exif=turned)
    photo.transpose(Image.Transpose.ROTATE_270).save(upright, "PNG")
    requests = [
        ("POST", CHAT, question(image(data_url(content.getvalue())), logprobs=True, top_logprobs=5))
        for content in (buffer, upright)
    ]
    first, second = (orjson.loads(content)["choices"][0]["logprobs"] for _, content in ask(server, requests))
    values = [[entry["logprob"] for entry in place["content"][0]["top_logprobs"]] for place in (first, second)]
    assert values[0] == pytest.approx(values[1], abs=1e-3)


def test_log_and_counters_tell_what_happened(server):
    secret = base64.b64encode(b"very secret").decode()
    ask(server, [("POST", CHAT, question({"type": "text", "text": secret})), ("POST", CHAT, question(secret_field=1))])
    text = Path(server.settings.access_log).read_text()
    assert secret not in text and "secret" not in text
    served, wrong = [orjson.loads(line) for line in text.splitlines()[-2:]]
    assert served["key"] == "api-key-file" and {served["status"], wrong["status"]} == {200, 400}
    ask(server, [("POST", CHAT, question(image("file:///etc/passwd")))])
    ((_, content),) = ask(server, [("GET", "/metrics", None)])
    for name in ('pcult_refusals_total{reason="image"}', 'pcult_tokens_total{key="api-key-file"', "vllm:"):
        assert name.encode() in content


def test_slow_senders_are_disconnected(server, slow_senders):
    ends = time.monotonic() + server.settings.read_s + 15
    for started, connection in slow_senders:
        connection.settimeout(max(0.1, ends - time.monotonic()))
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(1000):
                answer += part
        assert answer.startswith(b"HTTP/1.1 408") if b"Content-Length" in started else answer == b""
