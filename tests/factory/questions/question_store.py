"""A store with entities, claims and labels as the earlier stages leave them, and the questions that it gives."""

import hashlib
from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from factory.questions import stage
from factory.questions.config import BalanceConfig
from factory.scope import Scope
from factory.splits import stage as splits
from factory.splits.config import SplitConfig
from factory.store.store import Store
from pangea_cultural.utils.console import Reporter

UNREFERENCED = "unreferenced"


@dataclass
class Thing:
    """An entity. Labels are English, or a mapping by label code."""

    id: str
    type: str = "building"
    labels: str | dict[str, str] = ""
    claims: dict[str, list[Any]] = field(default_factory=dict)
    """Values by property. A value is a key, or a tuple of a key, a rank, and a qualifier. `UNREFERENCED` follows the
    qualifier of a time or quantity without a reference."""
    images: tuple[str, ...] | None = None
    """Names of images; one by default, and none for a value."""
    region: str = "germany"
    life: str = ""
    selected: bool = True


def value(id: str, labels: str | dict[str, str], *classes: str, **claims: list[Any]) -> Thing:
    """Return an item that is only a value."""
    return Thing(id, "any", labels, {"P31": list(classes)} | claims, images=(), selected=False)


def year(number: int, precision: int = 9, month: int = 0, day: int = 0) -> str:
    """Return the key of a time."""
    return f"{number:+05d}-{month:02d}-{day:02d}T00:00:00Z/{precision}/Q1985727"


def fill(store: Store, things: Iterable[Thing]) -> None:
    """Write things into the tables of the stages `select` and `images`."""
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in ("entity", "entity_region", "label", "claim")}
    images: dict[str, list[str]] = {}
    for thing in things:
        head = {"entity": thing.id}
        tables["entity"].append(
            head | {"selected": thing.selected, "entity_type": thing.type, "source": "test", "life": thing.life}
        )
        if thing.selected:
            tables["entity_region"].append(head | {"region": thing.region, "property": "P17", "ordinal": 0})
        for code, text in _labels(thing.labels).items():
            tables["label"].append(head | {"language": code, "text": text, "source": "test"})
        for name, values in thing.claims.items():
            tables["claim"] += [head | row for row in _claims(name, values)]
        names = (thing.id,) if thing.images is None else thing.images
        for name in names if thing.selected else ():
            images.setdefault(name, []).append(thing.id)
    for name, rows in tables.items():
        if rows:
            store.append(name, pa.Table.from_pylist(rows))
    _add_images(store, images)


def _labels(labels: str | dict[str, str]) -> dict[str, str]:
    return {"en": labels} if isinstance(labels, str) and labels else dict(labels or {})


def _claims(name: str, values: list[Any]) -> Iterable[dict[str, Any]]:
    rows = [row if isinstance(row, tuple) else (row, "normal", "") for row in values]
    best = "preferred" if any(row[1] == "preferred" for row in rows) else "normal"
    for ordinal, (key, rank, qualified, *unreferenced) in enumerate(rows):
        kind = "item" if key.startswith("Q") else "time" if "T00:00:00Z" in key else "quantity"
        yield {
            "property": name,
            "ordinal": ordinal,
            "best": rank == best,
            "rank": rank,
            "value": key,
            "value_type": kind,
            "qualified": qualified,
            "referenced": kind != "item" and not unreferenced,
        }


def _add_images(store: Store, images: dict[str, list[str]]) -> None:
    """Add images with their entities, by name. All are one table: appending each takes a second for 800."""
    if not images:
        return
    rows = [_image_row(name) for name in images]
    categories = pa.array([[]] * len(rows), pa.list_(pa.string()))
    store.append("image", pa.Table.from_pylist(rows).append_column("categories", categories))
    shown = [
        {"entity": entity, "image": row["image"], "ordinal": 0, "via": "P18"}
        for row, entities in zip(rows, images.values(), strict=True)
        for entity in entities
    ]
    store.append("entity_image", pa.Table.from_pylist(shown))


def _image_row(name: str) -> dict[str, Any]:
    image = hashlib.sha256(name.encode()).hexdigest()
    columns = dict.fromkeys(
        ("author_url", "attribution", "credit", "license_url", "restrictions", "page", "url", "sha1", "mime"), ""
    )
    return columns | {
        "image": image,
        "path": f"{image[:2]}/{image}.png",
        "file": f"{name}.png",
        "author": "A. Painter",
        "license": "CC0",
        "license_code": "cc0-1.0",
        "source": "test",
        "mediatype": "",
        "date": "",
        "changes": "",
        "width": 10,
        "height": 10,
    }


@contextmanager
def asked(
    folder: Path,
    things: Iterable[Thing],
    *,
    split: SplitConfig | None = None,
    balanced: BalanceConfig | None = None,
    **scope: Any,
):
    """Yield the store of things after the stage `questions`."""
    defaults = {"regions": ("germany", "taiwan"), "languages": ("en",)}
    with Store.open(folder / "store.duckdb") as store:
        fill(store, things)
        splits.run(store, split or SplitConfig(dev=0, test=0), seed=0)
        with store.transaction():
            store.counts = stage.run(
                store, Scope(**defaults | scope), Reporter(quiet=True), balanced=balanced or BalanceConfig()
            )
        yield store


def questions(folder: Path, things: Iterable[Thing], **scope: Any) -> list[dict[str, Any]]:
    """Return the questions about things, in order."""
    with asked(folder, things, **scope) as store:
        return store.table("SELECT q.*, split FROM question q JOIN split USING (image) ORDER BY item, id").to_pylist()


def rejections(store: Store) -> dict[str, int]:
    """Return the numbers of dropped things by reason."""
    return dict(
        store.rows("SELECT reason, sum(items)::BIGINT FROM rejection WHERE stage = 'questions' GROUP BY reason")
    )
