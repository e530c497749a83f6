"""Rows of own knowledge that name images, by the title of the image, on disk."""

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from factory.knowledge import disk
from factory.knowledge.errors import RowError
from factory.knowledge.files import Files

BATCH_ROWS = 20_000


class ImageRow(NamedTuple):
    """A row that names an image. Texts are empty if the row does not state them."""

    number: int
    """Position among the rows of all files."""
    title: str
    folder: str
    """Folder of the row's file, which the image is relative to."""
    image: str
    """Path of the image, as the row has it."""
    place: str
    """Such as `customs.csv:7`."""
    author: str
    license: str
    source: str


class ImageRows:
    """The rows that name images. Use it as a context manager.

    Args:
        files: the files.
        scratch: folder for temporary data, as in `disk.database`.
    """

    def __init__(self, files: Files, scratch: Path | None = None) -> None:
        self._files, self._scratch = files, scratch
        self._resources = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Read all rows.

        Raises:
            UserError: a file cannot be read.
        """
        with contextlib.ExitStack() as stack:
            self._connection = stack.enter_context(disk.database(self._scratch))
            texts = ", ".join(f"{name} VARCHAR" for name in ImageRow._fields[1:])
            self._connection.execute(f"CREATE TABLE listed (number BIGINT, {texts})")
            rows = read(self._files)
            for batch in iter(lambda: list(itertools.islice(rows, BATCH_ROWS)), []):
                disk.append(self._connection, "listed", ImageRow._fields, batch)
            # In the order of titles, a batch of titles is in few parts of the table.
            self._connection.execute("CREATE TABLE image AS FROM listed ORDER BY title, number")
            self._connection.execute("DROP TABLE listed")
            self._resources = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._resources.close()

    def of(self, titles: Sequence[str]) -> Iterator[tuple[str, Iterator[ImageRow]]]:
        """Yield the titles that rows name, each with its rows in the order of the files."""
        return itertools.groupby(self._rows(titles), key=lambda row: row.title)

    def _rows(self, titles: Sequence[str]) -> Iterator[ImageRow]:
        query = "SELECT * FROM image WHERE title IN (SELECT unnest(?::VARCHAR[])) ORDER BY title, number"
        with self._connection.cursor() as cursor:
            cursor.execute(query, [list(titles)])
            while rows := cursor.fetchmany(BATCH_ROWS):
                yield from map(ImageRow._make, rows)


def read(files: Files) -> Iterator[ImageRow]:
    """Yield the rows that name an image, in the order of the files."""
    for number, row in enumerate(files.rows()):
        if isinstance(row.cells, RowError) or not row.cells.get("image"):
            continue
        image = row.cells["image"]
        title, folder = files.title(row.file, image), str(row.file.path.parent)
        terms = (row.cells.get(name, "") for name in ("author", "license", "source"))
        yield ImageRow(number, title, folder, image, row.place, *terms)
