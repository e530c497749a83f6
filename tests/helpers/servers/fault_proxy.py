"""Proxy in front of a SPARQL server that passes answers on, or replaces them by faults of servers and networks."""

import contextlib
import http.server
import socket
import struct
import threading
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field

from tests.helpers.servers.in_thread import handler_in_thread

RESULTS = "application/sparql-results+json"
JAVA_TRACE = b"\njava.util.concurrent.TimeoutException\n\tat java.util.concurrent.FutureTask.get(FutureTask.java:205)"


@dataclass
class Request:
    """A received request."""

    method: str
    query: str
    headers: dict


def status(code, body="", **headers):
    """Answer with an error status."""
    return lambda proxy, handler, request: proxy.send(handler, code, body.encode(), "text/plain", headers)


def cut_status(code, **headers):
    """Answer with an error status and a connection that ends in the middle of the body."""
    return lambda proxy, handler, request: proxy.send(handler, code, b"Too", "text/plain", headers, length=99)


def page(proxy, handler, request):
    """Answer with an HTML page and status 200."""
    proxy.send(handler, 200, b"<!DOCTYPE html><html><body>We'll be back soon</body></html>", "text/html")


def plain_text(proxy, handler, request):
    """Answer with another content type and status 200."""
    proxy.send(handler, 200, b"ready", "text/plain")


def cut_json(proxy, handler, request):
    """Answer with half of the results as a complete response with status 200."""
    body = proxy.upstream(request)
    proxy.send(handler, 200, body[: len(body) // 2])


def garbage_tail(proxy, handler, request):
    """Answer with half of the results and a stack trace."""
    body = proxy.upstream(request)
    proxy.send(handler, 200, body[: len(body) // 2] + JAVA_TRACE)


def cut_connection(proxy, handler, request):
    """Close the connection in the middle of the body."""
    body = proxy.upstream(request)
    proxy.send(handler, 200, body[: len(body) // 2], length=len(body))


def reset(proxy, handler, request):
    """Reset the connection before the answer."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def reset_body(proxy, handler, request):
    """Reset the connection in the middle of the body."""
    cut_connection(proxy, handler, request)
    proxy.stopping.wait(0.2)  # a reset discards what the client has not read
    reset(proxy, handler, request)


def slow(seconds):
    """Answer after `seconds`."""

    def wait(proxy, handler, request):
        proxy.stopping.wait(seconds)
        proxy.send(handler, 200, proxy.upstream(request))

    return wait


def drip(proxy, handler, request):
    """Answer byte by byte, each well within the timeout."""
    handler.send_response(200)
    handler.send_header("Content-Type", RESULTS)
    handler.end_headers()
    for byte in proxy.upstream(request):
        handler.wfile.write(bytes([byte]))
        if proxy.stopping.wait(0.02):
            return


def answer(body):
    """Answer with another body and status 200."""
    return lambda proxy, handler, request: proxy.send(handler, 200, body.encode())


@dataclass
class FaultProxy:
    """The proxy. Faults come from `script`, one per request, then from `rule`, a function of the query."""

    target: str
    script: list = field(default_factory=list)
    rule: object = None
    requests: list = field(default_factory=list)
    most_at_once: int = 0

    def __post_init__(self):
        self.stopping = threading.Event()
        self._lock, self._now = threading.Lock(), 0

    def upstream(self, request):
        body = urllib.parse.urlencode({"query": request.query}).encode()
        forwarded = urllib.request.Request(self.target, body, {"Accept": RESULTS})
        with urllib.request.urlopen(forwarded, timeout=30) as response:
            return response.read()

    def send(self, handler, code, body, content_type=RESULTS, headers=(), length=None):
        handler.send_response(code)
        for name, value in dict(headers).items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(body) if length is None else length))
        handler.end_headers()
        handler.wfile.write(body)

    def handle(self, handler):
        length = int(handler.headers.get("Content-Length", 0))
        form = urllib.parse.parse_qs(handler.rfile.read(length).decode())
        request = Request(handler.command, form.get("query", [""])[0], dict(handler.headers))
        with self._lock:
            self.requests.append(request)
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
            fault = self.script.pop(0) if self.script else self.rule(request.query) if self.rule else None
        try:
            content = self.upstream(request) if fault is None else b""
        finally:
            # Counted before the response: with it, the client may send the next query at once.
            with self._lock:
                self._now -= 1
        if fault is None:
            self.send(handler, 200, content)
        else:
            fault(self, handler, request)

    @contextlib.contextmanager
    def running(self):
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                with contextlib.suppress(OSError, ValueError):
                    proxy.handle(self)

            do_GET = do_POST  # noqa: N815

            def log_message(self, *_):
                pass

        with handler_in_thread(Handler) as port:
            self.host = f"127.0.0.1:{port}"
            self.url = f"http://{self.host}/sparql"
            try:
                yield self
            finally:
                self.stopping.set()
