"""One question of a run: what was sent, what came back, and both scores."""

import hashlib
import itertools
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq

from evalsuite.benchmarks.base import Benchmark
from evalsuite.benchmarks.export import LETTER, lettered
from evalsuite.benchmarks.registry import PUBLISHED
from evalsuite.data.images import media_type, sent_bytes
from evalsuite.data.side_images import open_finder
from evalsuite.data.source import DataSets
from evalsuite.harness.questions import Item, Questions, Selection
from evalsuite.metrics.accuracy import UNASKED
from evalsuite.report.run_files import CONTROL_COLUMNS, EXPORT_COLUMNS, PUBLISHED_COLUMNS, read_answers, read_results
from pangea_cultural.dataset import withdrawal
from pangea_cultural.dataset.export import Export
from pangea_cultural.dataset.withdrawal import WithdrawnImage
from pangea_cultural.errors import ImageError, UserError, unknown
from pangea_cultural.utils.files import write_bytes

SHOWN_ITEMS = 5
"""Items that an error names."""


def find(run: Path, name: str) -> list[dict[str, Any]]:
    """Return the answers to a question of a run, one for each condition.

    Args:
        run: folder of a run.
        name: item of a published benchmark, such as `marvl:sw/0`, or id of a question of an export.

    Returns:
        Rows with item, language, condition, system, prompt, images (paths), raw, prediction, extracted, right answers,
        reference, robust and verdict (of a judge). What does not exist is None.

    Raises:
        UserError: the folder is not a finished run, or has no such question.
    """
    results = read_results(run)
    benchmark = name.partition(":")[0]
    parts = {part["name"]: part for part in results.get("benchmarks", [])}
    if benchmark in parts:
        own = _published(run, parts[benchmark], name)
        return [own, *_under_controls(run, parts[benchmark], name, own["right"])]
    found = _rows(run / "answers.parquet", "id", name)
    if found:
        return [_of_export(run, results, row) for row in found]
    items = [*_some(run / "answers.parquet", "id"), *_first_items(run, parts)]
    raise _no_question(run, name, items[:SHOWN_ITEMS])


def _no_question(run: Path, name: str, items: list[str]) -> UserError:
    if not items:
        return UserError(f"{run} has no answers. Repeat the evaluation with the same settings to ask for them.")
    return unknown("question", name, items)


def _rows(path: Path, column: str, value: str) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    wanted = EXPORT_COLUMNS if column == "id" else PUBLISHED_COLUMNS
    return read_answers(path, wanted, [(column, "=", value)])


def _some(path: Path, column: str) -> list[str]:
    if not path.is_file():
        return []
    return list(dict.fromkeys(pq.read_table(path, columns=[column])[column].to_pylist()[:SHOWN_ITEMS]))


def _first_items(run: Path, parts: dict[str, Any]) -> list[str]:
    return [item for name in parts for item in _some(run / f"benchmarks/{name}/answers.parquet", "item")[:1]]


def _published(run: Path, part: dict[str, Any], name: str) -> dict[str, Any]:
    folder = run / "benchmarks" / part["name"]
    found = _rows(folder / "answers.parquet", "item", name)
    if not found:
        raise _no_question(run, name, _some(folder / "answers.parquet", "item"))
    answer, benchmark = found[0], PUBLISHED[part["name"]]
    images, note = _images(folder, part, benchmark, answer)
    return {
        "item": name,
        "language": answer["language"],
        "condition": None,
        "system": benchmark.system or None,
        "prompt": answer["prompt"],
        "images": images,
        "note": note,
        "raw": _raw(folder / "answers.jsonl", name) or answer["prediction"],
        "prediction": answer["prediction"],
        "extracted": answer["extracted"],
        "right": answer["right"] or None,
        "reference": answer["reference"],
        "robust": answer["robust"],
        "verdict": answer["verdict"],
        "more": {pair["name"]: pair["value"] for pair in answer["more"]},
        "ending": answer["ending"] or None,
        "error": answer["error"] or None,
    }


def _under_controls(run: Path, part: dict[str, Any], name: str, right: list[str] | None) -> list[dict[str, Any]]:
    """Return the answers to a question of a published benchmark under controls. `right` has its right answers."""
    folder, benchmark = run / "benchmarks" / part["name"], PUBLISHED[part["name"]]
    found = []
    for control in part.get("controls", {}).get("passes", {}):
        path = folder / f"passes/control-{control}.parquet"
        for answer in read_answers(path, CONTROL_COLUMNS, [("item", "=", name)]):
            images, note = _images(folder, part, benchmark, answer | {"item": answer["shown"] or name})
            found.append(
                {
                    "item": name,
                    "language": answer["language"],
                    "condition": control,
                    "system": benchmark.system or None,
                    "prompt": answer["prompt"],
                    "images": images,
                    "note": note,
                    "raw": _raw(path.with_suffix(".jsonl"), answer["asked_as"]) or answer["prediction"],
                    "prediction": answer["prediction"],
                    "extracted": answer["extracted"],
                    "right": right,
                    "reference": answer["reference"],
                    "robust": answer["robust"],
                    "verdict": None,
                    "more": {},
                    "ending": answer["ending"] or None,
                    "error": None,
                }
            )
    return found


