"""Files of the store: deleted, hidden, renamed, replaced, or under another license on the wiki."""

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

from factory.images.base import ImageInfo
from factory.images.license_rule import judged
from factory.images.sources.commons import metadata
from factory.images.sources.commons.api import MAX_TITLES, Api
from factory.images.sources.commons.photo_rules import PhotoRules
from factory.net.client import Client
from factory.net.errors import RESUME, FetchError
from factory.store.store import Store
from factory.withdraw.refresh.findings import Finding, Progress, proposal
from pangea_cultural.dataset.titles import is_valid
from pangea_cultural.dataset.withdrawal import WithdrawnImage
from pangea_cultural.errors import ImageError, UserError
from pangea_cultural.reference import licenses
from pangea_cultural.utils.console import Reporter

DELETED, HIDDEN = "file deleted", "file hidden"
REPLACED = "content replaced"
NOT_FREE = "license not free or unknown"
RENAMED, RELICENSED = "file renamed", "license changed"
"""Notes: nothing is proposed."""
PAGE = 5_000
"""Files of a query of the store."""
OF_WIKI = "url <> '' AND $host IN ('', regexp_extract(page, '^https?://([^/]+)', 1))"
FILES = f"""
SELECT file, any_value(image), any_value(sha1), any_value(license_code), any_value(license) FROM image
WHERE {OF_WIKI} AND file > $last GROUP BY file ORDER BY file LIMIT {PAGE}
"""


class StoredFile(NamedTuple):
    """A file as the store knows it."""

    title: str
    image: str
    sha1: str
    license_code: str
    license: str


def ask(store: Store, client: Client, api: str, host: str, progress: Progress, reporter: Reporter) -> None:
    """Ask a wiki about the store's files, fifty at a time.

    Args:
        store: the store.
        client: an open client.
        api: URL of api.php.
        host: host of the files' pages; empty for all files of a wiki.
        progress: what was answered before.
        reporter: shows progress.

    Raises:
        UserError: a request failed. Answers so far are kept.
    """
    total = store.value(f"SELECT count(DISTINCT file) FROM image WHERE {OF_WIKI}", {"host": host})
    with reporter.bar("refresh: files", total, "files") as bar:
        for page in _pages(store, host):
            left = [file for file in page if _key(file.title) not in progress.answered and is_valid(file.title)]
            bar.advance(len(page) - len(left))
            batches = [left[start : start + MAX_TITLES] for start in range(0, len(left), MAX_TITLES)]
            tasks = (functools.partial(_batch, Api(client, api, 960), batch, api) for batch in batches)
            for batch, found in client.run_concurrently(tasks):
                progress.add([_key(file.title) for file in batch], found)
                bar.advance(len(batch))


def _key(title: str) -> str:
    return f"File:{title}"


def _pages(store: Store, host: str) -> Iterator[list[StoredFile]]:
    last = ""
    while rows := store.rows(FILES, {"host": host, "last": last}):
        yield [StoredFile(*row) for row in rows]
        last = rows[-1][0]


async def _batch(api: Api, batch: list[StoredFile], url: str) -> tuple[list[StoredFile], list[Finding]]:
    try:
        pages = await api.files([file.title for file in batch])
    except FetchError as error:
        raise UserError(f"No answer from {url}: {error.reason} ({error.detail}). {RESUME}") from error
    return batch, [finding for file in batch for finding in _compare(file, pages.get(file.title))]


def _compare(file: StoredFile, page: dict[str, Any] | None) -> Iterator[Finding]:
    """Yield the differences of a file. The API has answered about it: without a page it does not exist."""
    if page is None:
        yield _proposed(file, DELETED)
        return
    info = metadata.read(page, PhotoRules())
    if info.refused and info.refused.reason == metadata.HIDDEN:
        yield _proposed(file, HIDDEN)
        return
    if info.title != file.title:
        yield Finding(subject=_key(file.title), finding=RENAMED, detail=info.title)
    if file.sha1 and info.original.sha1 and info.original.sha1 != file.sha1:
        # Without the title: the new content may be used.
        item = WithdrawnImage(images=(file.image,), sha1=(file.sha1,), reason=f"{REPLACED}: File:{file.title}"[:1000])
        yield Finding(subject=_key(file.title), finding=REPLACED, proposed=proposal(item))
    yield from _compare_license(file, info)


def _compare_license(file: StoredFile, info: ImageInfo) -> Iterator[Finding]:
    code, name = info.attribution.license_code, info.attribution.license
    if not file.license_code:
        # Such licenses were accepted on purpose.
        if name != file.license:
            yield Finding(subject=_key(file.title), finding=RELICENSED, detail=f"{file.license}, now {name}")
        return
    try:
        licenses.find(code, name)
    except ImageError:
        yield _proposed(file, NOT_FREE, name or "none")
        return
    now = judged(info).attribution.license_code
    if now != file.license_code:
        yield Finding(subject=_key(file.title), finding=RELICENSED, detail=f"{file.license_code}, now {now}")


def _proposed(file: StoredFile, finding: str, detail: str = "") -> Finding:
    reason = ": ".join(filter(None, (finding, detail)))[:1000]
    item = WithdrawnImage(file=file.title, images=(file.image,), sha1=(file.sha1,) if file.sha1 else (), reason=reason)
    return Finding(subject=_key(file.title), finding=finding, detail=detail, proposed=proposal(item))
