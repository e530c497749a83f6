"""Requests to Commons' API: metadata of files, fifty at a time."""

from collections.abc import Sequence

from yarl import URL

from factory.images.sources.commons import answers
from factory.images.sources.commons.answers import Answer, Page
from factory.net import responses
from factory.net.client import Client
from factory.net.errors import FetchError

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
MAX_ATTEMPTS = 3
"""Attempts to get an answer about all titles, each with the retries of the client."""
MAX_CONTINUATIONS = 100


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
        parameters = {"titles": "|".join(f"File:{title}" for title in titles), "redirects": "1"}
        for _ in range(MAX_ATTEMPTS):
            queries = await self._query(parameters, titles=titles)
            missing = answers.unanswered(titles, queries)
            if not missing:
                break
        else:
            raise FetchError(answers.UNANSWERED, missing[0])
        pages, renamed = answers.merged(queries)
        by_title = {title: pages[answers.target(f"File:{title}", renamed)] for title in titles}
        return {title: page for title, page in by_title.items() if page.get("imageinfo")}

    async def category(self, name: str, limit: int) -> list[Page]:
        """Return the pages of the first files of a category, by title. A missing category is empty.

        Raises:
            FetchError: there is no valid answer.
        """
        parameters = {
            "generator": "categorymembers",
            "gcmtitle": f"Category:{name}",
            "gcmtype": "file",
            "gcmlimit": str(min(limit, MAX_TITLES)),
            "gcmsort": "sortkey",
        }
        pages, _ = answers.merged(await self._query(parameters, limit=limit))
        # The API gives the files of one call in no particular order.
        files = sorted((page for page in pages.values() if page.get("imageinfo")), key=lambda page: page["title"])
        return files[:limit]

    async def _query(
        self, parameters: dict[str, str], *, titles: Sequence[str] = (), limit: int | None = None
    ) -> list[Answer]:
        """Return the `query` parts of an answer and its continuations, until `limit` files are complete.

        A server may repeat a continuation without end, so a repeated one is the last.
        """
        parts: list[Answer] = []
        following: dict[str, str] = {}
        asked: list[dict[str, str]] = []
        while following not in asked and len(parts) < MAX_CONTINUATIONS:
            asked.append(following)
            # A continuation does not repeat what it said about a file.
            spec = answers.spec(() if following else titles)
            content = await self._request(self._common | parameters | following, spec)
            parts.append(content.get("query", {}))
            following = answers.continuation(content)
            files = {page["title"] for part in parts for page in part.get("pages", ())}
            enough = limit is not None and "batchcomplete" in content and len(files) >= limit
            if enough or not following:
                break
        return parts

    async def _request(self, parameters: dict[str, str], spec: responses.ResponseSpec[Answer]) -> Answer:
        url = self._url.with_query(parameters)
        if len(str(url)) <= MAX_GET_CHARACTERS:
            return await self._client.fetch(url, spec)
        return await self._client.fetch(self._url, spec, body=parameters)
