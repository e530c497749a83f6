"""Requests to several endpoints: retries, rests, keys, schemas. tests/factory/refine/ sends them to a real model."""

import asyncio
import email.utils
import re
import time

import orjson
import pytest

from pangea_cultural.endpoint.address import Address
from pangea_cultural.endpoint.chat import ChatPool
from pangea_cultural.endpoint.completion import Answer
from pangea_cultural.endpoint.failures import KeyRefusedError, NoAnswerError
from pangea_cultural.endpoint.pauses import JITTER
from pangea_cultural.errors import UserError
from tests.helpers.fast_clock import fast_clock
from tests.helpers.servers.scripted_endpoint import CUT, HANG, RESET, ScriptedEndpoint, completion

MESSAGES = [{"role": "user", "content": "Hello"}]
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
BAD_LOGPROBS = b'{"choices": [{"message": {"content": "Hi"}, "logprobs": {"content": [{}]}}]}'
UNREACHABLE = Address(url="http://127.0.0.1:9/v1", model="m")


def address(server, **options):
    return Address(url=server.url, model="m", **options)


def ask(addresses, number=1, *, schema=None, check=False, **options):
    """Return the answers to equal requests, or their errors."""

    async def run():
        async with ChatPool(addresses, **options) as pool:
            if check:
                return await pool.check()
            requests = [pool.chat(MESSAGES, max_tokens=9, schema=schema) for _ in range(number)]
            return await asyncio.gather(*requests)

    return asyncio.run(run())


def test_an_answer_has_its_text_and_tokens():
    with ScriptedEndpoint(lambda body, number: "Hi") as server:
        assert ask([address(server)]) == [Answer("Hi", "", 200, 30)]
        assert server.bodies == [{"model": "m", "messages": MESSAGES, "max_tokens": 9, "temperature": 0}]


def test_the_likely_first_tokens_are_returned_if_they_are_asked_for():
    def script(body, number):
        return completion("Yes", first_tokens={"Yes": -0.1, "No": -2.5} if body.get("logprobs") else None)

    async def run(**options):
        async with ChatPool([address(server)]) as pool:
            return await pool.chat(MESSAGES, max_tokens=1, **options)

    with ScriptedEndpoint(script) as server:
        assert asyncio.run(run(top_logprobs=20)).first_tokens == (("Yes", -0.1), ("No", -2.5))
        assert server.bodies[0]["top_logprobs"] == 20
        assert asyncio.run(run()).first_tokens is None and "top_logprobs" not in server.bodies[1]


def test_the_limit_of_tokens_is_told():
    with ScriptedEndpoint(lambda body, number: completion("Hi", "length")) as server:
        assert ask([address(server)])[0].is_truncated


@pytest.mark.parametrize("fault", [500, 503, 429, CUT, RESET, b"<html>", b'{"choices": []}', b"[1]", BAD_LOGPROBS])
def test_a_passing_fault_is_retried(fault):
    with ScriptedEndpoint(lambda body, number: fault if number < 3 else "Hi") as server, fast_clock():
        assert ask([address(server)])[0].text == "Hi"
        assert len(server.bodies) == 3


def test_a_lasting_fault_is_an_error_of_the_request_with_its_kind():
    with ScriptedEndpoint(lambda body, number: 500) as server, fast_clock():
        with pytest.raises(NoAnswerError, match=r"failed at a request \(<html>failed</html>\)") as error:
            ask([address(server)])
        assert error.value.kind == "status 500"
        assert len(server.bodies) == 5


def test_a_request_that_the_server_refuses_is_not_sent_again():
    with ScriptedEndpoint(lambda body, number: 413) as server:
        with pytest.raises(NoAnswerError, match="rejected a request") as error:
            ask([address(server)])
        assert error.value.kind == "status 413"
        assert len(server.bodies) == 1


def test_a_server_that_does_not_answer_is_a_timeout():
    with ScriptedEndpoint(lambda body, number: HANG if number == 1 else "Hi") as server:
        assert ask([address(server)], timeout_s=0.3)[0].text == "Hi"


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_pause_that_a_server_asks_for_is_kept_and_is_no_failed_attempt(form):
    """It may be asked for more often than a request is tried."""

    def script(body, number):
        pause = "7" if form == "seconds" else email.utils.formatdate(time.time() + 7, usegmt=True)
        return (429, {"Retry-After": pause}) if number <= 9 else "Hi"

    notes = []
    with ScriptedEndpoint(script) as server:
        with fast_clock() as waits:
            assert ask([address(server)], note=notes.append)[0].text == "Hi"
        assert len(server.bodies) == 10 and notes == []
        assert 9 * 5 <= sum(waits) < 9 * 9


def test_a_server_that_asks_for_pauses_without_end_fails_the_request_and_is_noted():
    notes = []
    with ScriptedEndpoint(lambda body, number: (429, {"Retry-After": "5000"})) as server, fast_clock():
        with pytest.raises(NoAnswerError, match=r"has too many requests\. Wait, or send fewer") as error:
            ask([address(server)], note=notes.append)
        assert error.value.kind == "status 429" and len(server.bodies) == 21
    seconds = re.fullmatch(rf"{server.url} is asked again in (\d+) s \(status 429\)", notes[0])[1]
    assert 900 <= int(seconds) <= 900 * (1 + JITTER)


def test_requests_go_to_another_endpoint_while_one_is_down():
    with ScriptedEndpoint(lambda body, number: "Hi") as server, fast_clock():
        replies = ask([UNREACHABLE, address(server)], 40)
        assert [reply.text for reply in replies] == ["Hi"] * 40 and len(server.bodies) == 40


