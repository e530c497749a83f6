"""User-Agent header and the required contact."""

import pytest

from factory.net.user_agent import require_contact, user_agent
from pangea_cultural.errors import UserError


@pytest.mark.parametrize(
    "url", ["https://query.wikidata.org/sparql", "https://wikidata.org/", "https://x.y.wikimedia.org"]
)
def test_wikimedia_requires_a_contact(url):
    with pytest.raises(UserError, match="--contact"):
        require_contact(url, "")
    require_contact(url, "me@example.org")


def test_other_hosts_require_no_contact():
    require_contact("https://notwikidata.org/", "")
    assert user_agent("", "library/1").endswith(" library/1")


def test_user_agent_contains_the_contact():
    assert user_agent("me@example.org", "aiohttp/3").startswith("pangea-cultural/0.1.0 (me@example.org) aiohttp/3")


@pytest.mark.parametrize(
    "contact",
    [
        *("me", "a b@c.d", "https://x.org) (y", "me (at home)", "ich@müller.de"),
        *("me@example.org\r\nX-Other: 1", "me@example.org\r\nX-Evil: 1"),
    ],
)
def test_user_agent_rejects_malformed_contacts(contact):
    with pytest.raises(UserError, match="is not a contact"):
        user_agent(contact, "library/1")
