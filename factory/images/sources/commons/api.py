"""Requests to Commons' API: metadata of files, fifty at a time."""

from collections.abc import Sequence
from typing import Any

from yarl import URL

from factory.net import responses
from factory.net.client import Client

MAX_TITLES = 50
"""Limit of a call, and of the thumbnails in one answer."""
MAX_GET_CHARACTERS = 6_000
"""Longer requests are sent by POST: fifty percent-encoded Chinese names have 30,000 characters."""
FIELDS = (
    "Artist",
    "Attribution",
    "Categories",
    "Credit",
    "DateTimeOriginal",
    "License",
    "LicenseShortName",
    "LicenseUrl",
    "Restrictions",
)
Page = dict[str, Any]
"""A file's page in an answer, with `imageinfo`."""


class Api:
    """The API of a wiki.

    Args:
        client: HTTP client.
        url: URL of api.php.
        width: width of the requested thumbnail URLs, in pixels.
    """

    def __init__(self, client: Client, url: str, width: int) -> None:
        self._client = client
        self._url = URL(url)
        self._common = {
            "action": "query",
            "format": "json",
            "formatversion": "2",
            "maxlag": "5",
            "prop": "imageinfo",
            "iiprop": "url|size|mime|mediatype|sha1|timestamp|extmetadata",
            "iiurlwidth": str(width),
            "iiextmetadatafilter": "|".join(FIELDS),
            "iiextmetadatalanguage": "en",
        }

    async def files(self, titles: Sequence[str]) -> dict[str, Page]:
        """Return the pages of files by requested title, without missing files.

        Args:
            titles: at most fifty, normalized, without `File:`.

        Raises:
            FetchError: there is no valid answer.
        """
        pages: dict[str, Page] = {}
        renamed: dict[str, str] = {}
        for query in await self._query({"titles": "|".join(f"File:{title}" for title in titles), "redirects": "1"}):
            for step in (*query.get("normalized", ()), *query.get("redirects", ())):
                renamed[step["from"]] = step["to"]
            _merge(pages, query)
        by_title = {title: pages.get(_target(f"File:{title}", renamed)) for title in titles}
        return {title: page for title, page in by_title.items() if page and page.get("imageinfo")}

    async def category(self, name: str, limit: int) -> list[Page]:
        """Return the pages of the first files of a category, by title. A missing category is empty.

        Raises:
            FetchError: there is no valid answer.
        """
        pages: dict[str, Page] = {}
        parameters = {
            "generator": "categorymembers",
            "gcmtitle": f"Category:{name}",
            "gcmtype": "file",
            "gcmlimit": str(min(limit, MAX_TITLES)),
            "gcmsort": "sortkey",
        }
        for query in await self._query(parameters, limit=limit):
            _merge(pages, query)
        # The API gives the files of one call in no particular order.
        files = sorted((page for page in pages.values() if page.get("imageinfo")), key=lambda page: page["title"])
        return files[:limit]

    async def _query(self, parameters: dict[str, str], limit: int | None = None) -> list[dict[str, Any]]:
        """Return the `query` parts of an answer and its continuations, until `limit` files are complete."""
        parts: list[dict[str, Any]] = []
        continuation: dict[str, str] = {}
        while True:
            content = await self._request(self._common | parameters | continuation)
            parts.append(content.get("query", {}))
            # `iistart` leads to older versions of a file, not to more files.
            continuation = {key: str(value) for key, value in content.get("continue", {}).items() if key != "iistart"}
            files = {page["title"] for part in parts for page in part.get("pages", ())}
            enough = limit is not None and "batchcomplete" in content and len(files) >= limit
            if enough or not continuation.keys() - {"continue"}:
                return parts

    async def _request(self, parameters: dict[str, str]) -> dict[str, Any]:
        url = self._url.with_query(parameters)
        if len(str(url)) <= MAX_GET_CHARACTERS:
            return await self._client.fetch(url, responses.mediawiki())
        return await self._client.fetch(self._url, responses.mediawiki(), body=parameters)


def _merge(pages: dict[str, Page], query: dict[str, Any]) -> None:
    """Add the pages of a part. A continuation repeats the pages, with the fields that were missing before."""
    for page in query.get("pages", ()):
        pages.setdefault(page["title"], {}).update(page)


def _target(title: str, renamed: dict[str, str]) -> str:
    """Return the title after normalization and redirects. A redirect loop ends at any of its titles."""
    for _ in range(len(renamed)):
        if title not in renamed:
            break
        title = renamed[title]
    return title
