"""The stage `images`: pictures for the selected entities, stored by content, each with its author and licence."""

import hashlib
import io
import warnings
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from PIL import Image

from factory.commons.source import PictureInfo, PictureSource
from factory.recipe import Recipe
from factory.select import CATEGORY_PROPERTY, IMAGE_PROPERTIES
from factory.store import Store
from pangea_cultural.console import Reporter
from pangea_cultural.files import write_bytes

BATCH_ENTITIES = 40
MAX_BYTES = 20_000_000
MAX_PIXELS = 50_000_000
"""A photo of 8,000 × 6,000 passes; a decompression bomb does not."""
SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp"}


class BadPictureError(ValueError):
    """A file that is no usable picture; the message is the rejection's reason."""


def check_picture(content: bytes) -> tuple[str, int, int]:
    """Suffix, width and height of a picture, after decoding it whole.

    Raises:
        BadPictureError: too large, not a picture, not a known format, or broken.
    """
    if len(content) > MAX_BYTES:
        raise BadPictureError("file too large")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=list(SUFFIXES)) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    raise BadPictureError("too many pixels")
                picture.load()
                return SUFFIXES[str(picture.format)], picture.width, picture.height
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadPictureError("too many pixels") from error
    except (OSError, SyntaxError, ValueError) as error:
        if isinstance(error, BadPictureError):
            raise
        raise BadPictureError("not a readable picture") from error


def run(
    store: Store, recipe: Recipe, sources: list[PictureSource], folder: Path, reporter: Reporter
) -> tuple[int, int]:
    """Fetch the pictures of all selected entities. Returns how many entities went in and how many got a picture."""
    entities = [row[0] for row in store.rows("SELECT entity FROM entity WHERE selected ORDER BY entity")]
    start = store.value("SELECT position FROM stage WHERE name = 'images'")
    with reporter.bar("images", len(entities), "entities") as bar:
        bar.advance(start)
        for begin in range(start, len(entities), BATCH_ENTITIES):
            batch = entities[begin : begin + BATCH_ENTITIES]
            rows = _fetch_batch(store, recipe, sources, folder, batch)
            with store.transaction():
                for name, table_rows in rows.items():
                    if table_rows:
                        store.append(name, pa.Table.from_pylist(table_rows))
                store.execute("UPDATE stage SET position = ? WHERE name = 'images'", [begin + len(batch)])
            bar.advance(len(batch))
    return len(entities), store.value("SELECT count(DISTINCT entity) FROM entity_image")


def _fetch_batch(
    store: Store, recipe: Recipe, sources: list[PictureSource], folder: Path, entities: list[str]
) -> dict[str, list[dict]]:
    """Rows for image, entity_image and rejection."""
    rows: dict[str, list[dict]] = {"image": [], "entity_image": [], "rejection": []}
    stored = {row[0] for row in store.rows("SELECT image FROM image")}
    wanted: list[tuple[str, str, int, str, PictureInfo]] = []
    by_source: dict[int, list[str]] = {}
    for name in entities:
        for ordinal, (title, via) in enumerate(_candidates(store, sources, name, recipe.images.per_entity)):
            place = _find(sources, title)
            if place is None:
                rows["rejection"].append(_rejected(f"{name} {title}", "picture not in any source"))
                continue
            index, info = place
            by_source.setdefault(index, []).append(title)
            wanted.append((name, title, ordinal, via, info))
    contents = {
        title: content for index, titles in by_source.items() for title, content in sources[index].fetch_many(titles)
    }
    for name, title, ordinal, via, info in wanted:
        try:
            image = _keep(contents[title], info, folder, stored, rows)
        except BadPictureError as error:
            rows["rejection"].append(_rejected(f"{name} {title}", str(error)))
            continue
        rows["entity_image"].append({"entity": name, "image": image, "ordinal": ordinal, "via": via})
    pictured = {row["entity"] for row in rows["entity_image"]}
    rows["rejection"] += [_rejected(name, "no usable picture") for name in entities if name not in pictured]
    return rows


def _candidates(store: Store, sources: list[PictureSource], name: str, limit: int) -> Iterator[tuple[str, str]]:
    """Titles of files that may show an entity, best first: its photo properties, then its Commons category."""
    claims = store.rows(
        """SELECT property, value FROM claim
           WHERE entity = $1 AND best AND list_contains($2, property) ORDER BY list_position($2, property), ordinal""",
        [name, [*IMAGE_PROPERTIES, CATEGORY_PROPERTY]],
    )
    seen: set[str] = set()
    for via, value in claims:
        titles = [value] if via != CATEGORY_PROPERTY else [t for s in sources for t in s.files_in_category(value)]
        for title in titles:
            if title not in seen and len(seen) < limit:
                seen.add(title)
                yield title, "category" if via == CATEGORY_PROPERTY else via


def _find(sources: list[PictureSource], title: str) -> tuple[int, PictureInfo] | None:
    for index, source in enumerate(sources):
        info = source.metadata(title)
        if info is not None:
            return index, info
    return None


def _keep(content: bytes, info: PictureInfo, folder: Path, stored: set[str], rows: dict[str, list[dict]]) -> str:
    """Store a picture by its content, once, and give its SHA-256."""
    if not info.licence:
        raise BadPictureError("no licence")
    suffix, width, height = check_picture(content)
    image = hashlib.sha256(content).hexdigest()
    path = f"{image[:2]}/{image}{suffix}"
    if image not in stored:
        if not (folder / path).is_file():
            write_bytes(folder / path, content)
        stored.add(image)
        rows["image"].append(
            {
                "image": image,
                "path": path,
                "file": info.title,
                "author": info.author,
                "licence": info.licence,
                "licence_url": info.licence_url,
                "source": info.source,
                "categories": list(info.categories),
                "width": width,
                "height": height,
            }
        )
    return image


def _rejected(item: str, reason: str) -> dict:
    return {"stage": "images", "item": item, "reason": reason}
