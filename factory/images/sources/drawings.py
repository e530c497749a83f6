"""An image source over a table of SVG drawings: of each drawing, a category of seeded views, as photos of one thing.

The table is JSON Lines; a row has `name`, `svg` (relative to the table's folder, or `package:path` for a file that an
installed package brings), `categories`, `author`, `license`, `license_url`, `source`, `views` (how many), and
optionally `style` (CSS laid over the drawing, for example to hide a layer). View 01 is the plain drawing.
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

from factory.images.base import Fetched, ImageInfo
from factory.images.sources import drawing_views
from pangea_cultural.errors import UserError
from pangea_cultural.utils.process_pool import pool

NUM_PROCESSES = 2
NUM_FOR_POOL = 200
"""Fewer views than this are drawn sooner than worker processes start."""
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
        """File title of a view, counted from 1."""
        return f"{self.name} (view {number:02d}).png"


class Drawings:
    """Views of the drawings of a table.

    Args:
        table: the JSON Lines file.
        seed: views differ between seeds; a view depends on the seed and its title only.

    Raises:
        UserError: the table does not fit.
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
        """Titles of the views of a category's drawings, in the table's order."""
        rows = self._categories.get(category, [])
        return [row.title(number) for row in rows for number in range(1, row.views + 1)]

    def in_categories(self, names: Sequence[str], limit: int) -> dict[str, list[ImageInfo]]:
        """The first views of each category, in the table's order."""
        return {name: list(self.metadata(self.files_in_category(name)[:limit]).values()) for name in names}

    def metadata(self, titles: Sequence[str]) -> dict[str, ImageInfo]:
        """Whose the drawings of the views are; titles of no view are left out."""
        found = {title: self._find(title) for title in titles}
        return {title: _info(title, place[0]) for title, place in found.items() if place is not None}

    def fetch(self, infos: Sequence[ImageInfo]) -> Iterator[Fetched]:
        """Views as PNG, in order, drawn by two processes where there are many.

        The processes are spawned: a script that calls this needs the usual `if __name__ == "__main__"`.
        """
        if len(infos) < NUM_FOR_POOL:
            yield from ((info, self.draw(info.title)) for info in infos)
            return
        # Views of one drawing stay together, so that it is rendered in one process.
        names = [info.title for info in infos]
        chunks = [
            list(group) for _, group in itertools.groupby(names, key=lambda title: title.rpartition(" (view ")[0])
        ]
        with pool(NUM_PROCESSES) as workers:
            contents = itertools.chain.from_iterable(workers.map(self._draw_all, chunks, chunksize=4))
            yield from zip(infos, contents, strict=True)

    def draw(self, title: str) -> bytes:
        """A view as PNG; the same bytes for the same seed and title, in whatever order views are asked for.

        Raises:
            KeyError: there is no such view.
        """
        found = self._find(title)
        if found is None:
            raise KeyError(title)
        row, number = found
        drawing = _render(self._table.parent, row.svg, row.style)
        if number == 1:
            return drawing_views.encoded(drawing_views.plain(drawing))
        # A string seeds by its SHA-512, alike in every process.
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
        author=row.author,
        license=row.license,
        license_url=row.license_url,
        source=row.source,
        categories=row.categories,
    )


def _read(table: Path) -> list[Drawing]:
    rows = []
    for number, line in enumerate(table.read_bytes().splitlines(), 1):
        try:
            fields: dict[str, Any] = orjson.loads(line)
            rows.append(Drawing(**fields | {"categories": tuple(fields["categories"])}))
        except (orjson.JSONDecodeError, TypeError, KeyError) as error:
            raise UserError(f"{table}:{number} is not a row of a drawings table: {error}") from error
    return rows


@functools.lru_cache(maxsize=32)
def _render(folder: Path, svg: str, style: str) -> Image.Image:
    """A drawing as RGBA, cut to what is drawn; kept for the next view of it."""
    import resvg_py  # an optional dependency: only who draws needs it

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
            f"the drawing {svg} needs the package {package}: pip install 'pangea-cultural[factory]'"
        ) from error
