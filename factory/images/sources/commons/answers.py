"""Validation of the API's answers. An answer that does not mention a file says nothing about it.

Overloaded servers and proxies answer with status 200 and JSON that has no files. Read as "no such file", each of these
answers would lose fifty files for good.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from factory.net import responses
from factory.net.errors import RequestError

MALFORMED = "not an answer about files"
UNANSWERED = "an answer without some of the files"

Page = dict[str, Any]
"""A file's page in an answer, with `imageinfo`."""
Answer = dict[str, Any]


def spec(titles: Sequence[str] = ()) -> responses.ResponseSpec[Answer]:
    """Return the specification of an answer that is well-formed and, if it is complete, mentions all titles."""
    base = responses.mediawiki()

    def read(response: responses.Response) -> Answer:
        answer = base.read(response)
        _check_structure(answer)
        if not continuation(answer) and (missing := unanswered(titles, [answer.get("query", {})])):
            raise RequestError(reason=UNANSWERED, detail=missing[0])
        return answer

    return replace(base, read=read)


def continuation(answer: Answer) -> dict[str, str]:
    """Return the parameters of the next request, empty at the end. `iistart` leads to older versions of a file."""
    following = {key: str(value) for key, value in answer.get("continue", {}).items() if key != "iistart"}
    return following if following.keys() - {"continue"} else {}


def unanswered(titles: Iterable[str], queries: Sequence[Answer]) -> list[str]:
    """Return the titles that the `query` parts of an answer say nothing about."""
    pages, renamed = merged(queries)
    return [title for title in titles if not _is_answered(pages.get(target(f"File:{title}", renamed)))]


def _is_answered(page: Page | None) -> bool:
    """Return whether a page has a file, or says that there is none."""
    if page is None:
        return False
    denied = any(page.get(key, False) is not False for key in ("missing", "invalid"))
    return bool(page.get("imageinfo")) or denied or page.get("imagerepository") == ""


def merged(queries: Sequence[Answer]) -> tuple[dict[str, Page], dict[str, str]]:
    """Return the pages by title, and the new titles of renamed ones.

    A continuation repeats the pages, with the fields that were missing before.
    """
    pages: dict[str, Page] = {}
    renamed: dict[str, str] = {}
    for query in queries:
        for step in (*query.get("normalized", ()), *query.get("redirects", ())):
            renamed[step["from"]] = step["to"]
        for page in query.get("pages", ()):
            pages.setdefault(page["title"], {}).update(page)
    return pages, renamed


def target(title: str, renamed: dict[str, str]) -> str:
    """Return the title after normalization and redirects. A redirect loop ends at any of its titles."""
    for _ in range(len(renamed)):
        if title not in renamed:
            break
        title = renamed[title]
    return title


def _check_structure(answer: Answer) -> None:
    """Check the parts that are read.

    Raises:
        RequestError: one of them has another type.
    """
    query = answer.get("query", {})
    right = (
        any(key in answer for key in ("query", "batchcomplete", "continue"))
        and isinstance(query, dict)
        and _is_flat(answer.get("continue", {}))
        and _are_objects(query.get("pages", []), "title")
        and _are_objects(query.get("normalized", []), "from", "to")
        and _are_objects(query.get("redirects", []), "from", "to")
        and all(_are_objects(page.get("imageinfo", [])) for page in query.get("pages", []))
    )
    if not right:
        raise RequestError(reason=MALFORMED, detail=str(answer)[:200])


def _is_flat(values: object) -> bool:
    return isinstance(values, dict) and all(isinstance(value, str | int) for value in values.values())


def _are_objects(values: object, *keys: str) -> bool:
    """Return whether a value is a list of objects with texts under these keys."""
    return isinstance(values, list) and all(
        isinstance(value, dict) and all(isinstance(value.get(key), str) for key in keys) for value in values
    )
