"""The gateway: keys, routes, sizes, times and errors, in front of an application in this process."""

import asyncio
import hashlib
import os
import re
import types

import orjson
import pytest
from prometheus_client import REGISTRY, exposition
from prometheus_client.openmetrics import exposition as openmetrics

from serve.gateway.guard import Gateway
from serve.gateway.images.budget import CURRENT
from serve.gateway.keys import digest_of
from serve.gateway.metrics import TOKENS
from serve.gateway.settings import Settings
from tests.serve.gateway.asgi import KEY, Inner, asked, call, chat, guarded

CHAT, TOKENIZE = "/v1/chat/completions", "/tokenize"
ROUTES = [
    ("POST", "/v1/chat/completions"),
    ("POST", "/tokenize"),
    ("GET", "/v1/models"),
    ("GET", "/version"),
    ("GET", "/metrics"),
]
UNSERVED = [
    *("/invocations", "/generative_scoring", "/detokenize", "/scale_elastic_ep", "/load", "/docs", "/openapi.json"),
    *("/redoc", "/kv_event_sources", "/ping", "/v1/completions", "/v1/responses", "/v1/messages", "/", "//v1/models"),
    *("/v1/models/", "/V1/models", "/v1/./models", "/v1%2fmodels", "/health/../invocations"),
]


def run(app, *arguments, **options):
    return asyncio.run(call(app, *arguments, **options))


def refusals(reason):
    return REGISTRY.get_sample_value("pcult_refusals_total", {"reason": reason}) or 0


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_listed_route_needs_the_key(method, path):
    inner = Inner()
    app = guarded(inner)
    body = chat() if method == "POST" else b""
    for key in (None, "wrong", "", KEY + "x"):
        reply = run(app, method, path, body=body, key=key)
        assert reply.status == 401 and reply.headers["www-authenticate"] == "Bearer"
        assert reply.error["code"] == "key"
    for header in (f"Basic {KEY}", KEY, "Bearer", "Bearer \xff\xfe"):
        assert run(app, method, path, body=body, headers={"authorization": header}).status == 401
    assert inner.scopes == []
    assert run(app, method, path, body=body).status == 200


@pytest.mark.parametrize("path", UNSERVED)
def test_other_route_is_neither_told_nor_served(path):
    inner = Inner()
    for method in ("GET", "POST", "OPTIONS"):
        assert run(guarded(inner), method, path, key=None).status == 401
        reply = run(guarded(inner), method, path)
        assert reply.status == 404 and reply.error["code"] == "route"
        assert run(Gateway(inner, Settings()), method, path, key=None).status == 404
    assert inner.scopes == []


def test_wrong_method_is_refused_with_the_right_one():
    reply = run(guarded(), "GET", "/v1/chat/completions")
    assert reply.status == 405 and reply.headers["allow"] == "POST" and reply.error
    for method, path, allowed in (("HEAD", CHAT, "POST"), ("POST", "/health", "GET, HEAD")):
        reply = run(guarded(), method, path)
        assert reply.status == 405 and reply.headers["allow"] == allowed


@pytest.mark.parametrize("path", ["/health", "/version", "/v1/models", "/metrics"])
def test_head_is_answered_as_get_without_body(path, tmp_path):
    """Load balancers ask so. vLLM would answer 405."""

    async def listed(body):
        return 200, b"application/json", [b'{"data":[{"id":"tiny",', b'"root":"/home"}]}']

    inner, log = Inner(listed), tmp_path / "access.jsonl"
    app = guarded(inner, access_log=str(log))
    got, asked = run(app, "GET", path), run(app, "HEAD", path)
    assert asked.status == 200 and got.content and not asked.content
    assert {scope["method"] for scope in inner.scopes} == {"GET"}
    assert asked.headers | {"x-request-id": ""} == got.headers | {"x-request-id": ""}
    refused = run(app, "HEAD", path, key=None)
    assert (refused.status, refused.content) == ((200 if path == "/health" else 401), b"")
    assert [orjson.loads(line)["status"] for line in log.read_text().splitlines()] == [200, 200, refused.status]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *((name, 200) for name in ("localhost", "LOCALHOST:8000", "127.0.0.1:8000", "[::1]:8000", "192.0.2.1", "")),
        *(
            (name, 421)
            for name in ("evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil", "[x")
        ),
    ],
)
def test_page_that_rebinds_its_name_gets_no_answer_without_keys(host, status):
    reply = run(Gateway(Inner(), Settings()), body=chat(), key=None, headers={"host": host})
    assert reply.status == status and (status == 200 or reply.error["code"] == "host")
    assert run(guarded(), body=chat(), headers={"host": host}).status == 200, "a page has no key"


