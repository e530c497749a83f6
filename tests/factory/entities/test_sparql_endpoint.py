"""The SPARQL client against a real server behind a proxy that misbehaves."""

import re
import time
from dataclasses import replace
from email.utils import formatdate

import pytest

from factory.entities.base import TooMuchError
from factory.entities.sources.sparql import queries
from factory.entities.sources.sparql.endpoint import Endpoint
from factory.entities.sources.sparql.responses import Politeness
from factory.net.errors import EndpointDownError
from pangea_cultural import __version__
from pangea_cultural.errors import UserError
from tests.factory.conftest import Oxigraph, free_port, serving
from tests.helpers import fault_proxy as fault

QUERY = 'SELECT ?n WHERE { VALUES ?n { "one" "two" "three" } }'
TIMED_OUT = fault.status(500, "java.util.concurrent.TimeoutException: Query deadline is expired.")
QUICK = Politeness(pause_s=0, timeout_s=20, backoff_s=0.001, tries=3, max_bytes=10_000)
IMPATIENT = replace(QUICK, timeout_s=1)


@pytest.fixture
def proxy(oxigraph):
    with fault.FaultProxy(oxigraph.url).running() as running:
        yield running


@pytest.fixture
def waits():
    """What the client would have slept."""
    return []


@pytest.fixture
def endpoint(proxy, waits):
    return Endpoint(proxy.url, politeness=QUICK, private_hosts=[proxy.host], sleep=waits.append)


@pytest.fixture
def impatient(proxy, waits):
    return Endpoint(proxy.url, politeness=IMPATIENT, private_hosts=[proxy.host], sleep=waits.append)


def only(fault_of_the_query):
    """A fault of the test's query alone, so that the probe after it is answered."""
    return lambda query: None if query == queries.PROBE else fault_of_the_query


def values(rows):
    return sorted(row["n"]["value"] for row in rows)


def test_a_query_is_posted_with_a_name(proxy):
    endpoint = Endpoint(proxy.url, contact="me@example.org", politeness=QUICK, private_hosts=[proxy.host])
    assert values(endpoint.select(QUERY)) == ["one", "three", "two"]
    (request,) = proxy.requests
    assert (request.method, request.query) == ("POST", QUERY)
    agent = rf"pangea-cultural/{re.escape(__version__)} \(me@example\.org\) SPARQLWrapper/[\d.]+"
    assert re.fullmatch(agent, request.headers["User-Agent"])
    assert "application/sparql-results+json" in request.headers["Accept"]


def test_queries_are_a_pause_apart(proxy, waits):
    politeness = Politeness(pause_s=5)
    endpoint = Endpoint(proxy.url, politeness=politeness, private_hosts=[proxy.host], sleep=waits.append)
    endpoint.select(QUERY)
    endpoint.select(QUERY)
    assert waits[0] == 0 and 4.5 < waits[1] <= 5


@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [(lambda: {"Retry_After": "7"}, 7), (lambda: {"Retry_After": formatdate(time.time() + 100)}, 100), (dict, 60)],
)
def test_a_busy_server_is_left_alone_as_long_as_it_wants(proxy, endpoint, waits, code, headers, wait_s):
    proxy.script = [fault.status(code, "Too Many Requests", **headers())]
    assert values(endpoint.select(QUERY)) == ["one", "three", "two"]
    assert max(waits) == pytest.approx(wait_s, abs=5)


def test_a_server_that_stays_busy_ends_the_build(proxy, endpoint):
    proxy.rule = lambda query: fault.status(429, Retry_After="1")
    with pytest.raises(UserError, match=r"is still busy.*run the same command again"):
        endpoint.select(QUERY)
    assert len(proxy.requests) == QUICK.tries


def test_nobody_waits_for_a_day(proxy, endpoint, waits):
    proxy.script = [fault.status(429, Retry_After="86400")]
    with pytest.raises(UserError, match="asks to wait 86400 s"):
        endpoint.select(QUERY)
    assert sum(waits) == 0


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (TIMED_OUT, "timed out"),
        (fault.status(504, "Gateway"), "timed out"),
        (fault.status(429, '{"exception": "Operation timed out."}'), "timed out"),
        (fault.cut_json, "cut off or garbled"),
        (fault.garbage_tail, "cut off or garbled"),
        (fault.cut_connection, "cut off"),
        (fault.answer(""), "cut off or garbled"),
        (fault.answer("[" * 100_000), "too large"),
        (fault.answer("[" * 9_000), "cut off or garbled"),
    ],
)
def test_an_answer_that_is_not_whole_is_too_much(proxy, endpoint, broken, reason):
    proxy.script = [broken]
    with pytest.raises(TooMuchError, match=reason):
        endpoint.select(QUERY)
    assert len(proxy.requests) == 1


