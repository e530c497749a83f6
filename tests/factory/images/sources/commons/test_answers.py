"""Answers of the API that say nothing about a file: none of them means that Commons has no such file."""

import dataclasses
import socket

import pytest

from factory.images.sources.commons import answers
from factory.net.errors import EndpointDownError
from pangea_cultural.errors import UserError
from pangea_cultural.utils.net.resolver import PublicResolver
from tests.helpers.servers.commons_server import CommonsServer, File
from tests.helpers.servers.commons_source import fetched, open_commons

TOO_FEW = {
    "text as error": {"error": "Too many requests"},
    "gateway": {"httpCode": 429, "httpReason": "Too Many Requests"},
    "no query": {"batchcomplete": True},
    "nothing": {},
    "query is a list": {"batchcomplete": True, "query": []},
    "query is a text": {"batchcomplete": True, "query": "none"},
    "pages by id": {"batchcomplete": True, "query": {"pages": {"1": {"title": "File:A.jpg"}}}},
    "no pages": {"batchcomplete": True, "query": {"pages": []}},
    "another page": {"batchcomplete": True, "query": {"pages": [{"title": "File:B.jpg", "missing": True}]}},
    "page without title": {"batchcomplete": True, "query": {"pages": [{"missing": True}]}},
    "page without file": {"batchcomplete": True, "query": {"pages": [{"title": "File:A.jpg"}]}},
    "empty imageinfo": {"batchcomplete": True, "query": {"pages": [{"title": "File:A.jpg", "imageinfo": []}]}},
    "text as imageinfo": {"batchcomplete": True, "query": {"pages": [{"title": "File:A.jpg", "imageinfo": ["x"]}]}},
    "text as normalized": {"batchcomplete": True, "query": {"normalized": ["x"], "pages": []}},
    "text as continue": {"continue": "||", "query": {"pages": []}},
    "repeated continue": {"continue": {"excontinue": "1", "continue": "||"}, "query": {"pages": []}},
    "list": [1, 2],
}


@pytest.mark.parametrize("name", TOO_FEW)
def test_answer_without_the_file_is_asked_again(name):
    with CommonsServer([File(title="A.jpg")]) as server, open_commons(server) as source:
        server.answers = [TOO_FEW[name]] * (1 if name != "repeated continue" else 2)
        server.retry_after_s = 0
        if name == "list":
            with pytest.raises(UserError, match="not an answer of the MediaWiki API"):
                source.metadata(["A.jpg"])
        else:
            assert list(source.metadata(["A.jpg"])) == ["A.jpg"]
            assert len(server.requests) == len([TOO_FEW[name]]) + (2 if name == "repeated continue" else 1)


@pytest.mark.parametrize("name", TOO_FEW)
def test_answer_that_never_has_the_file_stops_the_build(name):
    with CommonsServer([File(title="A.jpg")]) as server, open_commons(server) as source:
        server.answers = [TOO_FEW[name]] * 50
        with pytest.raises(UserError, match=r"No answer from .*Run the same command again") as caught:
            source.metadata(["A.jpg"])
        assert "\n" not in str(caught.value)
        assert len(server.requests) <= 6


@pytest.mark.parametrize(
    "denial",
    [{"missing": True}, {"missing": ""}, {"invalid": True, "invalidreason": "x"}, {"imagerepository": "", "pageid": 5}],
)
def test_file_is_missing_only_if_the_answer_says_so(denial):
    with CommonsServer([]) as server, open_commons(server) as source:
        server.answers = [{"batchcomplete": True, "query": {"pages": [{"title": "File:A.jpg", **denial}]}}]
        assert source.metadata(["A.jpg"]) == {}
        assert len(server.requests) == 1


def test_continuation_does_not_repeat_files():
    file = {"title": "File:A.jpg", "imageinfo": [{"url": "http://x/A.jpg"}]}
    parts = [
        {"continue": {"iicontinue": "2", "continue": "||"}, "query": {"pages": [file, {"title": "File:B.jpg"}]}},
        {"batchcomplete": True, "query": {"pages": [{"title": "File:A.jpg"}, file | {"title": "File:B.jpg"}]}},
    ]
    with CommonsServer() as server, open_commons(server) as source:
        server.answers = list(parts)
        assert list(source.metadata(["A.jpg", "B.jpg"])) == ["A.jpg", "B.jpg"]
        assert len(server.requests) == 2


