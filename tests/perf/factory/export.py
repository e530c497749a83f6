"""Writing of exports in each format: rows per second and peak memory.

    python -m tests.perf.factory.export --folder /tmp/export

| export | content |
|---|---|
| rows | the questions of `tests.perf.factory.fill`, a small image for each 312 of them: figures of the rows |
| apart | a part of them, choice questions after all open ones as in published data: rows of an image are far apart |
| images | an image of 150 kB for every eight questions: the figure is megabytes of images per second |
"""

import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import click
import duckdb
import pyarrow.parquet as pq
from PIL import Image

from factory.exchange import native, writer
from factory.exchange.formats.base import Options
from factory.exchange.formats.registry import FORMATS
from factory.exchange.question_files import write_questions
from factory.store.store import Store
from pangea_cultural.dataset import export
from pangea_cultural.utils.console import Reporter
from pangea_cultural.utils.files import read_json, sha256_file, write_json
from tests.perf.factory import fill
from tests.perf.support import images, record
from tests.perf.support.process import peak_gb

EACH = 8
"""Questions for each image of the export `images`."""
SORTED = ("parquet", "webdataset")
"""Formats whose rows stand by image."""
QUESTIONS = """
COPY (
    SELECT 'Q' || (i // $each) || '-P84-' || i AS id,
           CASE WHEN i % 10 < 4 THEN 'choice' ELSE 'open' END AS question_type,
           ['en', 'de', 'ar', 'zh', 'hi', 'am', 'th'][1 + i % 7] AS language,
           ['japan', 'kenya', 'india', 'france', 'egypt'][1 + (i // $each) % 5] AS region,
           'Q' || (i // $each) AS entity, 'building' AS entity_type, 'P84' AS property,
           n.image, 'Which architect designed this building?' AS question, 'Architect ' || (i % 5000) AS answer,
           ['Architect ' || (i % 5000)] AS answers, 'The architect is ' || (i % 5000) || '.' AS sentence,
           'Answer with a word or a short phrase.' AS instruction,
           CASE WHEN i % 10 < 4 THEN ['Architect ' || (i % 5000), 'Architect A', 'Architect B', 'Architect C']
                ELSE [] END AS choices, 'en/P84/building/ask/1' AS template,
           '' AS template_question, '' AS template_sentence, '' AS rewritten_by
    FROM range($rows) t(i) JOIN names n ON n.number = i // $each ORDER BY i
) TO '{path}' (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2)
"""
CREDITS = """
COPY (
    SELECT image, image AS file, 'Q1' AS entity, 'A. Author' AS author, 'A. Author' AS attribution,
           'CC BY 4.0' AS license, 'cc-by-4.0' AS license_code, true AS free_license,
           'https://creativecommons.org/licenses/by/4.0' AS license_url, 'commons' AS source,
           'https://commons.wikimedia.org/wiki/File:A.jpg' AS page, '' AS changes, '' AS restrictions, 960 AS width,
           720 AS height, NULL::DOUBLE AS relevance FROM names ORDER BY image
) TO '{path}' (FORMAT parquet)
"""
APART = """
COPY (FROM (FROM '{rows}' LIMIT $rows) ORDER BY question_type DESC) TO '{path}' (FORMAT parquet, COMPRESSION zstd)
"""


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), required=True)
@click.option("--rows", default=22_000_000, show_default=True, help="Questions of the export `rows`.")
@click.option("--apart", default=4_000_000, show_default=True, help="Questions of the export `apart`.")
@click.option("--images", "num_images", default=2_000, show_default=True, help="Images of the export `images`.")
@click.option("--formats", default=",".join(FORMATS), show_default=True, help="Formats to measure.")
@click.option("--one", help="Measure FORMAT:EXPORT in this process and print JSON, or `write` the exports.")
def main(folder: Path, rows: int, apart: int, num_images: int, formats: str, one: str | None) -> None:
    """Measure the formats."""
    if one == "write":
        write_rows(folder / "rows", rows)
        write_apart(folder / "rows", folder / "apart", apart)
        write_images(folder / "images", num_images)
        return
    if one:
        print(json.dumps(_run(folder, *one.split(":"))))
        return
    command = [sys.executable, "-m", "tests.perf.factory.export", "--folder", str(folder)]
    sizes = ["--rows", str(rows), "--apart", str(apart), "--images", str(num_images)]
    # In another process: the peak memory of a child is at least that of its parent.
    subprocess.run([*command, *sizes, "--one", "write"], check=True)
    runs = {}
    for name in formats.split(","):
        for export_name in ("rows", "apart", "images") if name in SORTED else ("rows", "images"):
            path = folder / f"{name}-{export_name}.json"
            with path.open("w") as output:
                peak = peak_gb([*command, "--one", f"{name}:{export_name}"], stdout=output)
            runs[f"{name}_{export_name}"] = json.loads(path.read_text()) | {"peak_gb": peak}
    figures = {}
    for name, run in runs.items():
        if name.endswith("images"):
            figures[f"image_mb_per_s_{name}"] = run["image_mb"] / run["seconds"]
        else:
            figures[f"rows_per_s_{name}"] = run["rows"] / run["seconds"]
            figures[f"rows_per_processor_s_{name}"] = run["rows"] / run["processor_seconds"]
        figures[f"peak_gb_{name}"] = run["peak_gb"]
    record.write("export", figures, details={"runs": runs})