def _of_export(run: Path, results: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    image, is_asked = answer["image"], answer["condition"] not in UNASKED
    by_letter = bool(len(answer["choices"])) and results["choose_by"] == LETTER
    path = run / "gray.png" if answer["condition"] == "gray" else None
    if image:
        path = Export.open(Path(results["export"]["path"])).image_file(image)
    key = f"{answer['id']}|{answer['condition']}"
    return {
        "item": answer["id"],
        "language": answer["language"],
        "condition": answer["condition"],
        "system": None,
        "prompt": lettered(answer["question"], answer["choices"]) if by_letter and is_asked else answer["question"],
        "images": [str(path)] if path else [],
        "note": None,
        "raw": (_raw(run / "answers.jsonl", key) if is_asked else None) or answer["prediction"],
        "prediction": answer["prediction"],
        "extracted": answer["prediction"] or None,
        "right": answer["answers"],
        # Questions of an export have one score.
        "reference": None,
        "robust": None if answer["correct"] is None else float(answer["correct"]),
        "verdict": None,
        "more": {},
        "ending": answer["ending"] or None,
        "error": None,
    }


def _raw(path: Path, name: str) -> str | None:
    """Return an answer as the endpoint gave it, with its reasoning; None if it is not stored."""
    if not path.is_file():
        return None
    with path.open("rb") as stream:
        for line in stream:
            # A killed run can leave a truncated line.
            if name.encode() in line and line.endswith(b"\n"):
                row = orjson.loads(line)
                if row["item"] == name:
                    return row.get("raw", row.get("text"))
    return None


def _images(
    folder: Path, part: dict[str, Any], benchmark: Benchmark, answer: dict[str, Any]
) -> tuple[list[str], str | None]:
    """Write the images of a question as they were sent. Return their paths, and why there are none."""
    if not answer["images"]:
        return [], None
    data = Path(part["data"]["folder"]) if part["data"]["folder"] else None
    # The folder of the data has the copy of one data set, as OWNER/NAME.
    root = data.parents[len(Path(part["data"]["repo"]).parts) - 1] if data else None
    try:
        files = [sent_bytes(file, benchmark.image_size) for file in _files(benchmark, answer["item"], root)]
    except (UserError, ImageError, OSError) as error:
        return [], f"The images are not available ({error})."
    paths = []
    withdrawn = _withdrawn(folder.parent.parent)
    for file in files:
        digest = hashlib.sha256(file).hexdigest()
        if {digest, hashlib.sha1(file, usedforsecurity=False).hexdigest()} & withdrawn:
            return [], "An image was withdrawn."
        if digest not in answer["images"]:
            return [], "The data set has another image now."
        suffix = media_type(file).rpartition("/")[2].replace("jpeg", "jpg")
        path = folder / "images" / f"{digest}.{suffix}"
        if not path.is_file():
            write_bytes(path, file)
        paths.append(str(path))
    return paths, None


def _withdrawn(run: Path) -> set[str]:
    """Return the hashes of withdrawn images, and of their originals, in the list of the workspace that has a run."""
    listed = withdrawal.read(withdrawal.beside(run))
    return {digest for item in listed if isinstance(item, WithdrawnImage) for digest in (*item.images, *item.sha1)}


def _files(benchmark: Benchmark, item: str, root: Path | None) -> list[bytes]:
    task, _, place = item.partition(":")[2].rpartition("/")
    number, _, part = place.partition(".")
    data_sets = DataSets(root)
    rows = data_sets.open(benchmark.source, benchmark.splits[task], benchmark.columns)
    row: dict[str, Any] = next(itertools.islice(rows.texts(), int(number), None))
    row |= {"split": task, "number": int(number)}
    if benchmark.expand and part:
        row |= benchmark.expand.rows(row)[int(part)]
    questions = Questions(
        benchmark=benchmark,
        items=[],
        rows={task: rows},
        selection=Selection(languages=(), max_questions=None, seed=0),
        dropped={},
        side_images=open_finder(benchmark.side_images, data_sets) if benchmark.side_images else None,
    )
    return questions.files(Item(key=item, task=task, row=row, language=""))
