"""A small copy of an export, and ways to damage its files. All of them are deterministic."""

import random
import shutil
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from pangea_cultural.dataset.export import MANIFEST, SPLITS, Export
from pangea_cultural.utils.files import read_json, sha256_file, write_json

ROWS = 8
"""Rows of each split of a small export."""
TABLES = (*(f"questions-{split}.parquet" for split in SPLITS), "images.parquet")
VALUES = (None, True, 5, -1, 0.5, 2**62, "x", "", [], [3], {}, {"x": 1})
"""Values that replace the value of a key."""


def small(export: Export, folder: Path) -> Path:
    """Copy a few rows of an export with their images. The copy passes the check but for its audit."""
    folder.mkdir(parents=True)
    manifest, shown = read_json(export.path / MANIFEST), set()
    for split in SPLITS:
        table = export.table(split)
        step = (table.num_rows // ROWS) | 1  # odd: open and choice questions take turns
        table = table.take(list(range(0, table.num_rows, step))[:ROWS])
        pq.write_table(table, folder / f"questions-{split}.parquet", compression="zstd")
        manifest["questions"][split] = table.num_rows
        shown |= set(table["image"].to_pylist())
    images = [row for row in export.images().to_pylist() if row["image"] in shown]
    pq.write_table(pa.Table.from_pylist(images, export.images().schema), folder / "images.parquet", compression="zstd")
    for name in shown:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(export.path / name, folder / name)
    manifest["files"] = {name: sha256_file(folder / name) for name in TABLES}
    write_json(folder / MANIFEST, manifest)
    return folder


def seal(folder: Path) -> None:
    """Write the hashes of the tables into the manifest, as someone would who made the damage on purpose."""
    manifest = read_json(folder / MANIFEST)
    manifest["files"] |= {name: sha256_file(folder / name) for name in TABLES if (folder / name).is_file()}
    write_json(folder / MANIFEST, manifest)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def lose_the_end(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def garble(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00garbage" * 50)


def flip(path: Path, seed: int = 0, number: int = 6) -> None:
    """Change some bytes."""
    content, draw = bytearray(path.read_bytes()), random.Random(seed)
    for _ in range(number):
        content[draw.randrange(4, len(content) - 8)] ^= 1 << draw.randrange(8)
    path.write_bytes(content)


def remove(path: Path) -> None:
    path.unlink()


def be_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def be_a_link_in_a_circle(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def be_a_link_to_nothing(path: Path) -> None:
    path.unlink()
    path.symlink_to("/nowhere/at/all")


FILES = (empty, halve, lose_the_end, garble, flip, remove, be_a_folder, be_a_link_in_a_circle, be_a_link_to_nothing)
"""Damage of any file."""


def _changed(path: Path, change) -> None:
    table = pq.read_table(path, partitioning=None)
    pq.write_table(change(table), path)


def _first(table: pa.Table) -> str:
    return table.column_names[0]


def numbers(path: Path) -> None:
    """Replace the first column by numbers."""
    _changed(path, lambda table: table.set_column(0, _first(table), pa.array(range(table.num_rows))))


def binary(path: Path) -> None:
    """Replace all texts by bytes that are not UTF-8."""

    def change(table):
        for place, field in enumerate(table.schema):
            if field.type == pa.string():
                raw = pa.array([b"\xff\xfe"] * table.num_rows, pa.binary())
                table = table.set_column(place, field.name, raw.view(pa.string()))
        return table

    _changed(path, change)


def nulls(path: Path) -> None:
    """Empty all columns."""
    _changed(path, lambda table: pa.table({f.name: pa.nulls(table.num_rows, f.type) for f in table.schema}))


def lists(path: Path) -> None:
    """Make lists of texts, and texts of lists."""

    def change(table):
        columns = {}
        for field in table.schema:
            column = table[field.name]
            texts = ["x"] * table.num_rows
            columns[field.name] = texts if pa.types.is_list(field.type) else [[str(v)] for v in column.to_pylist()]
        return pa.table(columns)

    _changed(path, change)


def lose_columns(path: Path) -> None:
    """Keep every other column."""
    _changed(path, lambda table: table.select(table.column_names[1::2]))


def no_columns(path: Path) -> None:
    _changed(path, lambda table: table.select([]))


def repeat_a_column(path: Path) -> None:
    _changed(path, lambda table: table.append_column(_first(table), table[_first(table)]))


def leave_the_folder(path: Path) -> None:
    """Let all images be files outside the export."""
    names = ["../../../etc/passwd", "/etc/passwd", "images/../../x.png", "images\\x.png", "images/\0.png", "C:/x.png"]

    def change(table):
        place = table.column_names.index("image")
        return table.set_column(place, "image", [[names[n % len(names)] for n in range(table.num_rows)]])

    _changed(path, change)


def no_choices(path: Path) -> None:
    """Let all questions be choice questions without options; images get an unknown license."""

    def change(table):
        if "choices" not in table.column_names:
            return table.set_column(table.column_names.index("license"), "license", [["x\n|y"] * table.num_rows])
        kinds, choices = ["choice"] * table.num_rows, pa.array([[]] * table.num_rows, pa.list_(pa.string()))
        table = table.set_column(table.column_names.index("question_type"), "question_type", [kinds])
        return table.set_column(table.column_names.index("choices"), "choices", choices)

    _changed(path, change)


def controls(path: Path) -> None:
    """Put control characters into all texts."""

    def change(table):
        for place, field in enumerate(table.schema):
            if field.type == pa.string() and field.name not in ("image", "question_type"):
                texts = [f"\0{text}\x1b[31m\n" for text in table[field.name].to_pylist()]
                table = table.set_column(place, field.name, [texts])
        return table

    _changed(path, change)


def no_rows(path: Path) -> None:
    _changed(path, lambda table: table.slice(0, 0))


CONTENTS = (
    *(numbers, binary, nulls, lists, lose_columns, no_columns, repeat_a_column, leave_the_folder),
    *(no_choices, controls, no_rows),
)
"""Damage of the content of a Parquet file that is one still."""


def manifests(content: dict) -> list[tuple[str, bytes]]:
    """Return manifests in which one key is missing or has another value, each with a name."""
    found = [("not UTF-8", b'{"format": "\xff"}'), ("deep", b"[" * 5000), ("huge", b'{"format": 1' + b"0" * 400 + b"}")]
    for parents in ((), ("questions",), ("files",), ("recipe",), ("recipe", "split"), ("audit",)):
        inner = content
        for key in parents:
            inner = inner.get(key) or {}
        for key in inner:
            for value in (..., *VALUES):
                name = ".".join((*parents, key)) + ("" if value is ... else f"={value!r}")
                found.append((name, _edited(content, (*parents, key), value)))
    return found


def _edited(content: dict, keys: tuple[str, ...], value: object) -> bytes:
    copy = orjson.loads(orjson.dumps(content))
    inner = copy
    for key in keys[:-1]:
        inner = inner[key]
    if value is ...:
        del inner[keys[-1]]
    else:
        inner[keys[-1]] = value
    return orjson.dumps(copy)
