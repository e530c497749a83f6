"""Image source for a table of SVG drawings. Seeded views of each drawing stand in for photos of one object.

The table is JSON Lines. A row has `name`, `svg`, `categories`, `author`, `license`, `license_url`, `source`, and
`views`, the number of views. `svg` is a path relative to the table's folder, or `package:path` for a file of an
installed package. The optional `style` is CSS for the drawing, for example to hide a layer. View 01 is the plain
drawing.
"""

import functools
import io
import itertools
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Self

import orjson
from PIL import Image

from factory.images.base import Attribution, FetchedImage, ImageInfo
from factory.images.sources import drawing_views
from pangea_cultural.errors import UserError
from pangea_cultural.utils.process_pool import pool

NUM_PROCESSES = 2
NUM_FOR_POOL = 200
"""Number of views from which worker processes pay off."""
_TITLE = re.compile(r"(?P<name>.+) \(view (?P<number>\d\d+)\)\.png")


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawing:
    """One row of the table."""

    name: str
    svg: str
    categories: tuple[str, ...]
    author: str
    license: str
    license_url: str
    source: str
    views: int
    style: str = ""

    def title(self, number: int) -> str:
        """Return the file title of a view, counted from 1."""
        return f"{self.name} (view {number:02d}).png"


class DrawingsSource:
    """Views of the drawings of a table.

    Args:
        table: the JSON Lines file.
        seed: seed of the views. A view depends on the seed and its title only.

    Raises:
        UserError: a row of the table is not valid.
    """

    def __init__(self, table: Path, *, seed: int) -> None:
        self._table = table
        self._seed = seed
        self._drawings = {row.name: row for row in _read(table)}
        self._categories: dict[str, list[Drawing]] = {}
        for row in self._drawings.values():
            for category in row.categories:
                self._categories.setdefault(category, []).append(row)

    def files(self) -> list[Path]:
        """Return the SVG files, in the table's order."""
        return [Path(str(_svg_file(self._table.parent, row.svg))) for row in self._drawings.values()]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def files_in_category(self, category: str) -> list[str]:
        """Return the titles of the views of a category's drawings, in the table's order."""
        rows = self._categories.get(category, [])
        return [row.title(number) for row in rows for number in range(1, row.views + 1)]

    def in_categories(self, names: Sequence[str], limit: int) -> dict[str, list[ImageInfo]]:
        """Return the first views of each category, in the table's order."""
        return {name: list(self.metadata(self.files_in_category(name)[:limit]).values()) for name in names}

    def metadata(self, titles: Sequence[str]) -> dict[str, ImageInfo]:
        """Return the metadata of views by title, without titles that are not views."""
        views = {title: self._find(title) for title in titles}
        return {title: _info(title, view[0]) for title, view in views.items() if view is not None}

    def fetch(self, infos: Sequence[ImageInfo]) -> Iterator[FetchedImage]:
        """Yield views as PNG, in order. Two processes render them if there are many.

        The processes are spawned: a script that calls this needs `if __name__ == "__main__"`.
        """
        if len(infos) < NUM_FOR_POOL:
            yield from ((info, self.draw(info.title)) for info in infos)
            return
        # Views of one drawing stay together, so that only one process renders it.
        names = [info.title for info in infos]
        chunks = [
            list(group) for _, group in itertools.groupby(names, key=lambda title: title.rpartition(" (view ")[0])
        ]
        with pool(NUM_PROCESSES) as workers:
            contents = itertools.chain.from_iterable(workers.map(self._draw_all, chunks, chunksize=4))
            yield from zip(infos, contents, strict=True)

    def draw(self, title: str) -> bytes:
        """Return a view as PNG. Its bytes depend on the seed and the title only.

        Raises:
            KeyError: the title is not a view.
        """
        view = self._find(title)
        if view is None:
            raise KeyError(title)
        row, number = view
        drawing = _render(self._table.parent, row.svg, row.style)
        if number == 1:
            return drawing_views.encoded(drawing_views.plain(drawing))
        # A string seed is hashed by SHA-512, so it is the same in every process.
        return drawing_views.encoded(drawing_views.varied(drawing, random.Random(f"{self._seed} {title}")))

    def _draw_all(self, titles: list[str]) -> list[bytes]:
        return [self.draw(title) for title in titles]

    def _find(self, title: str) -> tuple[Drawing, int] | None:
        match = _TITLE.fullmatch(title)
        row = self._drawings.get(match["name"]) if match else None
        if match is None or row is None:
            return None
        number = int(match["number"])
        return (row, number) if title == row.title(number) and 1 <= number <= row.views else None


def _info(title: str, row: Drawing) -> ImageInfo:
    return ImageInfo(
        title=title,
        attribution=Attribution(author=row.author, license=row.license, license_url=row.license_url, source=row.source),
        categories=row.categories,
    )


def _read(table: Path) -> list[Drawing]:
    rows = []
    for number, line in enumerate(table.read_bytes().splitlines(), 1):
        try:
            fields: dict[str, Any] = orjson.loads(line)
            rows.append(Drawing(**fields | {"categories": tuple(fields["categories"])}))
        except (orjson.JSONDecodeError, TypeError, KeyError) as error:
            raise UserError(f"{table}:{number} is not a row of a drawings table ({error}). Correct the row.") from error
    return rows


@functools.lru_cache(maxsize=32)
def _render(folder: Path, svg: str, style: str) -> Image.Image:
    """Render a drawing as RGBA, cropped to its visible part."""
    import resvg_py  # Only this source needs the package.

    content = _svg_file(folder, svg).read_text("utf-8")
    png = resvg_py.svg_to_bytes(
        svg_string=content, width=2 * drawing_views.LONGEST_SIDE_PX, style_sheet=style or None, skip_system_fonts=True
    )
    drawing = Image.open(io.BytesIO(png)).convert("RGBA")
    drawing = drawing.crop(drawing.getbbox())
    drawing.thumbnail((drawing_views.LONGEST_SIDE_PX, drawing_views.LONGEST_SIDE_PX), Image.Resampling.BOX)
    return drawing


def _svg_file(folder: Path, svg: str) -> Traversable:
    package, colon, inside = svg.rpartition(":")
    if not colon:
        return folder / svg
    try:
        return resources.files(package).joinpath(inside)
    except ModuleNotFoundError as error:
        raise UserError(
            f"The drawing {svg} needs the package {package}. Run: pip install 'pangea-cultural[factory]'"
        ) from error
