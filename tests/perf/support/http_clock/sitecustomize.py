"""Clock of the chat requests that a process sends through aiohttp, httpx or httpx2, with its processor time.

Python loads it at its start if PYTHONPATH has this folder. It writes the file that HTTP_CLOCK names. The bodies of the
first requests are kept, so that two clients can be compared.
"""

import atexit
import contextlib
import importlib
import json
import os
import resource
import time
from pathlib import Path

PATH = os.environ.get("HTTP_CLOCK")
BODIES = 8


class Clock:
    """Times and sizes of requests, from the first one that is sent to the last one that is answered."""

    def __init__(self) -> None:
        self.began = self.ended = self.cpu_began = self.cpu_ended = 0.0
        self.requests = self.failed = self.bytes = 0
        self.bodies: list[str] = []

    def start(self, body) -> None:
        if not self.requests:
            self.began, self.cpu_began = time.monotonic(), cpu_s()
        self.requests += 1
        self.bytes += len(body)
        if len(self.bodies) < BODIES:
            self.bodies.append(body.decode())

    def end(self, status) -> None:
        self.ended, self.cpu_ended = time.monotonic(), cpu_s()
        self.failed += status != 200

    def write(self) -> None:
        if self.requests:
            about = {"requests": self.requests, "failed": self.failed, "bytes": self.bytes, "bodies": self.bodies}
            about |= {"seconds": self.ended - self.began, "cpu_s": self.cpu_ended - self.cpu_began}
            about["peak_gb"] = peak_gb()
            Path(PATH).write_text(json.dumps(about))


def cpu_s() -> float:
    """Return the seconds of processor time of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak_gb() -> float:
    """Return the peak memory of this process. That of getrusage is at least the memory of the parent."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e9


def watch(clock: Clock, library) -> None:
    """Count the chat requests of a library's clients. openai 3 uses httpx2, openai 2 uses httpx."""
    send, send_async = library.Client.send, library.AsyncClient.send

    def timed(self, request, **options):
        if not request.url.path.endswith("/chat/completions"):
            return send(self, request, **options)
        clock.start(request.read())
        response = None
        try:
            response = send(self, request, **options)
            return response
        finally:
            clock.end(response and response.status_code)

    async def timed_async(self, request, **options):
        if not request.url.path.endswith("/chat/completions"):
            return await send_async(self, request, **options)
        clock.start(request.read())
        response = None
        try:
            response = await send_async(self, request, **options)
            return response
        finally:
            clock.end(response and response.status_code)

    library.Client.send, library.AsyncClient.send = timed, timed_async


def watch_aiohttp(clock: Clock, library) -> None:
    """Count the chat requests of aiohttp. A response has ended with its head: the rest of an answer is short."""
    send = library.ClientSession._request

    async def timed(self, method, url, **options):
        if not str(url).endswith("/chat/completions"):
            return await send(self, method, url, **options)
        clock.start(options["data"])
        response = None
        try:
            response = await send(self, method, url, **options)
            return response
        finally:
            clock.end(response and response.status)

    library.ClientSession._request = timed


if PATH:
    CLOCK = Clock()
    with contextlib.suppress(ImportError):
        watch_aiohttp(CLOCK, importlib.import_module("aiohttp"))
    for name in ("httpx", "httpx2"):
        with contextlib.suppress(ImportError):
            watch(CLOCK, importlib.import_module(name))
    atexit.register(CLOCK.write)
