"""Image source for a table of SVG drawings. Seeded views of each drawing stand in for photos of one object.

The table is JSON Lines. A row has `name`, `svg`, `categories`, `author`, `license`, `license_url`, `source`, and
`views`, the number of views. `svg` is a path relative to the table's folder, or `package:path` for a file of an
installed package. The optional `style` is CSS for the drawing, for example to hide a layer. View 01 is the plain
drawing. A wrong row and a drawing that cannot be rendered are rejections.
"""

import functools
import itertools
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Self

from PIL import Image

from factory.images.base import Attribution, FetchedImage, ImageInfo
from factory.images.normalized import MIN_SIDE_PX, SIDE_TOO_SHORT
from factory.images.sources import drawing_views
from factory.images.sources.rows import (
    BAD_ROW,
    OUTSIDE,
    TWICE,
    UNREADABLE_FILE,
    RowProblem,
    checked,
    inside,
    read_rows,
    text,
    texts,
)
from factory.images.sources.svg import MAX_SVG_BYTES, SVG_TOO_LARGE, SvgRenderer
from pangea_cultural.errors import ImageError, UserError
from pangea_cultural.utils.images import decode
from pangea_cultural.utils.process_pool import pool

NUM_PROCESSES = 2
NUM_FOR_POOL = 200
"""Number of views from which worker processes pay off."""
MAX_VIEWS = 1000
EMPTY = "drawing is empty"
KEYS = ("name", "svg", "categories", "author", "license", "license_url", "source", "views", "style")
_PACKAGE_FILE = re.compile(r"(?P<package>[A-Za-z_][\w.]*):(?P<path>[^/\\][^\\]*)")
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
        UserError: nothing in the table is JSON.
    """

    def __init__(self, table: Path, *, seed: int) -> None:
        self._table = table
        self._seed = seed
        self._drawings: dict[str, Drawing] = {}
        self._categories: dict[str, list[Drawing]] = {}
        self._problems: list[RowProblem] = []
        for name, row in read_rows(table):
            try:
                self._add(_drawing(row, table.parent))
            except ImageError as error:
                self._problems.append((name, error))

    def _add(self, drawing: Drawing) -> None:
        if drawing.name in self._drawings:
            raise ImageError(TWICE, drawing.name)
        self._drawings[drawing.name] = drawing
        for category in drawing.categories:
            self._categories.setdefault(category, []).append(drawing)

    def row_problems(self) -> list[RowProblem]:
        """Return the wrong rows of the table."""
        return self._problems

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
            yield from ((info, self._drawn(info.title)) for info in infos)
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
            ImageError: the drawing cannot be rendered.
        """
        view = self._find(title)
        if view is None:
            raise KeyError(title)
        row, number = view
        drawing = _render(self._table.parent, row.svg, row.style)
        if isinstance(drawing, ImageError):
            raise drawing
        if number == 1:
            return drawing_views.encoded(drawing_views.plain(drawing))
        # A string seed is hashed by SHA-512, so it is the same in every process.
        return drawing_views.encoded(drawing_views.varied(drawing, random.Random(f"{self._seed} {title}")))

    def _draw_all(self, titles: list[str]) -> list[bytes | ImageError]:
        return [self._drawn(title) for title in titles]

    def _drawn(self, title: str) -> bytes | ImageError:
        try:
            return self.draw(title)
        except ImageError as error:
            return error

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


def _drawing(row: Any, folder: Path) -> Drawing:
    """Return a row of the table as a drawing.

    Raises:
        ImageError: the row is wrong.
    """
    fields = checked(row, KEYS, strict=True)
    values = {key: text(fields, key) for key in KEYS if key not in ("categories", "views")}
    views = fields.get("views")
    if not values["name"] or not values["svg"]:
        raise ImageError(BAD_ROW, "no `name` or no `svg`")
    if not isinstance(views, int) or isinstance(views, bool) or not 1 <= views <= MAX_VIEWS:
        raise ImageError(BAD_ROW, f"`views` is not a number from 1 to {MAX_VIEWS}")
    match = _PACKAGE_FILE.fullmatch(values["svg"])
    if match is None:
        inside(folder, values["svg"])
    elif ".." in match["path"].split("/"):
        raise ImageError(OUTSIDE, values["svg"])
    return Drawing(**values, categories=texts(fields, "categories"), views=views)


@functools.lru_cache(maxsize=1)
def _renderer() -> SvgRenderer:
    """Return the renderer of this process."""
    return SvgRenderer()


@functools.lru_cache(maxsize=32)
def _render(folder: Path, svg: str, style: str) -> Image.Image | ImageError:
    """Render a drawing as RGBA, cropped to its visible part. All views share a drawing, so an error is remembered."""
    try:
        png = _renderer().render(_content(folder, svg), style, 2 * drawing_views.LONGEST_SIDE_PX)
        drawing = decode(png, ("PNG",), lambda image: image.convert("RGBA"))
        box = drawing.getbbox()
        if box is None:
            raise ImageError(EMPTY)
        drawing = drawing.crop(box)
        drawing.thumbnail((drawing_views.LONGEST_SIDE_PX, drawing_views.LONGEST_SIDE_PX), Image.Resampling.BOX)
        if min(drawing.size) < MIN_SIDE_PX:
            raise ImageError(SIDE_TOO_SHORT, f"{drawing.width} × {drawing.height}")
    except ImageError as error:
        return ImageError(error.reason, f"{svg}: {error.detail}".removesuffix(": "), subject=svg)
    return drawing


def _content(folder: Path, svg: str) -> bytes:
    try:
        with _svg_file(folder, svg).open("rb") as file:
            content = file.read(MAX_SVG_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ImageError(UNREADABLE_FILE, getattr(error, "strerror", "") or "") from error
    if len(content) > MAX_SVG_BYTES:
        raise ImageError(SVG_TOO_LARGE, f"more than {MAX_SVG_BYTES} bytes")
    return content


def _svg_file(folder: Path, svg: str) -> Traversable:
    match = _PACKAGE_FILE.fullmatch(svg)
    if match is None:
        return folder / svg
    package = match["package"]
    try:
        return resources.files(package).joinpath(match["path"])
    except ModuleNotFoundError as error:
        raise UserError(
            f"The drawing {svg} needs the package {package}. Run: pip install 'pangea-cultural[factory]'"
        ) from error
