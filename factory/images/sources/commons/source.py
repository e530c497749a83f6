"""Image source for Wikimedia Commons, or another MediaWiki with its API."""

import functools
import hashlib
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeVar

from yarl import URL

from factory.images.base import COMMONS, FetchedImage, ImageInfo
from factory.images.sources.commons import metadata, photo_rules, thumbnails
from factory.images.sources.commons.api import MAX_TITLES, Api
from factory.images.sources.commons.photo_rules import PhotoRules
from factory.net import responses
from factory.net.client import Client
from factory.net.errors import HOST_UNREACHABLE, RESUME, WRONG_SHA1, FetchError, HostNotFoundError, RequestError
from pangea_cultural.dataset.titles import is_valid, normalized
from pangea_cultural.errors import ImageError, UserError
from pangea_cultural.utils.images import MAX_BYTES

ORIGINAL_TOO_LARGE = "original too large, and no thumbnail"

MAX_LOST = 20
"""Files lost to hosts without an address, after which the network is down if no file has arrived."""

T = TypeVar("T")


class FileHosts:
    """Hosts of files. An address that the API gives may be wrong, so a host without an address fails its files only."""

    def __init__(self) -> None:
        self._working: set[str] = set()
        self._unknown: dict[str, HostNotFoundError] = {}
        self._num_lost = 0

    async def fetch(self, client: Client, url: str, spec: responses.ResponseSpec[bytes]) -> bytes:
        """Fetch a file.

        Raises:
            FetchError: the file cannot be fetched, or its host has no address.
            EndpointDownError: a host that worked has no address, or all hosts have none.
        """
        host = _host(url)
        if host in self._unknown:
            raise self._lost(self._unknown[host])
        try:
            content = await client.fetch(url, spec)
        except HostNotFoundError as error:
            if host in self._working:
                raise
            self._unknown[host] = error
            raise self._lost(error) from error
        self._working.add(host)
        return content

    def _lost(self, error: HostNotFoundError) -> FetchError:
        self._num_lost += 1
        if self._num_lost >= MAX_LOST and not self._working:
            raise error
        return FetchError(HOST_UNREACHABLE, str(error))


def _host(url: str) -> str:
    try:
        return URL(url).host or ""
    except ValueError:
        return ""


@dataclass(frozen=True, kw_only=True, slots=True)
class CommonsSource:
    """Images of a wiki."""

    client: Client
    """An open client. The caller closes it."""
    api: str = COMMONS
    """URL of api.php."""
    width: int = 960
    """Width of the thumbnails in pixels, one of `THUMBNAIL_WIDTHS`."""
    rules: PhotoRules = field(default_factory=PhotoRules)
    hosts: FileHosts = field(default_factory=FileHosts)
    """Hosts of files, with what this run knows about them."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def row_problems(self) -> tuple[()]:
        """Return nothing: Commons has no list."""
        return ()

    def metadata(self, titles: Sequence[str]) -> dict[str, ImageInfo]:
        """Return the metadata of files by requested title, without titles that Commons does not have."""
        names_by_title = {title: normalized(title) for title in titles}
        names = list(dict.fromkeys(filter(is_valid, names_by_title.values())))
        batches = [names[start : start + MAX_TITLES] for start in range(0, len(names), MAX_TITLES)]
        pages: dict[str, Any] = {}
        for part in self.client.run_concurrently(
            functools.partial(self._answer, functools.partial(self._api.files, batch)) for batch in batches
        ):
            pages |= part
        infos = {name: metadata.read(page, self.rules) for name, page in pages.items()}
        return {title: infos[name] for title, name in names_by_title.items() if name in infos}

    def in_categories(self, names: Sequence[str], limit: int) -> dict[str, list[ImageInfo]]:
        """Return the first files of each category, by title."""
        tasks = (functools.partial(self._category, name, limit) for name in dict.fromkeys(names))
        files = dict(self.client.run_concurrently(tasks))
        return {name: files[name] for name in names}

    def fetch(self, infos: Sequence[ImageInfo]) -> Iterator[FetchedImage]:
        """Yield the thumbnails of files in the order of their arrival."""
        return self.client.run_concurrently(functools.partial(self._fetch, info) for info in infos)

    @property
    def _api(self) -> Api:
        return Api(self.client, self.api, self.width)

    async def _answer(self, request: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return the answer to a request. Without it the build stops: it would reject every image."""
        try:
            return await request()
        except FetchError as error:
            problem = f"No answer from {self.api}: {error.reason} ({error.detail})"
            raise UserError(f"{problem}. {RESUME}") from error

    async def _category(self, name: str, limit: int) -> tuple[str, list[ImageInfo]]:
        title = normalized(name)
        request = functools.partial(self._api.category, title, limit)
        pages = await self._answer(request) if is_valid(title) else []
        return name, [metadata.read(page, self.rules, in_category=True) for page in pages]

    async def _fetch(self, info: ImageInfo) -> FetchedImage:
        if info.refused:
            return info, info.refused
        problem: FetchError | None = None
        for copy in thumbnails.copies(info, photo_rules.fetch_form(info.original.mime), self.width):
            try:
                content = await self.hosts.fetch(self.client, copy.url, _expected(info, copy))
            except FetchError as error:
                problem = problem or error
                if not _is_about_copy(error):
                    break
            else:
                return replace(info, changes=copy.changes), content
        if problem is None:
            return info, ImageError(ORIGINAL_TOO_LARGE, f"{info.original.size_bytes} bytes")
        return info, ImageError(problem.reason, problem.detail)


def _is_about_copy(error: FetchError) -> bool:
    """Return whether another copy of the file may succeed: the server lacks this one or cannot render it."""
    return error.status is not None and error.status not in (401, 403)


def _expected(info: ImageInfo, copy: thumbnails.Copy) -> responses.ResponseSpec[bytes]:
    """Return the checks of the response: an image, with the known SHA-1 if it is the original."""
    expected = responses.image(MAX_BYTES)
    if copy.changes or not info.original.sha1:
        return expected

    def read(response: responses.Response) -> bytes:
        if hashlib.sha1(response.content, usedforsecurity=False).hexdigest() != info.original.sha1:
            raise RequestError(reason=WRONG_SHA1)
        return response.content

    return replace(expected, read=read)
