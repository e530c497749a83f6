"""The client, alone and against a real server that misbehaves."""

import asyncio
import datetime
import email.utils
import random
import socket
import time

import aiohttp
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from factory.net import responses
from factory.net.client import Client
from factory.net.errors import EndpointDownError, FaultError, FetchError
from factory.net.limits import DEFAULTS, Gates, HostLimits, Pace
from factory.net.resolver import is_public
from factory.net.retry import Patience, retry_after_s
from factory.net.user_agent import user_agent
from pangea_cultural.errors import UserError
from tests.helpers.commons_server import CommonsServer, File, small_image

FILE = File(title="A.jpg")
QUICK = Patience(base_s=0.001, longest_s=0.01, stall_s=0.3, judged_after_s=0.2, total_s=5)

LIBRARY = f"aiohttp/{aiohttp.__version__}"


def fetch(server, *, max_bytes=1_000_000, private_hosts=None, patience=QUICK, limits=None, seed=0, num=1):
    """Fetch the server's file, several times at once where asked."""
    hosts = server.hosts if private_hosts is None else private_hosts
    with Client(private_hosts=hosts, patience=patience, limits=limits, seed=seed) as client:
        expect = responses.image(max_bytes)
        found = list(client.each(lambda: client.fetch(server.original(FILE), expect) for _ in range(num)))
    return found[0] if num == 1 else found


@pytest.mark.parametrize("fault", ["503", "reset", "cut", "cut-chunked", "type", "html", "html-as-jpeg", "moved"])
def test_a_fault_that_passes_costs_nothing_but_another_request(fault):
    with CommonsServer([FILE], faults={"A.jpg": [fault, fault]}) as server:
        assert fetch(server) == small_image(FILE, FILE.width)
        assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("fault", "reason", "num_requests"),
    [
        ("503!", "HTTP 503", 6),
        ("404!", "HTTP 404", 1),
        ("reset!", "connection broken", 12),  # aiohttp itself asks again where a connection breaks before an answer
        ("cut!", "body cut off", 6),
        ("type!", "wrong content type: text/plain", 6),
        ("html!", "an HTML page instead of an image", 6),
        ("html-as-jpeg!", "an HTML page instead of an image", 6),
        ("drip!", "too slow", 6),
        ("hang!", "time-out", 6),
        ("huge!", "file too large", 1),
        ("loop!", "too many redirects", 6),
        ("to-file!", "not an http address", 1),
    ],
)
def test_a_fault_that_stays_ends_with_its_reason(fault, reason, num_requests):
    with CommonsServer([FILE], faults={"A.jpg": [fault]}) as server:
        with pytest.raises(FetchError) as caught:
            fetch(server)
        assert caught.value.reason == reason
        assert "A.jpg" in caught.value.detail
        assert len(server.requests) == num_requests


@pytest.mark.parametrize("fault", ["429", "429-date"])
def test_retry_after_is_obeyed_by_all_requests_to_the_host(fault):
    with CommonsServer([FILE], faults={"A.jpg": [fault]}) as server:
        fetch(server, num=3, limits={server.hosts[1]: HostLimits(connections=1)})
        times = [when for *_, when in server.requests]
    assert len(times) == 4
    # An HTTP date has no fractions: it can come up to a second early by the server's own clock, which sends it.
    assert times[1] - times[0] >= 0.99
    assert times[-1] - times[1] < 0.5, "only one of them was told to wait"


def test_a_server_that_wants_us_to_wait_for_long_ends_the_build():
    with CommonsServer([FILE], faults={"A.jpg": ["429!"]}) as server:
        server.retry_after_s = 4000
        with pytest.raises(EndpointDownError, match=r"asks to wait 4000 s.*run the same command again"):
            fetch(server)


def test_no_more_connections_than_allowed():
    with CommonsServer([FILE], latency_s=0.01) as server:
        fetch(server, num=60, limits={server.hosts[1]: HostLimits(connections=3)})
        assert server.most_at_once == {server.file_port: 3}


def test_no_more_requests_a_minute_than_allowed():
    with CommonsServer([FILE]) as server:
        fetch(server, num=6, limits={"127.0.0.1": HostLimits(requests_per_minute=600)})
        times = [when for *_, when in server.requests]
    assert times[-1] - times[0] >= 0.48  # five times a tenth of a second, less what the network varies


