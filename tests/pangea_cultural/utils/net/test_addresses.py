"""Rules for IP addresses and web addresses."""

import pytest

from pangea_cultural.errors import UserError
from pangea_cultural.utils.net.addresses import host_and_port, is_public


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "10.0.0.1", "10.1.2.3", "172.16.3.4", "192.168.0.1", "192.168.1.1", "0.0.0.0"),
        *("169.254.169.254", "100.64.0.1", "198.18.0.1", "192.0.2.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00::1", "ff02::1", "2001:db8::1"),
        # Notations of IPv4 addresses.
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "2002:7f00:1::", "64:ff9b::a00:1", "64:ff9b::7f00:1"),
    ],
)
def test_private_addresses_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("208.80.154.224", "208.80.154.240", "::ffff:208.80.154.224", "::ffff:208.80.154.240"),
        *("2620:0:861:ed1a::1", "2620:0:861:ed1a::2:b", "64:ff9b::d050:9af0"),
    ],
)
def test_public_addresses_are_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://Example.org/sparql", ("example.org", 443)),
        ("http://example.org", ("example.org", 80)),
        ("http://[::1]:7878/", ("::1", 7878)),
    ],
)
def test_host_and_port_of_web_addresses(url, expected):
    assert host_and_port(url) == expected


@pytest.mark.parametrize(
    "url", ["", "ftp://example.org/", "file:///etc/passwd", "example.org", "http://", "http://a:b/"]
)
def test_host_and_port_rejects_other_text(url):
    with pytest.raises(UserError, match="not a web address"):
        host_and_port(url)