def test_health_needs_no_key():
    assert run(guarded(), "GET", "/health", key=None).status == 200


def test_keys_of_a_file_follow_its_changes(tmp_path):
    file = tmp_path / "keys"
    file.write_text(f"# team\na {digest_of('first')}\nb {digest_of('second')}\n")
    app = Gateway(Inner(), Settings(keys_file=str(file)))

    def statuses():
        return [run(app, "GET", "/v1/models", key=key).status for key in ("first", "second")]

    assert statuses() == [200, 200]
    file.write_text(f"a {digest_of('first')}\n")
    assert statuses() == [200, 401]
    for broken in ("first", "a 12"):
        file.write_text(broken)
        assert statuses() == [401, 401], "a broken file has no keys"
    file.unlink()
    assert statuses() == [401, 401]
    file.write_text(f"b {digest_of('second')}\n")
    assert statuses() == [401, 200]


def test_keys_follow_a_link_to_another_file(tmp_path):
    """Kubernetes replaces a link to a folder, and tools for configuration a link to a file."""
    from serve.gateway.keys import add_key, parsed
    from serve.gateway.settings import absolute

    old, new, link = tmp_path / "old", tmp_path / "new", tmp_path / "keys"
    first = add_key(old, "a")
    link.symlink_to(old)
    app = Gateway(Inner(), Settings(keys_file=absolute(link)))
    second = add_key(link, "b")
    assert link.is_symlink() and [key.name for key in parsed(old)] == ["a", "b"]
    third = add_key(new, "c")
    assert run(app, "GET", "/v1/models", key=first).status == 200
    link.unlink()
    link.symlink_to(new)
    assert [run(app, "GET", "/v1/models", key=key).status for key in (first, second, third)] == [401, 401, 200]


def test_pipe_is_not_a_file_of_keys(tmp_path):
    """Reading it would wait for a writer, with all requests."""
    from pangea_cultural.errors import UserError
    from serve.gateway.keys import parsed

    os.mkfifo(tmp_path / "keys")
    with pytest.raises(UserError, match="cannot be read"):
        parsed(tmp_path / "keys")


def test_websocket_is_closed():
    messages = []

    async def send(message):
        messages.append(message)

    asyncio.run(guarded()({"type": "websocket", "path": "/v1/realtime"}, None, send))
    assert messages == [{"type": "websocket.close", "code": 1008}]


def test_rate_of_a_key_is_limited():
    app = guarded(rate="2/minute", key_digests=(("a", digest_of("a")), ("b", digest_of("b"))))

    async def ask():
        return [await call(app, body=chat(), key=key) for key in ("a", "a", "a", "b")]

    first, second, third, other = asyncio.run(ask())
    assert [first.status, second.status, third.status, other.status] == [200, 200, 429, 200]
    assert 1 <= int(third.headers["retry-after"]) <= 60 and third.error["type"] == "rate_limit_error"


def test_requests_at_a_time_of_a_key_are_limited():
    go = asyncio.Event()

    async def wait(body):
        await go.wait()
        return 200, b"application/json", [b"{}"]

    app = guarded(Inner(wait), concurrency=2)

    async def ask():
        running = [asyncio.create_task(call(app, body=chat())) for _ in range(2)]
        await asyncio.sleep(0.01)
        third = await call(app, body=chat())
        unlimited = await call(guarded(), "GET", "/health")
        go.set()
        return third, unlimited, *await asyncio.gather(*running), await call(app, body=chat())

    third, unlimited, *others = asyncio.run(ask())
    assert third.status == 429 and third.headers["retry-after"] == "1" and third.error["code"] == "concurrency"
    assert unlimited.status == 200 and [reply.status for reply in others] == [200, 200, 200]


