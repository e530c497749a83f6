"""Several endpoints of one model: which one is asked, and what happens when one is down."""

import asyncio

import pytest

from pangea_cultural.endpoint import client
from pangea_cultural.endpoint.client import Endpoint
from pangea_cultural.endpoint.concurrency import gather
from pangea_cultural.endpoint.failures import NoAnswerError
from pangea_cultural.endpoint.identity import Identity, identity_of, require_same
from pangea_cultural.endpoint.messages import question
from pangea_cultural.endpoint.pool import EndpointPool
from pangea_cultural.errors import UserError
from tests.helpers.servers.scripted_endpoint import RESET, ScriptedEndpoint

IMAGES = [b"image %d" % number for number in range(60)]


@pytest.fixture(autouse=True)
def no_retries(monkeypatch):
    monkeypatch.setattr(client, "RETRIES", 0)


@pytest.fixture
def servers():
    """Three servers of the model `m`; those whose number is in `down` close every connection."""
    down = set()
    started = [
        ScriptedEndpoint(lambda body, _, number=number: RESET if number in down else f"from {number}", models=["m"])
        for number in range(3)
    ]
    with started[0], started[1], started[2]:
        yield started, down


def answers(servers, images, *, rounds=1):
    """Return the answers to a question about each image, in each round."""

    async def ask():
        async with EndpointPool([Endpoint(server.url, model="m") for server in servers]) as pool:
            rows = [await gather(lambda image: pool.reply(question(image, "?")), images) for _ in range(rounds)]
            return [[answer.text for answer in row] for row in rows]

    return asyncio.run(ask())


def test_questions_about_an_image_go_to_one_endpoint_and_images_to_all(servers):
    started, _ = servers
    first, second = answers(started, IMAGES, rounds=2)
    assert first == second
    assert min(first.count(f"from {number}") for number in range(3)) > 8
    message, choice = question(IMAGES[0], "?"), question(IMAGES[0], "another question")
    assert message != choice
    assert answers(started, [IMAGES[0]])[0] == first[:1]


def test_endpoint_that_is_down_is_replaced_and_other_images_stay_where_they_are(servers):
    started, down = servers
    (before,) = answers(started, IMAGES)
    down.add(1)
    asked = len(started[1].bodies)
    after, again = answers(started, IMAGES, rounds=2)
    assert after == again and "from 1" not in after
    assert all(new == old for old, new in zip(before, after, strict=True) if old != "from 1")
    # It rests: what failed at first is asked elsewhere at once.
    assert len(started[1].bodies) - asked == before.count("from 1")


def test_failure_of_the_last_endpoint_is_the_failure(servers):
    started, down = servers
    down |= {0, 1, 2}
    with pytest.raises(NoAnswerError) as error:
        answers(started, IMAGES[:1])
    assert error.value.kind == "connection"
    assert [len(server.bodies) for server in started] == [1, 1, 1]


def test_request_that_an_endpoint_rejects_is_not_sent_to_others():
    with (
        ScriptedEndpoint(lambda body, number: 400, models=["m"]) as one,
        ScriptedEndpoint(lambda body, number: 400, models=["m"]) as two,
        pytest.raises(NoAnswerError, match="rejected a request"),
    ):
        answers([one, two], IMAGES[:1])
    assert len(one.bodies) + len(two.bodies) == 1


def test_endpoints_of_different_models_are_refused():
    with (
        ScriptedEndpoint(lambda body, number: "ten", models=["m"]) as one,
        ScriptedEndpoint(lambda body, number: "zehn", models=["m"]) as two,
    ):
        urls = [one.url, two.url]
        assert identity_of(lambda: EndpointPool([Endpoint(one.url), Endpoint(one.url)])).model == "m"
        with pytest.raises(UserError, match="serve different models"):
            identity_of(lambda: EndpointPool([Endpoint(url, model="m") for url in urls]))


def test_run_ends_although_one_endpoint_has_died_and_not_with_another_model():
    def compared(names, *urls):
        async def ask():
            known = Identity(model="m", weights=32 * "a", files=32 * "b")
            with ScriptedEndpoint(lambda body, number: "", models=names) as server:
                async with EndpointPool([Endpoint(url) for url in (*urls, server.url)]) as pool:
                    await require_same(pool, known)

        asyncio.run(ask())

    dead = "http://127.0.0.1:9/v1"
    compared(["m", f"m@{32 * 'a'}.{32 * 'b'}"], dead)
    with pytest.raises(UserError, match="changed its model"):
        compared(["m", f"m@{32 * 'c'}.{32 * 'b'}"], dead)
