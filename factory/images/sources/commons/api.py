"""Requests to Commons' API: what it knows of files, fifty at a time."""

from collections.abc import Sequence
from typing import Any

from yarl import URL

from factory.net import responses
from factory.net.client import Client

MAX_TITLES = 50
"""In one call, and also of scaled images in one answer."""
MAX_GET_CHARACTERS = 6_000
"""A longer request is sent by POST: fifty names in Chinese are 30,000 characters of percent signs."""
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
"""One page of an answer, with `imageinfo`."""


class Api:
    """The API of a wiki.

    Args:
        client: asks it.
        url: of api.php.
        width: of the thumbnails whose URLs are wanted, in pixels.
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
        """Pages of files, by the titles asked for; missing ones are left out.

        Args:
            titles: at most fifty, normalized, without `File:`.

        Raises:
            FetchError: no answer that can be used.
        """
        pages: dict[str, Page] = {}
        renamed: dict[str, str] = {}
        for query in await self._query({"titles": "|".join(f"File:{title}" for title in titles), "redirects": "1"}):
            for step in (*query.get("normalized", ()), *query.get("redirects", ())):
                renamed[step["from"]] = step["to"]
            _merge(pages, query)
        found = {title: pages.get(_target(f"File:{title}", renamed)) for title in titles}
        return {title: page for title, page in found.items() if page and page.get("imageinfo")}

    async def category(self, name: str, limit: int) -> list[Page]:
        """Pages of the first files of a category, by title; empty for a category that does not exist.

        Raises:
            FetchError: no answer that can be used.
        """
        pages: dict[str, Page] = {}
        asked = {
            "generator": "categorymembers",
            "gcmtitle": f"Category:{name}",
            "gcmtype": "file",
            "gcmlimit": str(min(limit, MAX_TITLES)),
            "gcmsort": "sortkey",
        }
        for query in await self._query(asked, limit=limit):
            _merge(pages, query)
        # The API gives the files of one call in no particular order.
        files = sorted((page for page in pages.values() if page.get("imageinfo")), key=lambda page: page["title"])
        return files[:limit]

    async def _query(self, asked: dict[str, str], limit: int | None = None) -> list[dict[str, Any]]:
        """The `query` parts of an answer and of its continuations, until `limit` files are told whole."""
        parts: list[dict[str, Any]] = []
        going_on: dict[str, str] = {}
        while True:
            content = await self._ask(self._common | asked | going_on)
            parts.append(content.get("query", {}))
            # `iistart` leads to older versions of a file, not to more files.
            going_on = {key: str(value) for key, value in content.get("continue", {}).items() if key != "iistart"}
            files = {page["title"] for part in parts for page in part.get("pages", ())}
            enough = limit is not None and "batchcomplete" in content and len(files) >= limit
            if enough or not going_on.keys() - {"continue"}:
                return parts

    async def _ask(self, parameters: dict[str, str]) -> dict[str, Any]:
        url = self._url.with_query(parameters)
        if len(str(url)) <= MAX_GET_CHARACTERS:
            return await self._client.fetch(url, responses.mediawiki())
        return await self._client.fetch(self._url, responses.mediawiki(), body=parameters)


def _merge(pages: dict[str, Page], query: dict[str, Any]) -> None:
    """Add the pages of a part: a continuation tells the same pages again, with what was left out before."""
    for page in query.get("pages", ()):
        pages.setdefault(page["title"], {}).update(page)


def _target(title: str, renamed: dict[str, str]) -> str:
    """Where normalization and redirects lead; a circle of redirects leads nowhere in particular."""
    for _ in range(len(renamed)):
        if title not in renamed:
            break
        title = renamed[title]
    return title
