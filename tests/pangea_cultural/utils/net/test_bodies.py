"""Changed bodies of responses."""

import asyncio

import pytest

from pangea_cultural.utils.net.bodies import change_body, has_type

HTML = (b"Content-Type", b"text/html; charset=utf-8")
OLD_LENGTH = (b"Content-Length", b"3")


def start(*headers, status=200):
    return {"type": "http.response.start", "status": status, "headers": [HTML, *headers]}


def body(content, more_body=False):
    return {"type": "http.response.body", "body": content, "more_body": more_body}


def sent(*messages, change=bytes.upper, after=None):
    """Return what is sent after all messages, or after a number of them."""
    found = []

    async def send(message):
        found.append(message)

    async def run():
        channel = change_body(send, change, lambda message: message["status"] == 200)
        for message in messages[:after]:
            await channel(message)

    asyncio.run(run())
    return found


@pytest.mark.parametrize("headers", [[OLD_LENGTH], [], [(b"transfer-encoding", b"chunked")]])
@pytest.mark.parametrize("parts", [[b"abc"], [b"a", b"", b"bc"], [b"abc", b""]])
def test_body_is_changed_as_a_whole_and_has_its_own_length(headers, parts):
    pieces = [body(part, more_body=number < len(parts)) for number, part in enumerate(parts, 1)]
    messages = [start((b"x", b"1"), *headers), *pieces]
    first, second = sent(*messages, change=lambda content: content.upper() + b"!")
    assert first["headers"] == [HTML, (b"x", b"1"), (b"content-length", b"4")] and second["body"] == b"ABC!"
    assert not second.get("more_body") and sent(*messages, after=-1) == []


@pytest.mark.parametrize("first", [start(status=404), start((b"Content-Encoding", b"gzip"), OLD_LENGTH)])
def test_other_response_is_sent_as_it_comes(first):
    messages = [first, body(b"a", more_body=True), body(b"bc")]
    assert sent(*messages) == messages and sent(*messages, after=2) == messages[:2]


def test_response_to_head_has_no_body_and_no_wrong_length():
    first, second = sent(start(OLD_LENGTH), body(b""), change=lambda content: content + b"!")
    assert first["headers"] == [HTML] and second["body"] == b""
    (_, changed) = sent(start((b"content-encoding", b"identity")), body(b"a"))
    assert changed["body"] == b"A"


def test_body_from_a_file_and_messages_before_and_after_are_passed_on():
    file = {"type": "http.response.pathsend", "path": "/x"}
    assert sent(start(OLD_LENGTH), file) == [start(OLD_LENGTH), file]
    hint, trailers = {"type": "http.response.early_hint"}, {"type": "http.response.trailers"}
    found = sent(hint, start(), body(b"a"), trailers)
    assert found[0] == hint and found[2]["body"] == b"A" and found[3] == trailers


def test_error_of_a_change_sends_nothing():
    def fail(content):
        raise ValueError

    found = []

    async def send(message):
        found.append(message)

    async def run():
        channel = change_body(send, fail, lambda message: True)
        await channel(start())
        await channel(body(b"a"))

    with pytest.raises(ValueError):
        asyncio.run(run())
    assert found == []


def test_type_is_found_with_parameters_and_in_any_case():
    assert has_type([(b"CONTENT-TYPE", b"Text/HTML; charset=utf-8")], b"text/html")
    assert not has_type([(b"content-type", b"text/plain")], b"text/html") and not has_type([], b"text/html")