def test_an_endpoint_that_hangs_is_asked_by_one_request_at_a_time():
    """Requests wait for it once. The other endpoint then answers all but one."""

    async def run():
        async with ChatPool([address(hung), address(server)], timeout_s=0.4, concurrency=10) as pool:
            for _ in range(3):
                await asyncio.gather(*[pool.chat(MESSAGES, max_tokens=9) for _ in range(40)])

    with (
        ScriptedEndpoint(lambda body, number: HANG) as hung,
        ScriptedEndpoint(lambda body, number: "Hi") as server,
    ):
        asyncio.run(run())
        assert len(server.bodies) == 120 and 5 <= len(hung.bodies) <= 8


@pytest.fixture
def short_probes(monkeypatch):
    """Waiting for a probe hardly advances the fast clock, by which requests time out."""
    monkeypatch.setattr("pangea_cultural.endpoint.rests.PROBE_S", 0.001)


def test_a_server_that_comes_back_loses_no_request(short_probes):
    """It is away for longer than a request is tried: requests wait, and only one at a time is tried."""
    with ScriptedEndpoint(lambda body, number: RESET if number <= 12 else "Hi") as server, fast_clock() as waits:
        replies = ask([address(server)], 30, concurrency=10)
    assert [reply.text for reply in replies] == ["Hi"] * 30 and sum(waits) > 30


def test_a_server_that_stays_away_is_given_up(short_probes, monkeypatch):
    monkeypatch.setattr("pangea_cultural.endpoint.rests.GIVE_UP_S", 120)
    with (
        ScriptedEndpoint(lambda body, number: RESET) as server,
        fast_clock(),
        pytest.raises(UserError, match=r"No answer from http.* for 2 minutes\. Repair it and run this again\."),
    ):
        ask([address(server)], 60, concurrency=20)
    # Each waiting request advances the fast clock, so that there may be no second try.
    assert 20 <= len(server.bodies) < 35, "after the first ones, one at a time"


def test_endpoints_share_the_requests():
    with (
        ScriptedEndpoint(lambda body, number: "1") as first,
        ScriptedEndpoint(lambda body, number: "2") as second,
    ):
        ask([address(first), address(second)], 60, concurrency=8)
        assert len(first.bodies) + len(second.bodies) == 60
        assert min(len(first.bodies), len(second.bodies)) > 15
        assert first.peak + second.peak <= 8


def test_a_refused_key_names_its_origin_but_not_the_key():
    with ScriptedEndpoint(lambda body, number: "Hi", key="right") as server:
        assert ask([address(server, api_key="right")])[0].text == "Hi"
        wrong = address(server, api_key="wrong", key_source="MY_KEY")
        for check in (True, False):
            with pytest.raises(KeyRefusedError, match=r"rejects the key in MY_KEY\.") as raised:
                ask([wrong], check=check)
            assert "wrong" not in str(raised.value)


def test_the_schema_is_sent():
    with ScriptedEndpoint(lambda body, number: "{}") as server:
        ask([address(server)], schema=SCHEMA)
        assert server.bodies[0]["response_format"]["json_schema"]["schema"] == SCHEMA


def test_a_server_without_schemas_is_asked_without_them():
    def script(body, number):
        return 400 if "response_format" in body else orjson.dumps({"a": "b"}).decode()

    with ScriptedEndpoint(script) as server:

        async def run():
            async with ChatPool([address(server)]) as pool:
                return [await pool.chat(MESSAGES, max_tokens=9, schema=SCHEMA) for _ in range(3)]

        assert [reply.text for reply in asyncio.run(run())] == ['{"a":"b"}'] * 3
        assert ["response_format" in body for body in server.bodies] == [True, False, False, False]


def test_a_request_too_long_for_the_model_does_not_switch_schemas_off():
    with ScriptedEndpoint(lambda body, number: 400 if number <= 2 else "{}") as server:

        async def run():
            async with ChatPool([address(server)]) as pool:
                with pytest.raises(NoAnswerError, match="rejected a request"):
                    await pool.chat(MESSAGES, max_tokens=9, schema=SCHEMA)
                await pool.chat(MESSAGES, max_tokens=9, schema=SCHEMA)

        asyncio.run(run())
        assert "response_format" in server.bodies[-1]


def test_the_check_names_endpoints_that_are_down():
    with ScriptedEndpoint(lambda body, number: "", models=["m"]) as server:
        assert ask([UNREACHABLE, address(server)], check=True) == [UNREACHABLE.url]
    with pytest.raises(UserError, match=r"No answer from http://127\.0\.0\.1:9/v1\. Start the endpoint"):
        ask([UNREACHABLE], check=True)


def test_the_check_names_the_models_of_an_endpoint():
    with (
        ScriptedEndpoint(lambda body, number: "", models=["a", "b"]) as server,
        pytest.raises(UserError, match="serves a, b, not m"),
    ):
        ask([address(server)], check=True)
    with ScriptedEndpoint(lambda body, number: "") as server:
        assert ask([address(server)], check=True) == []


def test_an_endless_answer_is_cut_off(monkeypatch):
    monkeypatch.setattr("pangea_cultural.endpoint.transport.MAX_RESPONSE_BYTES", 1000)
    with (
        ScriptedEndpoint(lambda body, number: "x" * 2000) as server,
        fast_clock(),
        pytest.raises(NoAnswerError, match="has no end"),
    ):
        ask([address(server)])
