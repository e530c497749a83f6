"""Which addresses are refused, and how we introduce ourselves."""

import pytest

from factory.net.resolver import host_of, is_public, refuse_private
from factory.net.user_agent import require_contact, user_agent
from pangea_cultural.errors import UserError


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "240.0.0.1"),
        *("::1", "fe80::1%eth0", "fd00::1", "ff02::1"),
        # An IPv4 address inside.
        *("::ffff:127.0.0.1", "::127.0.0.1", "2002:7f00:1::", "64:ff9b::a00:1"),
    ],
)
def test_private_addresses(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["208.80.154.224", "2620:0:861:ed1a::1", "::ffff:208.80.154.224"])
def test_public_addresses(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:80/x", "http://[::1]/", "http://localhost:7878/query", "http://2130706433/"]
)
def test_names_are_looked_up_before_they_are_trusted(url):
    with pytest.raises(UserError, match="private address"):
        refuse_private(url, ["localhost:9", "example.org"])


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://localhost:7878/query", "localhost"),
        ("http://LocalHost:7878/query", "localhost:7878"),
        ("http://[::1]:7878/", "[::1]"),
        ("http://[::1]:7878/", "[::1]:7878"),
    ],
)
def test_the_recipe_may_allow_a_host(url, allowed):
    refuse_private(url, [allowed])


@pytest.mark.parametrize(
    "url", ["", "ftp://example.org/", "file:///etc/passwd", "example.org", "http://", "http://a:b/"]
)
def test_what_is_no_web_address_is_refused(url):
    with pytest.raises(UserError, match="not a web address"):
        host_of(url)


@pytest.mark.parametrize(
    "url", ["https://query.wikidata.org/sparql", "https://wikidata.org/", "https://x.y.wikimedia.org"]
)
def test_wikimedia_wants_a_contact(url):
    with pytest.raises(UserError, match="--contact"):
        require_contact(url, "")
    require_contact(url, "me@example.org")


def test_others_want_none():
    require_contact("https://notwikidata.org/", "")
    assert user_agent("", "library/1").endswith(" library/1")


@pytest.mark.parametrize("contact", ["me@example.org\r\nX-Other: 1", "me (at home)", "ich@müller.de"])
def test_a_contact_has_to_fit_into_a_header(contact):
    with pytest.raises(UserError, match="contact"):
        user_agent(contact, "library/1")
