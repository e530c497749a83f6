"""The SPARQL client against a real server behind a proxy with faults."""

import time
from dataclasses import replace
from email.utils import formatdate

import aiohttp
import pytest

from factory.entities.base import IncompleteAnswerError
from factory.entities.sources.sparql import queries
from factory.entities.sources.sparql.endpoint import Endpoint
from factory.entities.sources.sparql.responses import QueryLimits
from factory.net.errors import EndpointDownError
from factory.net.user_agent import user_agent
from pangea_cultural.errors import UserError
from tests.factory.conftest import Oxigraph, free_port, serving
from tests.helpers.fast_clock import fast_clock
from tests.helpers.servers import fault_proxy as fault

QUERY = 'SELECT ?n WHERE { VALUES ?n { "one" "two" "three" } }'
TIMED_OUT = fault.status(500, "java.util.concurrent.TimeoutException: Query deadline is expired.")
QUICK = QueryLimits(pause_s=0, timeout_s=20, backoff_s=0.001, tries=3, max_bytes=10_000)
SHORT_TIMEOUT = replace(QUICK, timeout_s=1)


@pytest.fixture
def proxy(oxigraph):
    with fault.FaultProxy(oxigraph.url).running() as running:
        yield running


@pytest.fixture
def waits():
    """The waits of the client, which are skipped."""
    with fast_clock() as skipped:
        yield skipped


@pytest.fixture
def endpoint(proxy, waits):
    with Endpoint(proxy.url, limits=QUICK, private_hosts=[proxy.host]) as opened:
        yield opened


@pytest.fixture
def short_timeout(proxy):
    with Endpoint(proxy.url, limits=SHORT_TIMEOUT, private_hosts=[proxy.host]) as opened:
        yield opened


def except_probe(broken):
    """Apply a fault to the query of the test, and answer the probe after it."""
    return lambda query: None if query == queries.PROBE else broken


def values(rows):
    return sorted(row["n"]["value"] for row in rows)


def test_query_is_posted_with_contact_and_result_format(proxy):
    with Endpoint(proxy.url, contact="me@example.org", limits=QUICK, private_hosts=[proxy.host]) as endpoint:
        assert values(endpoint.select(QUERY)) == ["one", "three", "two"]
    (request,) = proxy.requests
    assert (request.method, request.query) == ("POST", QUERY)
    assert request.headers["User-Agent"] == user_agent("me@example.org", f"aiohttp/{aiohttp.__version__}")
    assert "application/sparql-results+json" in request.headers["Accept"]


def test_queries_are_a_pause_apart(proxy, waits):
    with Endpoint(proxy.url, limits=QueryLimits(pause_s=5), private_hosts=[proxy.host]) as endpoint:
        endpoint.select(QUERY)
        assert waits == []
        endpoint.select(QUERY)
    assert 4.5 < sum(waits) <= 5


@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [(lambda: {"Retry_After": "7"}, 7), (lambda: {"Retry_After": formatdate(time.time() + 100)}, 100), (dict, 60)],
)
def test_retry_after_of_a_busy_server_is_obeyed(proxy, endpoint, waits, code, headers, wait_s):
    proxy.script = [fault.status(code, "Too Many Requests", **headers())]
    assert values(endpoint.select(QUERY)) == ["one", "three", "two"]
    assert max(waits) == pytest.approx(wait_s, abs=5)


def test_server_that_stays_busy_stops_the_build(proxy, endpoint):
    proxy.rule = lambda query: fault.status(429, Retry_After="1")
    with pytest.raises(EndpointDownError, match=r"is still busy.*Run the same command again"):
        endpoint.select(QUERY)
    assert len(proxy.requests) == QUICK.tries


def test_retry_after_of_a_day_stops_the_build(proxy, endpoint, waits):
    proxy.script = [fault.status(429, Retry_After="86400")]
    with pytest.raises(EndpointDownError, match="asks to wait 86400 s"):
        endpoint.select(QUERY)
    assert waits == []


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (TIMED_OUT, "timed out"),
        (fault.status(504, "Gateway"), "timed out"),
        (fault.status(429, '{"exception": "Operation timed out."}'), "timed out"),
        (fault.cut_json, "truncated or garbled"),
        (fault.garbage_tail, "truncated or garbled"),
        (fault.cut_connection, "answer truncated"),
        (fault.answer(""), "truncated or garbled"),
        (fault.answer("[" * 100_000), "too large"),
        (fault.answer("[" * 9_000), "truncated or garbled"),
    ],
)
def test_truncated_answer_is_incomplete_and_not_retried(proxy, endpoint, broken, reason):
    proxy.script = [broken]
    with pytest.raises(IncompleteAnswerError, match=reason):
        endpoint.select(QUERY)
    assert len(proxy.requests) == 1


def test_status_counts_although_the_body_of_an_error_is_truncated(proxy, endpoint, waits):
    proxy.script = [fault.cut_status(429, Retry_After="7")]
    assert values(endpoint.select(QUERY)) == ["one", "three", "two"]
    assert max(waits) == pytest.approx(7, abs=1)


def test_dripping_answer_is_incomplete(proxy, short_timeout):
    proxy.script = [fault.drip]
    with pytest.raises(IncompleteAnswerError, match="took too long"):
        short_timeout.select(QUERY)
    assert len(proxy.requests) == 1