@pytest.mark.parametrize("parts", [None, [b" " * 60, b" " * 60]])
def test_large_body_is_refused(parts):
    inner = Inner()
    reply = run(guarded(inner, max_body=100), body=b" " * 101, parts=parts)
    assert reply.status == 413 and reply.error and reply.headers["connection"] == "close"
    assert inner.scopes == []


def test_large_body_is_not_read(monkeypatch):
    """The header tells its length."""
    monkeypatch.setattr("serve.gateway.body.DISCARD_S", 0.05)
    reply = run(guarded(max_body=100), headers={"content-length": "9" * 30}, parts=[9999])
    assert reply.status == 413


@pytest.mark.parametrize("parts", [[0.2, chat()], [chat()[:5], 0.2, chat()[5:]]])
def test_slow_body_is_refused(parts):
    reply = run(guarded(read_s=0.05), parts=parts)
    assert reply.status == 408 and reply.headers["connection"] == "close" and reply.error["code"] == "body_time"


def test_body_that_keeps_a_rate_has_time():
    body = chat()
    parts = [item for start in range(0, len(body), 20) for item in (body[start : start + 20], 0.02)]
    assert run(guarded(read_s=0.03, bytes_per_s=500), parts=parts[:-1]).status == 200


def test_client_that_leaves_is_logged_as_such(tmp_path):
    log = tmp_path / "access.jsonl"
    assert run(guarded(access_log=str(log)), parts=[]) is None
    assert orjson.loads(log.read_bytes())["status"] == 499


