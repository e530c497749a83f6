"""Connections with slow or long headers, before a real uvicorn."""

import asyncio
import contextlib
import socket
import threading
import time
import types

import pytest
import uvicorn

from serve.gateway.guard import Gateway
from serve.gateway.settings import Settings
from tests.serve.gateway.asgi import Inner

WAIT_S = 0.4
REQUEST = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.fixture(params=["httptools", "h11"])
def port(request):
    """The port of a gateway in uvicorn, with a short time for headers."""
    gateway = Gateway(Lifespan(), Settings(read_s=WAIT_S))
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


class Lifespan(Inner):
    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            return await super().__call__(scope, receive, send)
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})


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
