"""Limits per host: rate, connections, bandwidth, pauses."""

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from factory.net import responses
from factory.net.client import Client
from factory.net.limits import DEFAULTS, HostLimiters, HostLimits, RateLimiter
from tests.helpers.fast_clock import fast_clock
from tests.helpers.servers.commons_server import CommonsServer, File

FILE = File(title="A.jpg")


def fetch(server, limits, num_requests):
    """Fetch the server's file several times at once, with limits for its host."""
    with Client(private_hosts=server.hosts, limits={"127.0.0.1": limits}) as client:
        spec = responses.image(1_000_000)
        list(client.run_concurrently(lambda: client.fetch(server.original(FILE), spec) for _ in range(num_requests)))


def test_connections_stay_under_their_limit():
    with CommonsServer([FILE], latency_s=0.01) as server:
        fetch(server, HostLimits(connections=3), 60)
        assert server.most_at_once == {server.file_port: 3}


def test_requests_per_minute_stay_under_their_limit():
    with CommonsServer([FILE]) as server:
        fetch(server, HostLimits(requests_per_minute=600), 6)
        times = [when for *_, when in server.requests]
    assert times[-1] - times[0] >= 0.48  # five intervals of 0.1 s, minus the jitter of the network


def test_bandwidth_stays_under_its_limit():
    with CommonsServer([FILE], content=lambda file, width: bytes(50_000)) as server:
        start = time.monotonic()
        fetch(server, HostLimits(megabits_per_second=8), 11)
        assert time.monotonic() - start >= 0.5, "550 kB at 1 MB/s, without a wait after the last chunk"


def test_limits_persist_between_batches():
    limits = {"127.0.0.1": HostLimits(requests_per_minute=120)}
    with CommonsServer([FILE]) as server, Client(private_hosts=["127.0.0.1"], limits=limits) as client:
        start = time.monotonic()
        for _ in range(2):
            client.run(client.fetch(server.original(FILE), responses.image(10_000)))
        assert time.monotonic() - start >= 0.49


def test_requests_keep_a_pause_after_each_response():
    with CommonsServer([FILE]) as server, fast_clock() as waits:
        fetch(server, HostLimits(connections=1, pause_s=5), 3)
    assert len(waits) == 2 and all(4.5 < wait <= 5 for wait in waits)


@given(st.lists(st.floats(0.1, 5), min_size=1, max_size=30), st.floats(1, 50))
def test_rate_limiter_gives_no_window_more_than_its_rate(amounts, rate):
    async def starts():
        loop, limiter, times = asyncio.get_running_loop(), RateLimiter(rate), []
        now = 0.0

        async def sleep(seconds):
            nonlocal now
            now += seconds

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loop, "time", lambda: now)
            patch.setattr(asyncio, "sleep", sleep)
            for amount in amounts:
                await limiter.acquire(amount)
                times.append(now)
        return times

    times = asyncio.run(starts())
    assert times[-1] - times[0] >= sum(amounts[:-1]) / rate - 1e-6


def test_wikimedias_apis_share_a_limiter_and_its_files_another():
    limiters = HostLimiters({})
    apis = [
        limiters.for_url(URL(f"https://{host}/w/api.php")) for host in ("commons.wikimedia.org", "www.wikidata.org")
    ]
    files = [limiters.for_url(URL(f"https://{host}/a.jpg")) for host in ("upload.wikimedia.org", "thumb.wikimedia.org")]
    assert apis[0] is apis[1] and files[0] is files[1] and apis[0] is not files[0]
    assert limiters.for_url(URL("https://wikimedia.org.example.net/")).name == "wikimedia.org.example.net:443"
    assert DEFAULTS["wikimedia-api"] == HostLimits(connections=3, requests_per_minute=200)
    assert DEFAULTS["wikimedia-files"] == HostLimits(connections=2, megabits_per_second=25)
