"""Entity API source: redirects, deleted ids, errors of the API."""

import pytest

from factory.entities.sources.api import ApiSource
from factory.net.client import Client
from factory.net.retry import RetryPolicy
from pangea_cultural.errors import UserError
from tests.helpers import wikibase
from tests.helpers.servers.wikibase_server import WikibaseServer

ARCHITECT = wikibase.document("Q9", {}, labels=(("en", "Architect"), ("de", "Architektin")))
CASTLE = wikibase.document("Q1", {})
QUICK = RetryPolicy(base_s=0.001, tries=3)


def documents(server, *ids):
    """Return the documents of ids from a server."""
    with Client(private_hosts=[server.host], retry=QUICK) as client:
        source = ApiSource(client, server.url, ids=["Q1"], languages=["en"], name="api")
        return dict(source.documents(ids))


def test_redirected_deleted_and_unknown_ids_have_documents():
    with WikibaseServer([ARCHITECT, CASTLE], redirects={"Q3": "Q1"}).running() as server:
        by_id = documents(server, "Q9", "Q3", "Q4", "L5", "Q1")
    assert [document.get("id") for document in by_id.values()] == ["Q9", "Q1", "Q4", "L5", "Q1"]
    assert "missing" in by_id["Q4"] and "missing" in by_id["L5"]


def test_only_requested_languages_are_sent():
    with WikibaseServer([ARCHITECT]).running() as server:
        assert set(documents(server, "Q9")["Q9"]["labels"]) == {"en"}


def test_calls_have_at_most_fifty_ids():
    with WikibaseServer([]).running() as server:
        assert len(documents(server, *(f"Q{n}" for n in range(1, 121)))) == 120
        assert [len(ids) for ids in server.calls] == [50, 50, 20]


def test_lagging_api_is_retried():
    with WikibaseServer([ARCHITECT]).running() as server:
        server.faults.append({"error": {"code": "maxlag", "info": "Waiting for all: 3.45 seconds lagged."}})
        assert documents(server, "Q9")["Q9"]["labels"]["en"]["value"] == "Architect"


def test_refusing_api_stops_the_build():
    with WikibaseServer([ARCHITECT]).running() as server:
        server.faults += [{"error": {"code": "permissiondenied", "info": "no"}}] * 5
        with pytest.raises(UserError, match=r"API error: permissiondenied.*Run the same command again"):
            documents(server, "Q9")


def test_other_json_is_an_error():
    with WikibaseServer([ARCHITECT]).running() as server:
        server.faults.append({"query": {}})
        with pytest.raises(UserError, match="does not answer as an entity API"):
            documents(server, "Q9")


def test_wikimedia_requires_a_contact():
    with Client() as client, pytest.raises(UserError, match="--contact"):
        source = ApiSource(client, "https://www.wikidata.org/w/api.php", ids=["Q1"], languages=[], name="api")
        list(source.documents(["Q1"]))