def test_no_more_bytes_a_second_than_allowed():
    with CommonsServer([FILE], content=lambda file, width: bytes(50_000)) as server:
        began = time.monotonic()
        fetch(server, num=11, limits={"127.0.0.1": HostLimits(megabits_per_second=8)})
        assert time.monotonic() - began >= 0.5, "550 kB at 1 MB/s, the last chunk of which is not waited for"


def test_limits_outlast_a_batch():
    limits = {"127.0.0.1": HostLimits(requests_per_minute=120)}
    with CommonsServer([FILE]) as server, Client(private_hosts=["127.0.0.1"], limits=limits) as client:
        began = time.monotonic()
        for _ in range(2):
            client.run(client.fetch(server.original(FILE), responses.image(10_000)))
        assert time.monotonic() - began >= 0.49


@given(st.lists(st.floats(0.1, 5), min_size=1, max_size=30), st.floats(1, 50))
def test_a_pace_gives_no_window_more_than_its_share(amounts, rate):
    async def starts():
        loop, pace, found = asyncio.get_running_loop(), Pace(rate), []
        now = 0.0

        async def sleep(seconds):
            nonlocal now
            now += seconds

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loop, "time", lambda: now)
            patch.setattr(asyncio, "sleep", sleep)
            for amount in amounts:
                await pace.take(amount)
                found.append(now)
        return found

    times = asyncio.run(starts())
    assert times[-1] - times[0] >= sum(amounts[:-1]) / rate - 1e-6


def test_wikimedias_apis_count_together_and_its_files_apart():
    gates = Gates({})
    apis = [gates.of(URL(f"https://{host}/w/api.php")) for host in ("commons.wikimedia.org", "www.wikidata.org")]
    files = [gates.of(URL(f"https://{host}/a.jpg")) for host in ("upload.wikimedia.org", "thumb.wikimedia.org")]
    assert apis[0] is apis[1] and files[0] is files[1] and apis[0] is not files[0]
    assert gates.of(URL("https://wikimedia.org.example.net/")).name == "wikimedia.org.example.net:443"
    assert DEFAULTS["wikimedia-api"] == HostLimits(connections=3, requests_per_minute=200)
    assert DEFAULTS["wikimedia-files"] == HostLimits(connections=2, megabits_per_second=25)


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "127.9.9.9",
            "10.0.0.1",
            "172.16.3.4",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
        ),
        *("224.0.0.1", "240.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1"),
        *("::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1"),
        *("64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1"),
    ],
)
def test_private_addresses_are_told(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["208.80.154.240", "2620:0:861:ed1a::2:b", "::ffff:208.80.154.240", "64:ff9b::d050:9af0"]
)
def test_public_addresses_are_told(address):
    assert is_public(address)


def test_a_literal_private_address_is_not_connected_to():
    with CommonsServer([FILE]) as server:
        with pytest.raises(FetchError, match="private address") as caught:
            fetch(server, private_hosts=["127.0.0.1:1"])
        assert "private_hosts" in caught.value.detail
        assert server.requests == []


@pytest.mark.parametrize("host", ["localhost", "0x7f.1", "2130706433", "127.1", "[::ffff:127.0.0.1]"])
def test_no_way_of_writing_localhost_gets_through(host):
    with CommonsServer([FILE]) as server, Client(patience=QUICK, private_hosts=["elsewhere"]) as client:
        url = f"http://{host}:{server.file_port}/wikipedia/commons/a/aa/A.jpg"
        with pytest.raises(FetchError, match=r"private address|not an http address"):
            client.run(client.fetch(url, responses.image(10)))
        assert server.requests == []


def test_a_named_private_host_is_connected_to():
    with CommonsServer([FILE]) as server, Client(private_hosts=["localhost"], patience=QUICK) as client:
        url = URL(server.original(FILE)).with_host("localhost")
        assert client.run(client.fetch(url, responses.image(10_000)))


@pytest.mark.parametrize("fault", ["to-private!", "to-localhost!"])
def test_a_redirect_to_a_private_address_is_not_followed(fault):
    with CommonsServer([FILE], faults={"A.jpg": [fault]}) as server:
        with pytest.raises(FetchError, match="private address"):
            fetch(server)
        assert len(server.requests) == 1


def test_a_host_that_is_down_is_an_error_of_the_whole_build():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    down = pytest.raises(EndpointDownError, match=rf"127\.0\.0\.1:{port} cannot be reached.*what is done is kept")
    with Client(private_hosts=["127.0.0.1"], patience=QUICK) as client, down:
        client.run(client.fetch(f"http://127.0.0.1:{port}/", responses.image(10)))


