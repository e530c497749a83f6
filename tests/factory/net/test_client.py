"""The HTTP client against a real server with faults."""

import asyncio
import socket

import aiohttp
import pytest

from factory.net import responses
from factory.net.client import Client
from factory.net.errors import EndpointDownError, FetchError
from factory.net.limits import HostLimits
from factory.net.retry import RetryPolicy
from factory.net.user_agent import user_agent
from pangea_cultural.errors import UserError
from tests.helpers.fast_clock import fast_clock
from tests.helpers.servers.commons_server import CommonsServer, File, small_image

FILE = File(title="A.jpg")
QUICK = RetryPolicy(base_s=0.001, max_backoff_s=0.01)
IMPATIENT = QUICK.model_copy(update={"stall_s": 0.3, "min_speed_after_s": 0.2})
"""Timeouts for servers that do not answer. A busy machine may take as long for an ordinary answer."""


def fetch(server, *, limits=None, num_requests=1, retry=QUICK):
    """Fetch the server's file, or several copies of it at once."""
    with Client(private_hosts=server.hosts, retry=retry, limits=limits) as client:
        spec = responses.image(1_000_000)
        tasks = (lambda: client.fetch(server.original(FILE), spec) for _ in range(num_requests))
        contents = list(client.run_concurrently(tasks))
    return contents[0] if num_requests == 1 else contents


@pytest.mark.parametrize("fault", ["503", "reset", "cut", "cut-chunked", "type", "html", "html-as-jpeg", "moved"])
def test_transient_faults_are_retried(fault):
    with CommonsServer([FILE], faults={"A.jpg": [fault, fault]}) as server:
        assert fetch(server) == small_image(FILE, FILE.width)
        assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("fault", "reason", "num_requests"),
    [
        ("503!", "HTTP 503", 6),
        ("404!", "HTTP 404", 1),
        ("reset!", "connection broken", 12),  # aiohttp retries a GET by itself if the connection breaks early
        ("cut!", "body truncated", 6),
        ("type!", "wrong content type", 6),
        ("html!", "an HTML page instead of an image", 6),
        ("html-as-jpeg!", "an HTML page instead of an image", 6),
        ("drip!", "too slow", 6),
        ("hang!", "timeout", 6),
        ("huge!", "file too large", 1),
        ("loop!", "too many redirects", 6),
        ("to-file!", "not an http address", 1),
    ],
)
def test_permanent_faults_end_with_their_reason(fault, reason, num_requests):
    with CommonsServer([FILE], faults={"A.jpg": [fault]}) as server:
        with pytest.raises(FetchError) as caught:
            fetch(server, retry=IMPATIENT if fault in ("drip!", "hang!") else QUICK)
        assert caught.value.reason == reason
        assert "A.jpg" in caught.value.detail
        assert len(server.requests) == num_requests


@pytest.mark.parametrize("fault", ["429", "429-date"])
def test_all_requests_to_a_host_obey_retry_after(fault):
    with CommonsServer([FILE], faults={"A.jpg": [fault]}) as server, fast_clock() as waits:
        server.retry_after_s = 100
        fetch(server, num_requests=3, limits={server.hosts[1]: HostLimits(connections=1)})
    assert len(server.requests) == 4
    # Only one response had a Retry-After. An HTTP date has no fractions: it can be up to one second early.
    assert 90 < sum(waits) <= 100


def test_long_retry_after_stops_the_build():
    with CommonsServer([FILE], faults={"A.jpg": ["429!"]}) as server:
        server.retry_after_s = 4000
        with pytest.raises(EndpointDownError, match=r"asks to wait 4000 s.*Run the same command again"):
            fetch(server)


def test_unreachable_host_stops_the_build():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    down = pytest.raises(EndpointDownError, match=rf"127\.0\.0\.1:{port} cannot be reached.*Run the same command again")
    with Client(private_hosts=["127.0.0.1"], retry=QUICK) as client, down:
        client.run(client.fetch(f"http://127.0.0.1:{port}/", responses.image(10)))


def test_host_that_fails_for_all_files_counts_as_down():
    files = [File(title=f"{n}.jpg") for n in range(30)]
    faults = {file.title: ["503!"] for file in files}
    with CommonsServer(files, faults=faults) as server, Client(private_hosts=server.hosts, retry=QUICK) as client:

        async def attempt(file):
            try:
                return await client.fetch(server.original(file), responses.image(10))
            except FetchError as error:
                return error

        with pytest.raises(EndpointDownError, match=r"failed 2\d times in a row \(HTTP 503\)"):
            list(client.run_concurrently(lambda f=file: attempt(f) for file in files))


def test_wikimedia_is_not_asked_without_a_contact():
    with Client() as client, pytest.raises(UserError, match="--contact or set PCULT_CONTACT"):
        client.run(client.fetch("https://commons.wikimedia.org/w/api.php", responses.mediawiki()))


def test_requests_have_the_user_agent():
    with CommonsServer([FILE]) as server, Client(contact="me@example.org", private_hosts=server.hosts) as client:
        client.run(client.fetch(server.original(FILE), responses.image(10_000)))
        assert server.requests[0][2] == user_agent("me@example.org", f"aiohttp/{aiohttp.__version__}")


@pytest.mark.parametrize(("keep_alive", "num_connections"), [(True, 1), (False, 3)])
def test_connections_are_reused_only_with_keep_alive(keep_alive, num_connections):
    with CommonsServer([FILE]) as server, Client(private_hosts=server.hosts, keep_alive=keep_alive) as client:
        for _ in range(3):
            client.run(client.fetch(server.original(FILE), responses.image(10_000)))
        assert len(server.connections) == num_connections


def test_an_error_cancels_the_other_tasks():
    cancelled = []

    async def task(n):
        try:
            await asyncio.sleep(0 if n == 0 else 60)
        except asyncio.CancelledError:
            cancelled.append(n)
            raise
        raise UserError("enough")

    with Client() as client, pytest.raises(UserError, match="enough"):
        list(client.run_concurrently(lambda n=n: task(n) for n in range(4)))
    assert sorted(cancelled) == [1, 2, 3]
