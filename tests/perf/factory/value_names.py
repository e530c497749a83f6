"""Speed and memory of the names of values: labels chosen and cleaned, times and quantities rendered.

    python -m tests.perf.factory.value_names --folder /tmp/names

Writes a store of items with a label in each of the 39 languages, and of times and quantities, and names all of them in
one thread. The target is a million pairs of value and language in 4 seconds. Peak memory must not grow with the items.
"""

import shutil
import sys
import time
from pathlib import Path

import click

from factory.questions import value_names
from factory.scope import Scope
from factory.store.store import Store
from pangea_cultural.reference.languages import language, training_languages
from tests.perf.support import process, record

SIZES = {"small": 30_000, "large": 300_000}
PROPERTIES = ("P84", "P131", "P31", "P138")
WORDS = {
    "Arab": "المسجد الكبير",
    "Beng": "ঢাকা বিশ্ববিদ্যালয়",
    "Cyrl": "Большой театр",
    "Deva": "ताज महल",
    "Ethi": "አዲስ አበባ",
    "Grek": "Ακρόπολη Αθηνών",
    "Hans": "国王广场",
    "Hebr": "ירושלים העתיקה",
    "Jpan": "スーパー東京",
    "Kore": "서울 대학교",
    "Latn": "Universität Saint-Étienne",
    "Sinh": "කොළඹ නගරය",
    "Taml": "சென்னை நகரம்",
    "Telu": "హైదరాబాద్ నగరం",
    "Thai": "วัดพระแก้ว",
}
ASCII = ("en", "id", "jv", "ms", "nl", "su", "sw")


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="For the stores; 3 GB.")
@click.option("--run", "size", type=click.Choice(list(SIZES)), hidden=True, help="Measure one size only.")
def main(folder: Path, size: str | None) -> None:
    """Name the values of a small and of a large store."""
    if size:
        measure(folder, SIZES[size])
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    peaks = {
        name: process.peak_gb(
            [sys.executable, "-m", "tests.perf.factory.value_names", "--folder", str(folder), "--run", name]
        )
        for name in SIZES
    }
    figures = {f"peak_gb_{name}": peak for name, peak in peaks.items()}
    for name, items in SIZES.items():
        pairs, seconds, cpu = map(float, (folder / f"{items}.txt").read_text().split())
        figures |= {
            f"pairs_{name}": pairs,
            f"seconds_per_million_{name}": seconds * 1e6 / pairs,
            f"cpu_seconds_per_million_{name}": cpu * 1e6 / pairs,
        }
    record.write("value_names", figures)


def measure(folder: Path, items: int) -> None:
    """Write a store and name its values; write the number of pairs and the seconds to a file."""
    scope = Scope(regions=("taiwan",), languages=tuple(training_languages()), properties=(*PROPERTIES, "P569", "P2048"))
    path = folder / f"{items}.duckdb"
    with Store.open(path) as store:
        # DuckDB keeps pages as long as it may.
        store.execute("SET threads = 1; SET memory_limit = '1GB'")
        fill(store, items)
        began, cpu = time.monotonic(), time.process_time()
        with store.transaction():
            value_names.write(store, scope)
        seconds, cpu = time.monotonic() - began, time.process_time() - cpu
        pairs = store.value("SELECT count(*) FROM value_text")
    (folder / f"{items}.txt").write_text(f"{pairs} {seconds} {cpu}")
    path.unlink()


def fill(store: Store, items: int) -> None:
    """Write items with labels, of which 2 in 100 have brackets and 2 a comma, and one time for ten of them."""
    store.execute("INSERT INTO entity (entity, selected, entity_type, source) VALUES ('Q1', true, 'any', 'perf')")
    store.execute(
        f"""INSERT INTO entity (entity, selected, entity_type, source)
            SELECT 'Q' || (i + 10), false, ['person', 'settlement', 'any', 'any'][i % 4 + 1], 'perf'
            FROM range({items}) t(i)"""
    )
    for query in (
        f"SELECT {list(PROPERTIES)}[i % 4 + 1], 'Q' || (i + 10), 'item' FROM range({items}) t(i)",
        f"""SELECT 'P569', printf('+%04d-%02d-%02dT00:00:00Z/11/Q1985727', 1600 + i // 336 % 400, i // 28 % 12 + 1,
                                  i % 28 + 1), 'time' FROM range({items // 10}) t(i)""",
        f"SELECT 'P2048', (i + 1) || '.5/Q11573', 'quantity' FROM range({items // 100}) t(i)",
    ):
        store.execute(
            f"""INSERT INTO claim (entity, property, ordinal, best, rank, value, value_type)
                SELECT 'Q1', c.p, 0, true, 'normal', c.v, c.t FROM ({query}) c(p, v, t)"""
        )
    for code in training_languages():
        row = language(code)
        words = "Church of Saint Mary" if code in ASCII else WORDS[row.script]
        store.execute(
            f"""INSERT INTO label SELECT 'Q' || (i + 10), '{row.labels[0]}',
                       '{words} ' || i || CASE i % 50 WHEN 0 THEN ' (Texas)' WHEN 1 THEN ', Illinois' ELSE '' END,
                       'perf'
                FROM range({items}) t(i)"""
        )


if __name__ == "__main__":
    main()
