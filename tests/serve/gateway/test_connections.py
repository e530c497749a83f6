"""Connections with slow or long headers, before a real uvicorn."""

import asyncio
import contextlib
import itertools
import logging
import socket
import threading
import time
import types

import orjson
import pytest
import uvicorn
from prometheus_client import REGISTRY
from uvicorn.server import ServerState

from serve.gateway import body
from serve.gateway.connections import limit_connections, limited
from serve.gateway.guard import Gateway
from serve.gateway.settings import Settings
from serve.server import STOP_TIMEOUT_S
from serve.vllm_flags import DRAIN_S
from tests.serve.gateway.asgi import Inner, chat

WAIT_S = 0.4
REQUEST = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.fixture(params=["httptools", "h11"])
def port(request, tmp_path):
    """The port of a gateway in uvicorn, with a short time for headers and for reading."""
    gateway = Gateway(Lifespan(answer), Settings(read_s=WAIT_S, access_log=str(tmp_path / "access.jsonl")))
    state = types.SimpleNamespace(engine_client=types.SimpleNamespace(shutdown=None))

    async def app(scope, receive, send):
        await gateway(scope | {"app": types.SimpleNamespace(state=state)}, receive, send)

    config = uvicorn.Config(app, http=request.param, loop="asyncio", log_level="error", timeout_keep_alive=60)
    state.server = server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join(10)


async def answer(body):
    """Answer shortly, or with megabytes that end only if the client reads them."""
    if body and body["messages"][0]["content"] == "long":
        return 200, b"text/plain", itertools.repeat(b"x" * 100_000, 1000)
    return 200, b"application/json", [b"{}"]


class Lifespan(Inner):
    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            return await super().__call__(scope, receive, send)
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})


def test_running_answers_do_not_hold_up_the_end():
    """vLLM has killed its engine by then: their answers never come."""
    config = uvicorn.Config(Inner())
    config.load()
    state = types.SimpleNamespace(server=types.SimpleNamespace(config=config))
    limit_connections(types.SimpleNamespace(state=state), WAIT_S)
    assert 0 < config.timeout_graceful_shutdown < STOP_TIMEOUT_S - DRAIN_S


def test_connection_without_a_whole_head_is_closed(port):
    starts = [b"", b"G", REQUEST[:-4], REQUEST, REQUEST + REQUEST[:-2]]
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in starts]
        for connection, content in zip(sockets, starts, strict=True):
            connection.sendall(content)
        time.sleep(WAIT_S / 2)
        for connection in sockets[3:]:
            connection.settimeout(5)
            assert connection.recv(12) == b"HTTP/1.1 200", "requests that came in time are answered"
        time.sleep(WAIT_S)
        assert [is_open(connection) for connection in sockets] == [False, False, False, True, True]
        sockets[3].sendall(REQUEST[:9])
        time.sleep(WAIT_S * 1.5)
        assert not is_open(sockets[3]), "a further request has the same time"


def is_open(connection):
    connection.settimeout(0.05)
    try:
        while connection.recv(10_000):
            pass
    except TimeoutError:
        return True
    except ConnectionResetError:
        pass
    return False


@pytest.mark.parametrize("head", [b"A: " + b"x" * 200_000, b"A: b\r\n" * 40_000])
def test_long_head_is_not_read_to_its_end(port, head):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        began = time.monotonic()
        with contextlib.suppress(OSError):
            connection.sendall(REQUEST[:-2] + head)
            connection.settimeout(5)
            while connection.recv(1000):
                pass
        assert time.monotonic() - began < WAIT_S


def post(body, *headers):
    fields = ["Host: 127.0.0.1", "Content-Type: application/json", *headers]
    return ("POST /v1/chat/completions HTTP/1.1\r\n" + "\r\n".join(fields) + "\r\n\r\n").encode() + body


