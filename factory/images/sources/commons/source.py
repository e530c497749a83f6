"""An image source over Wikimedia Commons, or another MediaWiki with its API."""

import functools
import hashlib
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeVar

from factory.images.base import COMMONS, Fetched, ImageInfo
from factory.images.sources.commons import metadata, photo_rules, thumbnails
from factory.images.sources.commons.api import MAX_TITLES, Api
from factory.images.sources.commons.photo_rules import Rules
from factory.images.titles import is_valid, normalized
from factory.net import responses
from factory.net.client import Client
from factory.net.errors import RESUME, FetchError, RequestError
from pangea_cultural.errors import ImageError, UserError

MAX_BYTES = 20_000_000
"""Of any copy of a file."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Commons:
    """Images of a wiki, within the limits of the client."""

    client: Client
    """Open, and closed by whoever made it."""
    api: str = COMMONS
    """URL of api.php."""
    width: int = 960
    """Of the thumbnails, in pixels; one of `thumbnails.STEPS`."""
    rules: Rules = field(default_factory=Rules)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def metadata(self, titles: Sequence[str]) -> dict[str, ImageInfo]:
        """What Commons tells of files, by the titles asked for; those that it does not have are left out."""
        wanted = {title: normalized(title) for title in titles}
        names = list(dict.fromkeys(filter(is_valid, wanted.values())))
        batches = [names[start : start + MAX_TITLES] for start in range(0, len(names), MAX_TITLES)]
        pages: dict[str, Any] = {}
        for part in self.client.run_concurrently(
            functools.partial(self._told, functools.partial(self._api.files, batch)) for batch in batches
        ):
            pages |= part
        infos = {name: metadata.read(page, self.rules) for name, page in pages.items()}
        return {title: infos[name] for title, name in wanted.items() if name in infos}

    def in_categories(self, names: Sequence[str], limit: int) -> dict[str, list[ImageInfo]]:
        """The first files of each category, by title."""
        works = (functools.partial(self._category, name, limit) for name in dict.fromkeys(names))
        found = dict(self.client.run_concurrently(works))
        return {name: found[name] for name in names}

    def fetch(self, infos: Sequence[ImageInfo]) -> Iterator[Fetched]:
        """Fetch files as thumbnails, in the order in which they come."""
        return self.client.run_concurrently(functools.partial(self._fetch, info) for info in infos)

    @property
    def _api(self) -> Api:
        return Api(self.client, self.api, self.width)

    async def _told(self, request: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The answer to a request; without one no image can be judged, so that the build has to stop."""
        try:
            return await request()
        except FetchError as error:
            problem = f"no answer from {self.api}: {error.reason} ({error.detail})"
            raise UserError(f"{problem}. {RESUME}") from error

    async def _category(self, name: str, limit: int) -> tuple[str, list[ImageInfo]]:
        title = normalized(name)
        request = functools.partial(self._api.category, title, limit)
        pages = await self._told(request) if is_valid(title) else []
        return name, [metadata.read(page, self.rules, in_category=True) for page in pages]

    async def _fetch(self, info: ImageInfo) -> Fetched:
        if info.refused:
            return info, info.refused
        problem: FetchError | None = None
        for copy in thumbnails.copies(info, photo_rules.form_of(info.mime), self.width):
            try:
                content = await self.client.fetch(copy.url, _expected(info, copy))
            except FetchError as error:
                problem = problem or error
                if not _is_about_copy(error):
                    break
            else:
                return replace(info, changes=copy.changes), content
        if problem is None:
            return info, ImageError("original too large, and no thumbnail", f"{info.size_bytes} bytes")
        return info, ImageError(problem.reason, problem.detail)


def _is_about_copy(error: FetchError) -> bool:
    """Whether another copy of the file may do: this one is missing, or the server cannot make it."""
    return error.status is not None and error.status not in (401, 403)


def _expected(info: ImageInfo, copy: thumbnails.Copy) -> responses.ResponseSpec[bytes]:
    """Expect an image; of an original the SHA-1 is known."""
    expected = responses.image(MAX_BYTES)
    if copy.changes or not info.sha1:
        return expected

    def read(answered: responses.Response) -> bytes:
        if hashlib.sha1(answered.content, usedforsecurity=False).hexdigest() != info.sha1:
            raise RequestError(reason="content differs from its SHA-1")
        return answered.content

    return replace(expected, read=read)
