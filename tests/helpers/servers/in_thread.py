"""Servers in a thread of the tests. A server has ended when its `with` block ends; otherwise the test fails."""

import asyncio
import concurrent.futures
import contextlib
import http.server
import threading
from collections.abc import Iterator

from aiohttp import web

TIMEOUT_S = 60
"""Timeout of a start and of an end. Both take milliseconds; the machine may be busy."""
SHUTDOWN_S = 0.1
"""Time that aiohttp leaves requests in progress. Its default is a minute, for clients that wait for an answer."""


@contextlib.contextmanager
def apps_in_thread(*apps: web.Application) -> Iterator[list[int]]:
    """Serve each application on a free port; all share one event loop, which the thread opens and closes.

    Yields the ports.
    """
    started: concurrent.futures.Future = concurrent.futures.Future()

    async def serve():
        stop = asyncio.Event()
        runners = [web.AppRunner(app, shutdown_timeout=SHUTDOWN_S, handler_cancellation=True) for app in apps]
        try:
            for runner in runners:
                await runner.setup()
                await web.TCPSite(runner, "127.0.0.1", 0).start()
            ports = [runner.addresses[0][1] for runner in runners]
            started.set_result((asyncio.get_running_loop(), stop, ports))
            await stop.wait()
        finally:
            for runner in runners:
                await runner.cleanup()

    def run():
        try:
            asyncio.run(serve())
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    loop, stop, ports = started.result(TIMEOUT_S)
    try:
        yield ports
    finally:
        loop.call_soon_threadsafe(stop.set)
        _join(thread)


@contextlib.contextmanager
def handler_in_thread(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[int]:
    """Answer requests by a handler on a free port. Yields the port."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, serving(server):
        yield server.server_port


@contextlib.contextmanager
def serving(server) -> Iterator[None]:
    """Serve by a server of the module `socketserver` in a thread."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        _join(thread)


def _join(thread: threading.Thread) -> None:
    """Wait for the end of a thread.

    Raises:
        AssertionError: it did not end. A loop or a port would be open in later tests.
    """
    thread.join(TIMEOUT_S)
    assert not thread.is_alive(), "the thread of the server did not end"
