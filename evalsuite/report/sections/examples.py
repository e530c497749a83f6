"""Examples: questions with the answers of all runs, and the image where the first run keeps one.

Only the first run's images are shown: a withdrawal deletes the report in the folder of the run that has them.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from evalsuite.report.finished_run import IMAGE, FinishedRun, Row
from pangea_cultural.utils.files import read_json
from pangea_cultural.utils.sampling import hash_key

FILE, FOLDER = "examples.json", "examples"
MOST = 240
"""Examples of a report: about 5 MB of images."""
NUM_DIFFERENT = 4
"""Examples of each benchmark that one run has right and the other one wrong, beside those that are kept."""
KINDS: dict[str, Callable[[Row], bool]] = {
    "right": lambda row: row.score is not None and row.score >= 0.5,
    "wrong": lambda row: row.score is not None and row.score < 0.5,
    "unparsed": lambda row: row.parsed is False,
    "reference and robust differ": lambda row: None not in (row.score, row.reference) and row.score != row.reference,
}


def examples(runs: Sequence[FinishedRun]) -> list[dict[str, Any]]:
    """Return the examples of a report, benchmarks in turn."""
    kept = _kept(runs[0])
    answers = [{(row.benchmark, row.item): row for row in run.rows if row.condition == IMAGE} for run in runs]
    chosen = list(kept)
    for other in answers[1:]:
        chosen += _different(answers[0], other, kept)
    found = [key for key in dict.fromkeys(chosen) if key in answers[0]]
    return [_example(runs, answers, key, kept.get(key, [])) for key in _in_turn(found)][:MOST]


Key = tuple[str, str]


def _kept(run: FinishedRun) -> dict[Key, list[Path]]:
    """Return the images of the items that a run keeps for its report."""
    found: dict[Key, list[Path]] = {}
    if (run.folder / FILE).is_file():
        files = {
            name: run.folder / FOLDER / row["file"]
            for row in read_json(run.folder / FILE)["examples"]
            for name in (row["id"], row.get("open_id"))
        }
        for row in run.rows:
            if row.condition == IMAGE and row.item in files:
                found[row.benchmark, row.item] = [files[row.item]]
    for part in run.published:
        folder = run.folder / "benchmarks" / part["name"]
        if (folder / FILE).is_file():
            for row in read_json(folder / FILE):
                found[part["name"], row["item"]] = [folder / FOLDER / name for name in row["images"]]
    return found


def _different(a: dict[Key, Row], b: dict[Key, Row], kept: dict[Key, list[Path]]) -> list[Key]:
    """Return items that one run has right and the other one wrong, those with images first."""
    both = [key for key, row in a.items() if key in b and b[key].question == row.question]
    both.sort(key=lambda key: (key not in kept, hash_key("|".join(key))))
    chosen: dict[tuple[str, bool], list[Key]] = {}
    for key in both:
        one, other = a[key].score, b[key].score
        if one is not None and other is not None and (one >= 0.5) != (other >= 0.5):
            part = chosen.setdefault((key[0], one >= 0.5), [])
            if len(part) < NUM_DIFFERENT:
                part.append(key)
    return [key for part in chosen.values() for key in part]


def _in_turn(keys: list[Key]) -> Iterator[Key]:
    """Yield the keys so that every benchmark has some among the first ones."""
    turns: dict[str, int] = {}
    ranked = []
    for key in keys:
        turns[key[0]] = turns.get(key[0], 0) + 1
        ranked.append((turns[key[0]], key))
    first = sorted(ranked, key=lambda pair: pair[0])[:MOST]
    kept = {key for _, key in first}
    # In the page, the examples of a benchmark stand together.
    names = list(dict.fromkeys(name for name, _ in keys))
    yield from sorted((key for key in keys if key in kept), key=lambda key: names.index(key[0]))


def _example(
    runs: Sequence[FinishedRun], answers: list[dict[Key, Row]], key: Key, images: list[Path]
) -> dict[str, Any]:
    row = answers[0][key]
    found = {run.letter: rows[key] for run, rows in zip(runs, answers, strict=True) if key in rows}
    return {
        "kinds": _kinds(found),
        "benchmark": row.benchmark,
        "item": row.item,
        "language": row.language,
        "facets": row.facets,
        "question": row.question,
        "choices": list(row.choices),
        "right": list(row.answers),
        "images": [str(path.relative_to(runs[0].folder)) for path in images if path.is_file()],
        "answers": [
            {
                "run": letter,
                "answer": answer.prediction,
                "extracted": answer.extracted,
                "reference": answer.reference,
                "robust": answer.score,
                "ending": answer.ending,
            }
            for letter, answer in found.items()
        ],
    }


def _kinds(found: dict[str, Row]) -> list[str]:
    first, *others = found.items()
    kinds = [kind for kind, belongs in KINDS.items() if belongs(first[1])]
    right = KINDS["right"]
    for letter, row in others:
        if first[1].score is not None and row.score is not None and right(first[1]) != right(row):
            one, other = (first[0], letter) if right(first[1]) else (letter, first[0])
            kinds.append(f"{one} right, {other} wrong")
    return kinds