@pytest.mark.parametrize(
    ("broken", "tries"), [(fault.slow(5), 1), (fault.status(500, "Internal error"), 3), (fault.reset, 3)]
)
def test_query_that_fails_on_a_working_server_is_incomplete(proxy, short_timeout, broken, tries):
    proxy.rule = except_probe(broken)
    with pytest.raises(IncompleteAnswerError):
        short_timeout.select(QUERY)
    assert [request.query for request in proxy.requests] == [QUERY] * tries + [queries.PROBE]


def test_many_incomplete_answers_do_not_count_as_a_server_that_is_down(proxy, endpoint):
    proxy.rule = except_probe(fault.cut_connection)
    for _ in range(25):
        with pytest.raises(IncompleteAnswerError):
            endpoint.select(QUERY)


@pytest.mark.parametrize(
    "broken", [fault.slow(5), fault.status(500, "Internal error"), fault.reset, fault.page, fault.plain_text]
)
def test_server_that_answers_no_query_is_down(proxy, short_timeout, broken):
    proxy.rule = lambda query: broken
    with pytest.raises(EndpointDownError, match=r"does not answer.*Run the same command again"):
        short_timeout.select(QUERY)


@pytest.mark.parametrize(
    "broken", [fault.reset, fault.reset_body, fault.status(500, "hiccup"), fault.status(502, "bad gateway")]
)
def test_transient_fault_is_retried(proxy, endpoint, broken):
    proxy.script = [broken, broken]
    assert values(endpoint.select(QUERY)) == ["one", "three", "two"]


def test_backoffs_double_with_jitter(proxy, waits):
    limits = replace(QUICK, tries=8, backoff_s=1)
    proxy.script = [fault.status(500)] * 7
    with Endpoint(proxy.url, limits=limits, private_hosts=[proxy.host]) as endpoint:
        endpoint.select(QUERY)
    ratios = [wait / 2**n for n, wait in enumerate(waits)]
    assert len(set(ratios)) == 7 and all(0.5 <= ratio <= 1.5 for ratio in ratios)


def test_block_is_quoted_and_not_retried(proxy, endpoint):
    proxy.script = [fault.status(403, "You have been banned until 2026-11-26, please respect throttling")]
    with pytest.raises(UserError, match="banned until 2026-11-26"):
        endpoint.select(QUERY)
    assert len(proxy.requests) == 1


def test_redirect_is_reported_and_not_followed(proxy, endpoint):
    proxy.script = [fault.status(301, Location="http://10.0.0.1/sparql")]
    with pytest.raises(UserError, match=r"moved to 'http://10\.0\.0\.1/sparql'"):
        endpoint.select(QUERY)
    assert len(proxy.requests) == 1


@pytest.mark.parametrize("body", ["[]", "{}", '{"results": {}}', '{"results": {"bindings": {}}}', "7"])
def test_other_json_is_an_error(proxy, endpoint, body):
    proxy.script = [fault.answer(body)]
    with pytest.raises(UserError, match="without results"):
        endpoint.select(QUERY)
    assert len(proxy.requests) == 1


def test_refused_query_is_not_retried(proxy, endpoint, oxigraph):
    refused = pytest.raises(UserError, match="refuses a query")
    with Endpoint(oxigraph.url, limits=QUICK, private_hosts=[oxigraph.host]) as real, refused:
        real.select("SELECT ?n WHERE { ?n undeclared:p ?o }")
    proxy.script = [fault.status(400, "Malformed query")]
    with pytest.raises(UserError, match=r"refuses a query \(HTTP 400: Malformed query\)"):
        endpoint.select(QUERY)
    assert len(proxy.requests) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "nothing.invalid"])
def test_unreachable_server_is_down_after_all_tries(waits, host):
    down = pytest.raises(EndpointDownError, match="cannot be reached")
    url = f"http://{host}:{free_port()}/sparql"
    with Endpoint(url, limits=QUICK, private_hosts=["127.0.0.1"]) as endpoint, down:
        endpoint.select(QUERY)
    assert len(waits) == QUICK.tries - 1


def test_timeout_of_a_real_server_is_incomplete(tmp_path):
    with serving(tmp_path / "log", "--timeout-s", "1") as host:
        server = Oxigraph(host)
        server.load("".join(f"<http://a/{n}> <http://p> <http://a/{m}> .\n" for n in range(80) for m in range(40)))
        limits, incomplete = QueryLimits(timeout_s=20, tries=1), pytest.raises(IncompleteAnswerError)
        with Endpoint(server.url, limits=limits, private_hosts=[host]) as endpoint, incomplete:
            endpoint.select("SELECT (COUNT(*) AS ?n) { ?a <http://p> ?b . ?c <http://p> ?d . ?e <http://p> ?f }")


def test_wikimedia_requires_a_contact():
    with pytest.raises(UserError, match=r"--contact .* PCULT_CONTACT"):
        Endpoint("https://query.wikidata.org/sparql")
    assert Endpoint("https://query.wikidata.org/sparql", contact="me@example.org").host == "query.wikidata.org"


def test_private_server_is_asked_only_if_the_recipe_names_it(proxy):
    with Endpoint(proxy.url, limits=QUICK) as endpoint, pytest.raises(UserError, match="private_hosts"):
        endpoint.select(QUERY)
    assert proxy.requests == []