def received(port, content):
    """Return what the server sends until it closes the connection."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(60)
        connection.sendall(content)
        parts = iter(lambda: connection.recv(100_000), b"")
        return b"".join(parts)


UPGRADE = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
INVALID = {
    "no HTTP": b"hello\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 300,
    "two lengths": post(b"{}", "Content-Length: 2", "Content-Length: 3"),
    "negative chunk": post(b"-2\r\n{}\r\n0\r\n\r\n", "Transfer-Encoding: chunked"),
    "folded header": b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nA : b\r\n\r\n",
    "WebSocket": b"GET /v1/realtime HTTP/1.1\r\nHost: 127.0.0.1\r\n" + UPGRADE + b"Sec-WebSocket-Key: eA==\r\n\r\n",
    "WebSocket without a key": b"GET /v1/realtime HTTP/1.1\r\nHost: 127.0.0.1\r\n" + UPGRADE + b"\r\n",
}


@pytest.mark.parametrize("name", INVALID)
def test_what_is_not_http_is_refused_like_all_others_and_fills_no_log(port, name, caplog):
    caplog.set_level(logging.INFO, "uvicorn.error")
    before = REGISTRY.get_sample_value("pcult_refusals_total", {"reason": "http"}) or 0
    head, _, content = received(port, INVALID[name]).partition(b"\r\n\r\n")
    status = int(head.split()[1])
    error = orjson.loads(content)["error"]
    assert 400 <= status < 500 and set(error) == {"message", "type", "param", "code"} and caplog.records == []
    if not name.startswith("WebSocket"):
        assert error["code"] == "http"
        assert REGISTRY.get_sample_value("pcult_refusals_total", {"reason": "http"}) == before + 1


class Transport(asyncio.Transport):
    """A connection in memory, which counts whether it was ended."""

    ended = False

    def abort(self):
        self.ended = True

    def write(self, data):
        pass

    def pause_reading(self):
        pass

    def is_closing(self):
        return self.ended

    close = abort


def connected():
    """Return a connection to an application that does not answer, and its transport."""

    async def endless(scope, receive, send):
        await asyncio.sleep(60)

    config = uvicorn.Config(endless, http="httptools", log_level="error")
    config.load()
    connection = limited(config.http_protocol_class, 60, 64_000)(config, ServerState(), {})
    transport = Transport()
    connection.connection_made(transport)
    return connection, transport


@pytest.mark.parametrize(("number", "ends"), [(20, False), (9000, True)])
def test_requests_that_wait_for_an_answer_are_limited(number, ends):
    """A client without a key may ask for the health: 250 kB of requests take 25 MB."""

    async def send():
        connection, transport = connected()
        connection.data_received(REQUEST * number)
        ended = transport.ended
        connection.connection_lost(None)
        return ended

    assert asyncio.run(send()) is ends


@pytest.mark.parametrize(
    "start",
    [
        post(b"2\r\n{}\r\n0\r\n", "Transfer-Encoding: chunked"),  # trailers follow
        post(b"{}", "Content-Length: 2") + REQUEST[:-2],  # headers of a further request follow
    ],
)
def test_bytes_that_are_not_of_a_body_are_not_read_to_their_end(start):
    """They are kept in memory, each header as a hundred bytes."""

    async def send():
        connection, transport = connected()
        connection.data_received(start)
        for number in range(100):
            connection.data_received(b"A: b\r\n" * 1000)
            if transport.ended:
                connection.connection_lost(None)
                return number
        return None

    assert 9 <= asyncio.run(send()) <= 11


def test_body_in_chunks_is_read(port):
    body = chat()
    chunks = b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in (body[:50], body[50:]))
    head = post(chunks + b"0\r\nA: b\r\n\r\n", "Transfer-Encoding: chunked", "Connection: close")
    assert received(port, head).startswith(b"HTTP/1.1 200")


def test_client_that_does_not_read_is_disconnected(port, tmp_path):
    """Otherwise it keeps one of its key's requests at a time for ever."""
    long = chat(messages=[{"role": "user", "content": "long"}])
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", port))
        connection.sendall(post(long, f"Content-Length: {len(long)}"))
        ends = time.monotonic() + 60
        while not (tmp_path / "access.jsonl").exists():
            assert time.monotonic() < ends, "the request has no end"
            time.sleep(0.05)


@pytest.mark.parametrize(
    "headers", [["Content-Length: 20000000", "Content-Type: text/html"], ["Content-Length: 40000000"]]
)
def test_client_that_sends_a_refused_body_gets_the_refusal(port, headers):
    """A connection that is closed before the body is read would be reset, and the refusal lost."""
    size = int(headers[0].split()[1])
    answer = received(port, post(b"x" * size, *headers))
    assert answer.startswith(b"HTTP/1.1 4") and orjson.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"]


def test_refused_body_without_an_end_is_not_read_for_ever(port, monkeypatch):
    monkeypatch.setattr(body, "DISCARD_S", 0.3)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(60)
        connection.sendall(post(b"x", "Content-Length: 40000000"))
        assert b"".join(iter(lambda: connection.recv(10_000), b"")).startswith(b"HTTP/1.1 413")
