"""Corpus of a source: building it from chat JSON and from an export, and reading groups at random.

    python -m tests.perf.training.corpus --folder /tmp/corpus

Rows have the published layout, 39 languages and eight questions per image on average, in random order. One process
reads groups from a warm page cache. Peak memory is that of the building process, with mapped pages of the file.
"""

import random
import resource
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import click
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter

from pangea_cultural.dataset import export
from pangea_cultural.dataset import question as vqa
from pangea_cultural.dataset.tables import IMAGE_SCHEMA, IMAGES
from pangea_cultural.reference.languages import training_languages
from pangea_cultural.training.data.sources.config import Source
from pangea_cultural.training.data.sources.open import SourceContext, open_source
from pangea_cultural.utils.console import Reporter
from pangea_cultural.utils.files import sha256_file, write_json
from tests.perf.support import record

ROWS_PER_IMAGE = 8
READS = 20_000


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), required=True)
@click.option("--rows", default=1_000_000, show_default=True)
def main(folder: Path, rows: int) -> None:
    """Measure corpora."""
    _write_chat(folder / "chat.json", rows)
    _write_export(folder / "export", rows)
    figures: dict[str, float] = {}
    for source_type, path in (("chat", "chat.json"), ("export", "export")):
        # A process each, so that peak memory is that of one build.
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            result = pool.submit(_measure, source_type, path, folder, rows).result()
        figures |= {f"{name}_{source_type}": value for name, value in result.items()}
    record.write("corpus", figures, details={"rows": rows, "rows_per_image": ROWS_PER_IMAGE})


def _measure(source_type: str, path: str, folder: Path, rows: int) -> dict[str, float]:
    source = TypeAdapter(Source).validate_python({"type": source_type, "path": path})
    start = time.monotonic()
    corpus = open_source(source, SourceContext(folder, folder / f"cache-{time.time_ns()}", Reporter(quiet=True)))
    result = {
        "rows_per_s": rows / (time.monotonic() - start),
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }
    rng = random.Random(0)
    picks = [rng.randrange(corpus.num_groups) for _ in range(READS)]
    start = time.monotonic()
    for index in picks:
        corpus.group(index)
    return result | {"groups_per_s": READS / (time.monotonic() - start)}


def _asked(rows: int) -> Iterator[tuple[int, int, str]]:
    """Yield number, image and language of each row."""
    rng, languages = random.Random(0), training_languages()
    for number in range(rows):
        yield number, rng.randrange(rows // ROWS_PER_IMAGE), languages[number % len(languages)]


def _write_chat(path: Path, rows: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        for number, image, language in _asked(rows):
            question = f'<image>\n"What is the name of the municipality shown in the image, {number}?"'
            answer = f'"The municipality shown in the image is number {number}, in the région of Ardèche."'
            row = {
                "id": f"Q{image}_None",
                "conversations": [{"from": "human", "value": question}, {"from": "gpt", "value": answer}],
                "image": f"CultureGroundImages/japan/Image_{image}_with_a_name.jpg",
                "language": language,
            }
            stream.write((b",\n" if number else b"[\n") + orjson.dumps(row))
        stream.write(b"\n]\n")


def _write_export(folder: Path, rows: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(folder / "questions-train.parquet", vqa.QUESTION_SCHEMA, compression="zstd") as writer:
        batch: list[dict] = []
        for number, image, language in _asked(rows):
            head = {
                "id": f"q{number}",
                "question_type": "open",
                "region": "japan",
                "entity": f"Q{image}",
                "entity_type": "place",
                "property": "P17",
            }
            asked = {"language": language, "image": f"images/ab/{image:064x}.jpg", "template": "P17-1"}
            options = {
                "answers": [f"Number {number}"],
                "choices": [],
                "sentence": f"Number: {number}",
                "instruction": "A number.",
                **dict.fromkeys(("template_question", "template_sentence", "rewritten_by"), ""),
            }
            batch.append({**head, **asked, **options, "question": f"Where is {number}?", "answer": f"Number {number}"})
            if len(batch) == 50_000 or number == rows - 1:
                writer.write_table(pa.Table.from_pylist(batch, schema=vqa.QUESTION_SCHEMA))
                batch.clear()
    for split in export.SPLITS[1:]:
        pq.write_table(vqa.QUESTION_SCHEMA.empty_table(), folder / f"questions-{split}.parquet")
    pq.write_table(IMAGE_SCHEMA.empty_table(), folder / IMAGES)
    files = {path.name: sha256_file(path) for path in folder.glob("*.parquet")}
    manifest = {"format": export.FORMAT, "held_out_languages": [], "recipe": {"name": "corpus"}, "files": files}
    manifest |= {"questions": dict.fromkeys(export.SPLITS, 0) | {"train": rows}, "entities": 0, "images": 0}
    write_json(folder / export.MANIFEST, manifest)


if __name__ == "__main__":
    main()
