"""Download of images into a folder: threads decode them while the source waits for the network."""

import concurrent.futures
import os
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from factory.images.base import ImageInfo, ImageSource
from factory.images.image_store import StoredImage, store_image
from pangea_cultural.errors import ImageError

MAX_UNDECODED = 32
"""Images in memory that wait for a decoding thread. The limit slows a source that is faster than the decoders."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DownloadResult:
    """A stored file, or the reason why it was not stored."""

    info: ImageInfo
    outcome: StoredImage | ImageError

    @property
    def stored(self) -> StoredImage:
        """The image of a successful download."""
        assert isinstance(self.outcome, StoredImage), self.outcome
        return self.outcome


def fetch_all(source: ImageSource, infos: Sequence[ImageInfo], folder: Path) -> Iterator[DownloadResult]:
    """Fetch files, store their images and yield the results in any order."""
    if not infos:
        return
    pending: deque[tuple[ImageInfo, concurrent.futures.Future[StoredImage]]] = deque()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for info, content in source.fetch(infos):
            if isinstance(content, ImageError):
                yield DownloadResult(info=info, outcome=content)
                continue
            pending.append((info, pool.submit(store_image, content, folder)))
            while pending and (pending[0][1].done() or len(pending) > MAX_UNDECODED):
                yield _result(*pending.popleft())
        while pending:
            yield _result(*pending.popleft())


def _result(info: ImageInfo, future: concurrent.futures.Future[StoredImage]) -> DownloadResult:
    try:
        stored = future.result()
    except ImageError as error:
        return DownloadResult(info=info, outcome=error)
    changes = ", ".join(filter(None, (info.changes, *stored.changes)))
    return DownloadResult(info=replace(info, changes=changes), outcome=stored)