def write_rows(folder: Path, rows: int) -> None:
    """Write the export `rows` once."""
    if (folder / export.MANIFEST).is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = folder.with_suffix(".duckdb")
    path.unlink(missing_ok=True)
    with Store.open(path) as store:
        fill.add_entities(store, rows // fill.ROWS_PER_ENTITY)
        fill.add_questions(store)
        _, counts = write_questions(store, folder)
        credits = store.table(native.IMAGES)
    path.unlink()
    pq.write_table(credits, folder / "images.parquet")
    _write_small_images(folder, credits["image"].to_pylist())
    _write_manifest(folder, counts)


def _write_small_images(folder: Path, names: list[str]) -> None:
    """Write images that differ behind their end only."""
    buffer = io.BytesIO()
    Image.effect_noise((32, 32), 40).save(buffer, "JPEG", quality=90)
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(buffer.getvalue() + number.to_bytes(4, "big"))


def write_apart(rows: Path, folder: Path, number: int) -> None:
    """Write the export `apart` once, with the images of the export `rows`."""
    if (folder / export.MANIFEST).is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(rows / "images", folder / "images", copy_function=os.link)
    counts = {}
    with duckdb.connect(config={"memory_limit": "2GB", "temp_directory": str(folder / "sort")}) as connection:
        total = sum(read_json(rows / export.MANIFEST)["questions"].values())
        for split, count in read_json(rows / export.MANIFEST)["questions"].items():
            file = f"questions-{split}.parquet"
            counts[split] = count * min(number, total) // total
            query = APART.format(rows=rows / file, path=folder / file)
            connection.execute(query, {"rows": counts[split]})
    shutil.copy(rows / "images.parquet", folder)
    _write_manifest(folder, counts)


def write_images(folder: Path, num_images: int) -> None:
    """Write the export `images` once."""
    if (folder / export.MANIFEST).is_file():
        return
    (folder / "images").mkdir(parents=True, exist_ok=True)
    names = [_write_image(folder, number) for number in range(num_images)]
    counts = dict.fromkeys(export.SPLITS, 0) | {"train": EACH * num_images}
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE names (number BIGINT, image VARCHAR)")
        connection.executemany("INSERT INTO names VALUES (?, ?)", list(enumerate(names)))
        for split, count in counts.items():
            query = QUESTIONS.format(path=folder / f"questions-{split}.parquet")
            connection.execute(query, {"rows": count, "each": EACH})
        connection.execute(CREDITS.format(path=folder / "images.parquet"))
    _write_manifest(folder, counts)


def _write_manifest(folder: Path, counts: dict[str, int]) -> None:
    files = {path.name: sha256_file(path) for path in sorted(folder.glob("*.parquet"))}
    manifest = {"format": export.FORMAT, "questions": counts, "files": files, "held_out_languages": []}
    manifest |= {"recipe": {"name": "synthetic"}, "unreviewed_languages": [], "entities": 0, "images": 0}
    write_json(folder / export.MANIFEST, manifest)


def _write_image(folder: Path, number: int) -> str:
    content = images.jpeg(random.Random(number))
    name = f"images/{hashlib.sha256(content).hexdigest()}.jpg"
    (folder / name).write_bytes(content)
    return name


def _run(folder: Path, name: str, export_name: str) -> dict[str, float]:
    opened = export.Export.open(folder / export_name)
    target = folder / f"{export_name}-{name}"
    shutil.rmtree(target, ignore_errors=True)
    image_mb = sum(path.stat().st_size for path in (opened.path / "images").rglob("*.jpg")) / 1e6
    os.sync()  # of what was written before
    start, processor = time.monotonic(), time.process_time()
    written = writer.write(
        opened,
        FORMATS[name],
        target,
        options=Options(),
        overwrite=False,
        in_words=str,
        reporter=Reporter(quiet=True),
    )
    seconds, processor = time.monotonic() - start, time.process_time() - processor
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file()) / 1e6
    shutil.rmtree(target)
    return {
        "rows": written.questions,
        "seconds": seconds,
        "processor_seconds": processor,
        "mb": size,
        "image_mb": image_mb,
    }


if __name__ == "__main__":
    main()