def test_a_host_that_fails_for_all_files_is_down():
    files = [File(title=f"{n}.jpg") for n in range(30)]
    faults = {file.title: ["503!"] for file in files}
    with CommonsServer(files, faults=faults) as server, Client(private_hosts=server.hosts, patience=QUICK) as client:

        async def tried(file):
            try:
                return await client.fetch(server.original(file), responses.image(10))
            except FetchError as error:
                return error

        with pytest.raises(EndpointDownError, match=r"failed 2\d times in a row \(HTTP 503\)"):
            list(client.each(lambda f=file: tried(f) for file in files))


def test_wikimedia_is_not_asked_without_a_contact():
    with Client() as client, pytest.raises(UserError, match="--contact or set PCULT_CONTACT"):
        client.run(client.fetch("https://commons.wikimedia.org/w/api.php", responses.mediawiki()))


def test_the_contact_is_in_the_user_agent():
    with CommonsServer([FILE]) as server, Client(contact="me@example.org", private_hosts=server.hosts) as client:
        client.run(client.fetch(server.original(FILE), responses.image(10_000)))
        assert server.requests[0][2] == user_agent("me@example.org", LIBRARY)
    assert user_agent("me@example.org", LIBRARY).startswith("pangea-cultural/0.1.0 (me@example.org) aiohttp/")


@pytest.mark.parametrize("contact", ["me", "me@example.org\r\nX-Evil: 1", "a b@c.d", "https://x.org) (y"])
def test_a_contact_is_an_address(contact):
    with pytest.raises(UserError, match="is no contact"):
        user_agent(contact, LIBRARY)


@pytest.mark.parametrize("value", [None, "", "soon", "-5", "1.5", "Sun, 99 Nov 2026 00:00:00 GMT"])
def test_a_broken_retry_after_says_nothing(value):
    assert retry_after_s(value) is None


@pytest.mark.parametrize(
    "value", ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
)
def test_retry_after_can_be_a_date_in_every_form_of_http(value):
    assert retry_after_s(value, "Sun, 06 Nov 1994 08:49:30 GMT") == 7
    assert retry_after_s(value) == 0
    assert retry_after_s(value, "no date") == 0


def test_retry_after_is_seconds_or_a_date():
    now = datetime.datetime(2026, 3, 1, 12, 0, 0, tzinfo=datetime.UTC)
    date, until = (email.utils.format_datetime(now + datetime.timedelta(seconds=s), usegmt=True) for s in (0, 90))
    assert retry_after_s("7") == 7
    assert retry_after_s(until, date) == 90
    assert retry_after_s(date, until) == 0


@given(st.integers(0, 20), st.integers())
def test_back_off_grows_to_a_limit_and_is_the_same_for_a_seed(attempt, seed):
    patience = Patience()
    fault = FaultError(reason="connection broken")
    waits = [patience.wait_s(fault, attempt, random.Random(seed)) for _ in range(2)]
    assert waits[0] == waits[1] <= min(60, 5 * 2**attempt)
    throttled = FaultError(reason="HTTP 429", throttled=True)
    assert patience.wait_s(throttled, attempt, random.Random(seed)) >= 5
    asked = FaultError(reason="HTTP 429", throttled=True, retry_after_s=33)
    assert patience.wait_s(asked, attempt, random.Random(seed)) == 33


@pytest.mark.parametrize(("code", "passes"), [("maxlag", True), ("ratelimited", True), ("badtoken", False)])
def test_errors_of_the_api_are_told_apart(code, passes):
    content = orjson.dumps({"error": {"code": code, "info": "why"}})
    with pytest.raises(FaultError) as caught:
        responses.mediawiki().read(responses.Answer(url="", headers={}, content=content))
    fault = caught.value
    assert (fault.reason, fault.detail, fault.retry, fault.throttled) == (f"API error: {code}", "why", passes, passes)


def test_when_one_raises_the_others_are_cancelled():
    cancelled = []

    async def work(n):
        try:
            await asyncio.sleep(0 if n == 0 else 60)
        except asyncio.CancelledError:
            cancelled.append(n)
            raise
        raise UserError("enough")

    with Client() as client, pytest.raises(UserError, match="enough"):
        list(client.each(lambda n=n: work(n) for n in range(4)))
    assert sorted(cancelled) == [1, 2, 3]