def test_a_dripping_answer_is_too_much(proxy, impatient):
    proxy.script = [fault.drip]
    with pytest.raises(TooMuchError, match="took too long"):
        impatient.select(QUERY)


@pytest.mark.parametrize(
    ("broken", "tries"), [(fault.slow(5), 1), (fault.status(500, "Internal error"), 3), (fault.reset, 3)]
)
def test_a_query_that_breaks_a_sound_server_is_too_much(proxy, impatient, broken, tries):
    proxy.rule = only(broken)
    with pytest.raises(TooMuchError):
        impatient.select(QUERY)
    assert [request.query for request in proxy.requests] == [QUERY] * tries + [queries.PROBE]


@pytest.mark.parametrize("broken", [fault.slow(5), fault.status(500, "Internal error"), fault.reset, fault.page])
def test_a_server_that_answers_nothing_is_down(proxy, impatient, broken):
    proxy.rule = lambda query: broken
    with pytest.raises(EndpointDownError, match="what is done is kept; run the same command again"):
        impatient.select(QUERY)


@pytest.mark.parametrize("broken", [fault.reset, fault.status(500, "hiccup"), fault.status(502, "bad gateway")])
def test_a_passing_fault_is_tried_again(proxy, endpoint, broken):
    proxy.script = [broken, broken]
    assert values(endpoint.select(QUERY)) == ["one", "three", "two"]


def test_waits_double_with_jitter(proxy, waits):
    politeness = replace(QUICK, tries=8, backoff_s=1)
    proxy.script = [fault.status(500)] * 7
    Endpoint(proxy.url, politeness=politeness, private_hosts=[proxy.host], sleep=waits.append).select(QUERY)
    shares = [wait / 2**n for n, wait in enumerate(wait for wait in waits if wait)]
    assert len(set(shares)) == 7 and all(0.5 <= share <= 1.5 for share in shares)


def test_a_ban_is_quoted_and_not_tried_again(proxy, endpoint):
    proxy.script = [fault.status(403, "You have been banned until 2026-11-26, please respect throttling")]
    with pytest.raises(UserError, match="banned until 2026-11-26"):
        endpoint.select(QUERY)
    assert len(proxy.requests) == 1


def test_a_redirect_is_not_followed_but_named(proxy, endpoint):
    proxy.script = [fault.status(301, Location="http://10.0.0.1/sparql")]
    with pytest.raises(UserError, match=r"moved to 'http://10\.0\.0\.1/sparql'"):
        endpoint.select(QUERY)


@pytest.mark.parametrize("body", ["[]", "{}", '{"results": {}}', '{"results": {"bindings": {}}}', "7"])
def test_other_json_is_no_answer(proxy, endpoint, body):
    proxy.script = [fault.answer(body)]
    with pytest.raises(UserError, match="without results"):
        endpoint.select(QUERY)


def test_a_query_that_the_server_does_not_understand_is_not_tried_again(proxy, oxigraph):
    endpoint = Endpoint(oxigraph.url, politeness=QUICK, private_hosts=[oxigraph.host])
    with pytest.raises(UserError, match="refuses a query"):
        endpoint.select("SELECT ?n WHERE { ?n undeclared:p ?o }")


@pytest.mark.parametrize("url", [f"http://127.0.0.1:{free_port()}/sparql", "http://nothing.invalid/sparql"])
def test_a_server_that_is_not_there_is_down_after_all_tries(waits, url):
    endpoint = Endpoint(url, politeness=QUICK, private_hosts=["127.0.0.1"], sleep=waits.append)
    with pytest.raises(EndpointDownError, match="does not answer"):
        endpoint.select(QUERY)
    assert len([wait for wait in waits if wait]) == QUICK.tries - 1


def test_a_real_servers_time_out_is_too_much(tmp_path):
    with serving(tmp_path / "log", "--timeout-s", "1") as host:
        server = Oxigraph(host)
        server.load("".join(f"<http://a/{n}> <http://p> <http://a/{m}> .\n" for n in range(80) for m in range(40)))
        endpoint = Endpoint(server.url, politeness=Politeness(timeout_s=20, tries=1), private_hosts=[host])
        with pytest.raises(TooMuchError):
            endpoint.select("SELECT (COUNT(*) AS ?n) { ?a <http://p> ?b . ?c <http://p> ?d . ?e <http://p> ?f }")


def test_wikimedia_is_not_asked_without_a_contact():
    with pytest.raises(UserError, match=r"--contact .* PCULT_CONTACT"):
        Endpoint("https://query.wikidata.org/sparql")
    assert Endpoint("https://query.wikidata.org/sparql", contact="me@example.org").host == "query.wikidata.org"


def test_a_private_server_is_not_asked_unless_the_recipe_names_it(proxy):
    with pytest.raises(UserError, match="private_hosts"):
        Endpoint(proxy.url, politeness=QUICK).select(QUERY)
    assert proxy.requests == []