def test_category_ends_at_a_repeated_or_endless_continue():
    pages = [{"title": "File:A.jpg", "imageinfo": [{"url": "http://x/A.jpg"}]}]
    with CommonsServer() as server, open_commons(server) as source:
        server.answers = [{"continue": {"gcmcontinue": "1", "continue": "||"}, "query": {"pages": pages}}] * 9
        assert [info.title for info in source.in_categories(["X"], 50)["X"]] == ["A.jpg"]
        assert len(server.requests) == 2
        server.answers = [
            {"continue": {"gcmcontinue": str(n), "continue": "||"}, "query": {"pages": pages}} for n in range(500)
        ]
        assert [info.title for info in source.in_categories(["X"], 50)["X"]] == ["A.jpg"]
        assert len(server.requests) == 102


def page_with(**fields):
    entry = {"url": "http://127.0.0.1:1/x.jpg", "width": 900, "height": 900, "mime": "image/jpeg"} | fields
    return {"batchcomplete": True, "query": {"pages": [{"title": "File:A.jpg", "imageinfo": [entry]}]}}


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:99999/x.jpg",
        "http://[::1/x.jpg?a=b",
        "http://x:abc/x.jpg",
        "//x.jpg",
        "ftp://x/y.jpg",
        "x" * 9999,
    ],
)
def test_wrong_address_fails_its_file_only(url):
    with CommonsServer() as server, open_commons(server) as source:
        server.answers = [page_with(url=url)]
        ((_, problem),) = source.fetch(list(source.metadata(["A.jpg"]).values()))
    assert problem.reason == "not an http address" and url not in problem.reason


@pytest.mark.parametrize(
    "fields",
    [
        {"url": 5, "thumburl": [], "descriptionurl": {}, "sha1": 1, "mime": 2, "mediatype": None},
        {"width": 10**30, "height": 10**30, "size": 10**30},
        {"width": -1, "height": True, "size": "x"},
        {"width": 0, "height": 0},
        {"extmetadata": []},
        {"extmetadata": {"Artist": 5, "License": {"value": ["x"]}, "LicenseShortName": {"value": 4.0}}},
        {"extmetadata": {"Artist": {"value": "<br>\x01\x0b<b>\ufffe"}, "Credit": {"value": "&#0;<br>&#1;"}}},
    ],
)
def test_metadata_of_wrong_types_is_read_or_refused(fields):
    with CommonsServer() as server, open_commons(server) as source:
        server.answers = [page_with(**fields)]
        info = source.metadata(["A.jpg"])["A.jpg"]
        assert info.original.width is None or info.original.width < 2**31
        assert isinstance(info.original.url, str) and isinstance(info.attribution.author, str)


@pytest.fixture
def unknown_host(monkeypatch):
    """Make a host without an address."""
    resolve = PublicResolver.resolve

    async def resolved(self, host, port=0, family=socket.AF_UNSPEC):
        if host == "gone.example":
            raise OSError(socket.EAI_NONAME, "Name or service not known")
        return await resolve(self, host, port, family)

    monkeypatch.setattr(PublicResolver, "resolve", resolved)
    return "gone.example"


def at(info, host):
    """Return a file whose only address is at another host."""
    original = dataclasses.replace(info.original, url=f"http://{host}/{info.title}", thumbnail_url="")
    return dataclasses.replace(info, original=original)


def test_host_without_an_address_fails_its_files_only(unknown_host):
    files = [File(title=f"{n}.jpg", width=900) for n in range(60)]
    with CommonsServer(files) as server, open_commons(server) as source:
        infos = list(source.metadata([file.title for file in files]).values())
        gone = [at(info, unknown_host) for info in infos[:40]]
        list(source.fetch(infos[40:41]))
        found = {info.title: content for info, content in source.fetch([*gone, *infos[40:]])}
    assert {found[info.title].reason for info in gone} == {"host not reachable"}
    assert all(isinstance(found[info.title], bytes) for info in infos[40:])


def test_build_stops_if_no_host_of_files_has_an_address(unknown_host):
    files = [File(title=f"{n}.jpg", width=900) for n in range(60)]
    with CommonsServer(files) as server, open_commons(server) as source:
        infos = [at(info, unknown_host) for info in source.metadata([file.title for file in files]).values()]
        with pytest.raises(EndpointDownError, match="cannot be reached"):
            list(source.fetch(infos))


def test_redirect_loop_in_an_answer_ends():
    steps = {"File:A.jpg": "File:B.jpg", "File:B.jpg": "File:A.jpg"}
    assert answers.target("File:A.jpg", steps) in steps


def test_very_long_photo_is_refused_before_it_is_fetched():
    _, problem, paths = fetched(File(title="A.jpg", width=64_000, height=420))
    assert (problem.reason, paths) == ("no photo by its shape: line", [])
