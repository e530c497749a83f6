"""Filling of templates: rows per second of the stages `questions` and `export`, from 1,000,000 to 22,000,000 rows.

The details also have seconds of processor time, which other work on the machine changes less.

    python -m tests.perf.factory.fill --folder /tmp/fill

The store has synthetic buildings, each with an image, a district, an architect, a style and a material. Each property
has 5,000 values, of which a quarter answers half of the questions. All have names in the 39 languages.
"""

import json
import sys
import time
from pathlib import Path

import click

from factory.exchange import question_files
from factory.questions import stage as questions
from factory.scope import Scope
from factory.splits import stage as splits
from factory.splits.config import SplitConfig
from factory.store.store import Store
from pangea_cultural.reference.languages import language, training_languages
from pangea_cultural.utils.console import Reporter
from tests.perf.support import record
from tests.perf.support.process import peak_gb

PROPERTIES = ("P131", "P84", "P149", "P186")
ROWS_PER_ENTITY = 2 * len(PROPERTIES) * 39
SCOPE = Scope(regions=("germany",), languages=tuple(training_languages()), properties=PROPERTIES)
ENTITIES = """
INSERT INTO entity (entity, selected, entity_type, revision, source)
SELECT 'Q' || i, true, 'building', 1, 'synthetic' FROM range(1000000, 1000000 + $entities) t(i);
INSERT INTO entity_region SELECT entity, 'germany', 'P17', 0 FROM entity;
INSERT INTO image BY NAME
SELECT sha256(entity) AS image, left(image, 2) || '/' || image || '.jpg' AS path, entity AS file, 'A' AS author,
       '' AS author_url, '' AS attribution, '' AS credit, 'CC0' AS license, 'cc0-1.0' AS license_code,
       '' AS license_url, '' AS restrictions, 's' AS source, '' AS page, '' AS url, '' AS sha1, '' AS mime,
       '' AS mediatype, '' AS date, '' AS changes, [] AS categories, 100 AS width, 100 AS height
FROM entity;
INSERT INTO entity_image BY NAME SELECT entity, sha256(entity) AS image, 0 AS ordinal, 'P18' AS via FROM entity;
"""
FACTS = """
INSERT INTO claim (entity, property, ordinal, best, rank, value, value_type)
SELECT entity, $property, 0, true, 'normal',
       'Q' || ($first + floor(5000 * pow((md5_number_lower(entity || $property) % 1000003) / 1000003, 1.5))::BIGINT),
       'item'
FROM entity WHERE selected;
INSERT INTO entity (entity, selected, entity_type, revision, source)
SELECT 'Q' || i, false, 'any', 1, 'synthetic' FROM range($first, $first + 5000) t(i);
INSERT INTO claim (entity, property, ordinal, best, rank, value, value_type)
SELECT 'Q' || i, 'P31', 0, true, 'normal', 'Q9' || $first, 'item' FROM range($first, $first + 5000) t(i);
"""
NAMES = """
INSERT INTO label SELECT entity, $code, $word || ' ' || substr(entity, 2), 'synthetic'
FROM entity WHERE NOT selected
"""


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), required=True)
@click.option("--rows", default="1000000,22000000", show_default=True, help="Numbers of questions.")
@click.option("--one", type=int, help="Measure one number in this process and print JSON.")
def main(folder: Path, rows: str, one: int | None) -> None:
    """Measure the stages."""
    if one:
        print(json.dumps(_run(folder, one)))
        return
    folder.mkdir(parents=True, exist_ok=True)
    runs = {}
    for count in map(int, rows.split(",")):
        path = folder / f"{count}.json"
        with path.open("w") as output:
            command = [sys.executable, "-m", "tests.perf.factory.fill", "--folder", str(folder), "--one", str(count)]
            peak = peak_gb(command, stdout=output)
        runs[count] = json.loads(path.read_text()) | {"peak_gb": peak}
    figures = {f"rows_per_s_{count // 1_000_000}m": run["rows"] / run["seconds"] for count, run in runs.items()}
    figures |= {f"export_rows_per_s_{count // 1_000_000}m": run["rows"] / run["export"] for count, run in runs.items()}
    figures |= {f"peak_gb_{count // 1_000_000}m": run["peak_gb"] for count, run in runs.items()}
    record.write("fill", figures, details={"runs": {str(count): run for count, run in runs.items()}})


def _run(folder: Path, rows: int) -> dict[str, float]:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{rows}.duckdb"
    path.unlink(missing_ok=True)
    with Store.open(path) as store:
        add_entities(store, rows // ROWS_PER_ENTITY)
        start, processor = time.monotonic(), time.process_time()
        add_questions(store)
        seconds, cpu_seconds = time.monotonic() - start, time.process_time() - processor
        start, processor = time.monotonic(), time.process_time()
        question_files.write_questions(store, folder / f"{rows}-export")
        return {
            "rows": store.value("SELECT count(*) + count(wrong1) FROM drawn_question"),
            "choices": store.value("SELECT count(wrong1) FROM drawn_question"),
            "seconds": seconds,
            "cpu_seconds": cpu_seconds,
            "export": time.monotonic() - start,
            "export_cpu_seconds": time.process_time() - processor,
        }


def add_entities(store: Store, entities: int) -> None:
    """Add entities, their facts and the names of values, and split the images."""
    store.script(ENTITIES, {"entities": entities})
    for number, name in enumerate(PROPERTIES, 1):
        store.script(FACTS, {"property": name, "first": 10_000 * number})
    for code in training_languages():
        store.execute(NAMES, {"code": language(code).labels[0], "word": _word(code)})
    splits.run(store, SplitConfig(), SCOPE.seed)


def add_questions(store: Store) -> None:
    """Run the stage `questions`."""
    with store.transaction():
        questions.run(store, SCOPE, Reporter(quiet=True))


def _word(code: str) -> str:
    """Return a word in the language's script, so that names fit it."""
    return language(code).native.split()[0]


if __name__ == "__main__":
    main()