@pytest.mark.parametrize("answers", [True, False])
def test_client_that_leaves_during_an_answer_is_logged_as_such(tmp_path, answers):
    """vLLM ends the answer without a word, or sends its end in vain."""
    log = tmp_path / "access.jsonl"

    async def inner(scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        if answers:
            assert (await receive())["type"] == "http.disconnect"
            await send({"type": "http.response.body", "body": b""})

    async def ask():
        await call(guarded(inner, access_log=str(log)), body=chat())

    asyncio.run(ask())
    assert orjson.loads(log.read_bytes())["status"] == 499


def test_route_below_a_root_path_is_logged(tmp_path):
    """vLLM's flag --root-path is for a proxy that does not remove the beginning of paths."""
    log = tmp_path / "access.jsonl"
    app = guarded(access_log=str(log))

    async def below(scope, receive, send):
        await app(scope | {"root_path": "/model"}, receive, send)

    assert run(below, path="/model/v1/chat/completions", body=chat()).status == 200
    assert run(below, path="/model/invocations", body=chat()).status == 404
    assert [orjson.loads(line)["route"] for line in log.read_bytes().splitlines()] == ["/v1/chat/completions", "other"]


def test_bodies_of_all_requests_share_the_memory():
    go = asyncio.Event()

    async def wait(body):
        await go.wait()
        return 200, b"application/json", [b"{}"]

    body = chat()
    app = guarded(Inner(wait), max_held=2 * len(body) + 10)

    async def ask():
        running = [asyncio.create_task(call(app, body=body)) for _ in range(2)]
        await asyncio.sleep(0.01)
        whole, parts = await call(app, body=body), await call(app, parts=[body[:9], body[9:]])
        go.set()
        return whole, parts, await asyncio.gather(*running), await call(app, body=body)

    whole, parts, others, after = asyncio.run(ask())
    for reply in (whole, parts):
        assert reply.status == 429 and reply.error["code"] == "memory" and reply.headers["retry-after"] == "1"
    assert [reply.status for reply in (*others, after)] == [200, 200, 200]


@pytest.mark.parametrize("kind", ["text/plain", "", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_only_declared_json_is_read(kind):
    assert run(guarded(), body=chat(), headers={"content-type": kind}).error["code"] == "content_type"


def test_checked_body_is_passed_on():
    """A name that JSON has twice has one value, null means absent, and the id is made here."""
    inner = Inner()
    body = b'{"messages":[{"role":"user","content":"x"}],"n":99,"n":2,"seed":null}'
    assert run(guarded(inner), body=body).status == 200
    (sent,), (scope,) = inner.bodies, inner.scopes
    assert sent["n"] == 2 and "seed" not in sent
    headers = dict(scope["headers"])
    assert headers[b"x-request-id"] != b"theirs" and int(headers[b"content-length"]) == len(orjson.dumps(sent))


def test_headers_that_are_fields_of_vllm_are_not_passed_on():
    """A client would choose the priority of its requests, and fail the server with a number of 20 digits."""
    inner = Inner()
    sent = {"x-vllm-priority": "-9", "x-session-id": "a", "endpoint-load-metrics-format": "json", "te": "trailers"}
    run(guarded(inner), body=chat(), headers=sent | {"x-data-parallel-rank": "0", "traceparent": "b"})
    (scope,) = inner.scopes
    passed = {name.decode() for name, _ in scope["headers"]}
    assert passed == {"content-type", "content-length", "x-request-id", "x-data-parallel-rank", "traceparent"}


def test_list_of_models_has_no_paths_of_the_server():
    content = b'{"object":"list","data":[{"id":"tiny","root":"/home/anna/models/tiny"},{"id":"b","root":"/home/b"}]}'

    async def listed(body):
        return 200, b"application/json", [content[:30], content[30:]]

    reply = run(guarded(Inner(listed)), "GET", "/v1/models")
    assert [model["root"] for model in orjson.loads(reply.content)["data"]] == ["tiny", "b"]
    assert int(reply.headers["content-length"]) == len(reply.content) and b"/home" not in reply.content

    async def fails(body):
        return 503, b"application/json", [b"{}"]

    assert run(guarded(Inner(fails)), "GET", "/v1/models").error["code"] == "overloaded"


def test_cache_of_a_key_is_its_own():
    inner = Inner()
    app = guarded(inner, key_digests=(("a", digest_of("a")), ("b", digest_of("b"))))
    for key in ("a", "b", "a"):
        run(app, body=chat(), key=key)
    first, second, third = (body["cache_salt"] for body in inner.bodies)
    assert first == third != second
    run(Gateway(inner, Settings()), body=chat())
    assert "cache_salt" not in inner.bodies[-1]


def test_images_of_a_key_are_its_own():
    salts = []

    async def remember(body):
        salts.append(CURRENT.get().salt)
        return 200, b"application/json", [b"{}"]

    app = guarded(Inner(remember), key_digests=(("a", digest_of("a")), ("b", digest_of("b"))))
    for key, path in (("a", CHAT), ("b", CHAT), ("a", TOKENIZE)):
        run(app, path=path, body=b'{"messages":[{"role":"user","content":"x"}]}', key=key)
    run(Gateway(Inner(remember), Settings()), body=chat(), key=None)
    first, second, third, without = salts
    assert first == third != second and first and without == ""


def test_stream_has_usage_only_for_those_who_ask(tmp_path):
    log = tmp_path / "access.jsonl"
    app = guarded(access_log=str(log))
    plain = run(app, body=chat(stream=True))
    asking = run(app, body=chat(stream=True, stream_options={"include_usage": True}))
    assert b"usage" not in plain.content and plain.content.endswith(b"data: [DONE]\n\n")
    assert b"usage" in asking.content
    lines = [orjson.loads(line) for line in log.read_bytes().splitlines()]
    assert [(line["prompt_tokens"], line["completion_tokens"]) for line in lines] == [(7, 3), (7, 3)]


@pytest.mark.parametrize(
    ("status", "content", "message"),
    [
        (401, b'{"error":"Unauthorized"}', "Unauthorized"),
        (404, b'{"detail":"Not Found"}', "Not Found"),
        (405, b'{"detail":"Method Not Allowed"}', "Method Not Allowed"),
        (422, b'{"detail":[{"loc":["body"],"msg":"x"}]}', "The server answered with status 422."),
        (400, b'{"error":{"message":"too long","type":"BadRequestError","param":"input","code":400}}', "too long"),
        (400, b"Disallowed CORS origin", "Disallowed CORS origin"),
        (500, b'{"error":{"message":"secret internals"}}', "The server failed."),
        (503, b'{"error":{"message":"queue is full"}}', "queue is full"),
        (503, b"", "The server accepts no further requests now"),
    ],
)
def test_errors_of_the_server_have_one_shape(status, content, message):
    async def fail(body):
        return status, b"text/plain", [content[:9], content[9:]]

    reply = run(guarded(Inner(fail)), body=chat())
    assert reply.status == status and reply.error["message"].startswith(message)
    assert b"secret" not in reply.content and int(reply.headers["content-length"]) == len(reply.content)


def test_exception_of_the_server_has_the_shape_of_an_error():
    async def fail(body):
        raise ValueError("secret internals")

    reply = run(guarded(Inner(fail)), body=chat())
    assert reply.status == 500 and b"secret" not in reply.content and reply.error["type"] == "server_error"


def test_new_requests_are_refused_while_the_server_ends():
    """vLLM calls its engine's function at the end, which waits for running requests."""
    ended = []
    engine = types.SimpleNamespace(shutdown=lambda timeout: ended.append(timeout))
    server = types.SimpleNamespace(config=types.SimpleNamespace(http_protocol_class=object))
    state = types.SimpleNamespace(engine_client=engine, server=server)
    go = asyncio.Event()

    async def wait(body):
        await go.wait()
        return 200, b"application/json", [b"{}"]

    async def inner(scope, receive, send):
        if scope["type"] == "http":
            await Inner(wait)(scope, receive, send)

    async def ask():
        app = guarded(inner)
        await app({"type": "lifespan", "app": types.SimpleNamespace(state=state)}, None, None)
        running = asyncio.create_task(call(app, body=chat()))
        await asyncio.sleep(0.01)
        engine.shutdown(timeout=3)
        refused = [await call(app, body=chat()), await call(app, "GET", "/health", key=None)]
        go.set()
        return refused, await running

    refused, running = asyncio.run(ask())
    assert ended == [3] and running.status == 200
    for reply in refused:
        assert reply.status == 503 and reply.error["code"] == "ending" and reply.headers["retry-after"] == "10"


def test_request_that_the_end_of_the_server_cuts_is_logged(tmp_path):
    log = tmp_path / "access.jsonl"

    async def wait(body):
        await asyncio.sleep(60)

    async def ask():
        running = asyncio.create_task(call(guarded(Inner(wait), access_log=str(log)), body=chat()))
        await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.wait([running])

    asyncio.run(ask())
    assert orjson.loads(log.read_bytes())["reason"] == "ending"


def test_access_log_has_facts_and_no_content(tmp_path):
    log = tmp_path / "logs/access.jsonl"
    app = guarded(access_log=str(log))
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,c2VjcmV0"}}
    replies = [
        run(app, body=asked({"type": "text", "text": "secret"}, image)),
        run(app, path="/secret"),
        run(app, body=chat(secret=1)),
        run(app, key="secret"),
    ]
    text = log.read_text()
    assert "secret" not in text and KEY not in text and log.stat().st_mode & 0o077 == 0
    lines = [orjson.loads(line) for line in text.splitlines()]
    assert [line["request_id"] for line in lines] == [reply.headers["x-request-id"] for reply in replies]
    expected = {
        "key": "team",
        "route": "/v1/chat/completions",
        "status": 200,
        "reason": None,
        "prompt_tokens": 7,
        "completion_tokens": 3,
        "images": 1,
        "image_bytes": 6,
    }
    assert {name: lines[0][name] for name in expected} == expected and lines[0]["seconds"] >= 0
    assert [(line["key"], line["route"], line["reason"]) for line in lines[1:]] == [
        ("team", "other", "route"),
        ("team", "/v1/chat/completions", "field"),
        (None, "/v1/chat/completions", "key"),
    ]


def test_access_log_is_rotated(tmp_path, monkeypatch):
    from serve.gateway import access_log

    monkeypatch.setattr(access_log, "MAX_BYTES", 500)
    log = access_log.AccessLog(str(tmp_path / "access.jsonl"))
    for number in range(104):
        log.write({"number": number})
    log.close()
    newest, *old = (tmp_path / f"access.jsonl{end}" for end in ("", ".1", ".2", ".3"))
    assert set(tmp_path.iterdir()) == {newest, *old}
    lines = [orjson.loads(line) for file in (*reversed(old), newest) for line in file.read_bytes().splitlines()]
    numbers = [line["number"] for line in lines]
    assert numbers == list(range(numbers[0], 104)) and all(file.stat().st_size < 700 for file in old)


def test_full_disk_does_not_end_the_service(tmp_path):
    (tmp_path / "file").write_text("")
    assert run(guarded(access_log=str(tmp_path / "file/access.jsonl")), body=chat()).status == 200


def test_refusals_and_tokens_are_counted():
    before = {reason: refusals(reason) for reason in ("key", "route", "field")}
    app = guarded(key_digests=(("counted", digest_of(KEY)),))
    run(app, key="wrong")
    run(app, path="/nowhere")
    run(app, body=chat(best_of=3))
    run(app, body=chat())
    assert all(refusals(reason) == number + 1 for reason, number in before.items())
    assert REGISTRY.get_sample_value("pcult_tokens_total", {"key": "counted", "kind": "completion"}) == 3


def test_metrics_name_other_keys_only_to_a_key_with_the_mark(tmp_path):
    """The operator's Prometheus sees all keys, a member of one team not those of others."""
    lines = [f"{name} {digest_of(name)}{mark}" for name, mark in (("a", ""), ("aa", ""), ("prometheus", " metrics"))]
    (tmp_path / "keys").write_text("\n".join(lines))

    async def metrics(body):
        return 200, b"text/plain", [content[:200], content[200:]]

    app = Gateway(Inner(metrics), Settings(keys_file=str(tmp_path / "keys"), key_digests=(("team", digest_of(KEY)),)))
    for name in ("a", "aa", "prometheus", "team"):
        TOKENS.labels(name, "prompt").inc(3)
    assert run(app, path="/nowhere").status == 404
    for encoder in (exposition.generate_latest, openmetrics.generate_latest):
        content = encoder(REGISTRY)
        named = {}
        for key in ("a", "aa", "prometheus", KEY):
            reply = run(app, "GET", "/metrics", key=key)
            named[key] = set(re.findall(r'key="([^"]+)"', reply.content.decode()))
            assert b"pcult_refusals_total{" in reply.content and b"# TYPE pcult_tokens" in reply.content
        assert named["prometheus"] >= {"a", "aa", "prometheus", "team"} and reply.status == 200
        assert [named[key] for key in ("a", "aa", KEY)] == [{"a"}, {"aa"}, {"team"}]


@pytest.mark.parametrize("line", ["a {digest} metric", "a {digest} metrics metrics", "a {digest}metrics", "a metrics"])
def test_other_mark_of_a_key_is_an_error(line, tmp_path):
    from pangea_cultural.errors import UserError
    from serve.gateway.keys import parsed

    (tmp_path / "keys").write_text(line.format(digest="0" * 64))
    with pytest.raises(UserError, match="line 1"):
        parsed(tmp_path / "keys")


def test_settings_pass_through_the_environment(monkeypatch):
    from serve.gateway.settings import from_environment

    settings = Settings(key_digests=(("a", "0" * 64),), media_domains=("example.org",), rate="1/second")
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    assert from_environment() == settings
    monkeypatch.delenv("PCULT_GATEWAY")
    with pytest.raises(RuntimeError, match="pcult serve"):
        from_environment()


def test_key_is_stored_as_its_digest(tmp_path):
    from pangea_cultural.errors import UserError
    from serve.gateway.keys import add_key, parsed

    file = tmp_path / "secrets/keys"
    first, second = add_key(file, "anna"), add_key(file, "ben")
    assert first != second and first not in file.read_text()
    digests = [hashlib.sha256(first.encode()).hexdigest(), digest_of(second)]
    assert parsed(file) == [("anna", digests[0], False), ("ben", digests[1], False)]
    for name in ("anna", "", "a b", "x" * 65, "a\nb"):
        with pytest.raises(UserError):
            add_key(file, name)
    assert len(parsed(file)) == 2
