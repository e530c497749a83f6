"""Images from a source into the folder: while the source waits for the network, threads decode what has come."""

import concurrent.futures
import os
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from factory.images.base import ImageInfo, ImageSource
from factory.images.image_store import StoredImage, store_image
from pangea_cultural.errors import ImageError

MAX_UNDECODED = 32
"""Images in memory that no thread has come to: a fast source waits for a slow decoder."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Download:
    """What became of one file."""

    info: ImageInfo
    outcome: StoredImage | ImageError

    @property
    def stored(self) -> StoredImage:
        """The image of a download that went well."""
        assert isinstance(self.outcome, StoredImage), self.outcome
        return self.outcome


def fetch_all(source: ImageSource, infos: Sequence[ImageInfo], folder: Path) -> Iterator[Download]:
    """Fetch files and store their images; the outcomes come in any order."""
    if not infos:
        return
    waiting: deque[tuple[ImageInfo, concurrent.futures.Future[StoredImage]]] = deque()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for info, content in source.fetch(infos):
            if isinstance(content, ImageError):
                yield Download(info=info, outcome=content)
                continue
            waiting.append((info, pool.submit(store_image, content, folder)))
            while waiting and (waiting[0][1].done() or len(waiting) > MAX_UNDECODED):
                yield _settled(*waiting.popleft())
        while waiting:
            yield _settled(*waiting.popleft())


def _settled(info: ImageInfo, future: concurrent.futures.Future[StoredImage]) -> Download:
    try:
        return Download(info=info, outcome=future.result())
    except ImageError as error:
        return Download(info=info, outcome=error)
