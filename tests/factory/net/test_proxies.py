"""Proxies of the environment, with a real proxy on this machine, and the check against private addresses."""

import os
import subprocess
import sys

import pytest
from yarl import URL

from factory.net import proxies
from factory.net.proxies import proxy_for
from pangea_cultural.errors import UserError
from tests.helpers.servers.tunnel_proxy import TlsServer, TunnelProxy

HOST, ADDRESS = "photos.example.test", "93.184.216.34"
FETCH = """
import json, socket, sys
from factory.net import responses
from factory.net.client import Client
from factory.net.errors import EndpointDownError, FetchError
from factory.net.retry import RetryPolicy
from pangea_cultural.errors import UserError
names, hosts, url = json.loads(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]
original = socket.getaddrinfo
def getaddrinfo(host, port, *arguments, **keywords):
    if host in names:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (names[host], port or 0))]
    if host and host[0].isdigit():
        return original(host, port, *arguments, **keywords)
    raise socket.gaierror(-2, "Name or service not known")
socket.getaddrinfo = getaddrinfo
retry = RetryPolicy(tries=1, base_s=0, stall_s=5, connect_s=5)
with Client(retry=retry, private_hosts=hosts) as client:
    try:
        print(client.run(client.fetch(url, responses.image(1000))).decode())
    except (FetchError, UserError) as error:
        print(f"{type(error).__name__}: {error} {getattr(error, 'detail', '')}")
"""


@pytest.fixture
def server(tmp_path):
    with TlsServer(tmp_path, HOST, "image/png", b"pixels") as server:
        yield server


def fetch(server, url, *, names, hosts=(), **environment):
    """Fetch a URL in a process of its own: the trusted certificates are read once per process."""
    import json

    clean = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    command = [sys.executable, "-c", FETCH, json.dumps(names), json.dumps([*hosts]), url]
    result = subprocess.run(
        command,
        env=clean | {"SSL_CERT_FILE": str(server.certificate)} | environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_file_comes_through_a_tunnel_to_the_checked_address(server, name):
    with TunnelProxy(server.server_address) as proxy:
        address = proxy.url.replace("//", "//user:secret@")
        assert fetch(server, f"https://{HOST}/a.png", names={HOST: ADDRESS}, **{name: address}) == "pixels"
    ((line, headers),) = proxy.requests
    assert line == f"CONNECT {ADDRESS}:443 HTTP/1.1"
    assert headers["Proxy-Authorization"].startswith("Basic ")
    assert server.hosts == [HOST]


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.7", "169.254.169.254", "::1"])
def test_a_name_with_a_private_address_is_refused_before_the_proxy_is_asked(server, address):
    with TunnelProxy(server.server_address) as proxy:
        shown = fetch(server, f"https://{HOST}/a.png", names={HOST: address}, HTTPS_PROXY=proxy.url)
        literal = f"[{address}]" if ":" in address else address
        direct = fetch(server, f"https://{literal}/a.png", names={}, HTTPS_PROXY=proxy.url)
    assert "private address" in shown and "private address" in direct
    assert proxy.requests == []


def test_the_certificate_of_another_name_is_refused(server):
    with TunnelProxy(server.server_address) as proxy:
        shown = fetch(
            server, "https://other.example.test/a.png", names={"other.example.test": ADDRESS}, HTTPS_PROXY=proxy.url
        )
    assert "CERTIFICATE_VERIFY_FAILED" in shown or "certificate" in shown.lower()
    assert server.hosts == []


def test_a_name_without_an_address_here_is_not_given_to_the_proxy(server):
    with TunnelProxy(server.server_address) as proxy:
        shown = fetch(server, f"https://{HOST}/a.png", names={}, HTTPS_PROXY=proxy.url)
    assert f"{HOST} has no address here" in shown and proxy.requests == []


def test_plain_http_is_refused_with_a_remedy(server):
    with TunnelProxy(server.server_address) as proxy:
        shown = fetch(server, f"http://{HOST}/a.png", names={HOST: ADDRESS}, HTTP_PROXY=proxy.url)
    assert "plain http through a proxy" in shown and "NO_PROXY" in shown and proxy.requests == []


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "403 Forbidden", "502 Bad Gateway"])
def test_a_proxy_that_refuses_is_named(server, status):
    with TunnelProxy(server.server_address, status) as proxy:
        shown = fetch(server, f"https://{HOST}/a.png", names={HOST: ADDRESS}, HTTPS_PROXY=proxy.url)
    assert shown.startswith("EndpointDownError") and f"proxy failed: {status}" in shown


def test_a_proxy_that_does_not_run_is_named(server):
    shown = fetch(server, f"https://{HOST}/a.png", names={HOST: ADDRESS}, HTTPS_PROXY="http://127.0.0.1:9")
    assert "proxy failed" in shown


@pytest.mark.parametrize("bypass", ["environment", "recipe"])
def test_a_host_that_bypasses_the_proxy_is_asked_directly(server, bypass):
    port = server.server_address[1]
    with TunnelProxy(server.server_address) as proxy:
        shown = fetch(
            server,
            f"https://{HOST}:{port}/a.png",
            names={HOST: "127.0.0.1"},
            hosts=[HOST] if bypass == "recipe" else [],
            HTTPS_PROXY=proxy.url,
            NO_PROXY="example.test" if bypass == "environment" else "",
        )
    assert proxy.requests == []
    # NO_PROXY does not allow a private address.
    assert shown == "pixels" if bypass == "recipe" else "private address" in shown


@pytest.mark.parametrize("address", ["socks5://127.0.0.1:1080", "http://", "http://[::1"])
def test_a_proxy_of_another_kind_is_refused(monkeypatch, address):
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("ALL_PROXY", address)
    with pytest.raises(
        UserError, match=r"ALL_PROXY is not the address of an HTTP proxy\. Write it as http://host:port"
    ):
        proxy_for(URL("https://example.org"))
    assert "NO_PROXY" in proxies.HOW_TO_BYPASS
