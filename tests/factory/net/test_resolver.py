"""Private addresses are refused at the moment of connecting, in every notation."""

import asyncio

import pytest
from yarl import URL

from factory.net import responses
from factory.net.client import Client
from factory.net.errors import FetchError
from factory.net.retry import RetryPolicy
from pangea_cultural.utils.net.resolver import PrivateAddressError, PublicResolver
from tests.helpers.servers.commons_server import CommonsServer, File

FILE = File(title="A.jpg")
QUICK = RetryPolicy(base_s=0.001, max_backoff_s=0.01)


def allows(private_hosts, url):
    """Return whether the resolver allows a URL, as an address and as a name."""
    target = URL(url)

    async def check():
        resolver = PublicResolver(private_hosts)
        try:
            resolver.check(target)
            await resolver.resolve(target.host, target.port)
        except PrivateAddressError:
            return False
        finally:
            await resolver.close()
        return True

    return asyncio.run(check())


@pytest.mark.parametrize("url", ["http://127.0.0.1/x", "http://[::1]/", "http://localhost:7878/", "http://2130706433/"])
def test_resolver_refuses_private_hosts(url):
    assert not allows(["localhost:9", "example.org"], url)


@pytest.mark.parametrize(
    ("url", "private_host"),
    [
        ("http://localhost:7878/query", "localhost"),
        ("http://LocalHost:7878/query", "localhost:7878"),
        ("http://[::1]:7878/", "[::1]"),
        ("http://[::1]:7878/", "[::1]:7878"),
    ],
)
def test_resolver_allows_hosts_of_the_recipe(url, private_host):
    assert allows([private_host], url)


def test_literal_private_address_is_not_connected_to():
    with CommonsServer([FILE]) as server, Client(private_hosts=["127.0.0.1:1"], retry=QUICK) as client:
        with pytest.raises(FetchError, match="private address") as caught:
            client.run(client.fetch(server.original(FILE), responses.image(10)))
        assert "private_hosts" in caught.value.detail
        assert server.requests == []


@pytest.mark.parametrize("host", ["localhost", "0x7f.1", "2130706433", "127.1", "[::ffff:127.0.0.1]"])
def test_no_notation_of_localhost_is_connected_to(host):
    with CommonsServer([FILE]) as server, Client(retry=QUICK, private_hosts=["elsewhere"]) as client:
        url = f"http://{host}:{server.file_port}/wikipedia/commons/a/aa/A.jpg"
        with pytest.raises(FetchError, match=r"private address|not an http address"):
            client.run(client.fetch(url, responses.image(10)))
        assert server.requests == []


def test_private_host_of_the_recipe_is_connected_to():
    with CommonsServer([FILE]) as server, Client(private_hosts=["localhost"], retry=QUICK) as client:
        url = URL(server.original(FILE)).with_host("localhost")
        assert client.run(client.fetch(url, responses.image(10_000)))


@pytest.mark.parametrize("fault", ["to-private!", "to-localhost!"])
def test_redirect_to_a_private_address_is_not_followed(fault):
    with (
        CommonsServer([FILE], faults={"A.jpg": [fault]}) as server,
        Client(private_hosts=server.hosts, retry=QUICK) as client,
    ):
        with pytest.raises(FetchError, match="private address"):
            client.run(client.fetch(server.original(FILE), responses.image(10_000)))
        assert len(server.requests) == 1
