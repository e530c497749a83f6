"""Controls of published benchmarks: the same questions with the image of another one (`blind`), or without (`text`).

RUN/benchmarks/NAME/passes/
  control-blind.jsonl     the answers in the order of arrival, from which an interrupted pass resumes
  control-blind.parquet   one row for each answer, with its scores
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from evalsuite.benchmarks.other_image import Candidate, other_images
from evalsuite.benchmarks.rotation import IMAGES, are_images
from evalsuite.harness.passes.asking import FOLDER, asked, published_asker
from evalsuite.harness.passes.settings import BLIND
from evalsuite.harness.published import PublishedRun
from evalsuite.harness.questions import Item
from evalsuite.metrics.control_figures import control_figures
from pangea_cultural.utils.console import Reporter
from pangea_cultural.utils.files import atomic_path
from pangea_cultural.utils.sampling import hash_key

NO_IMAGE = "it has no image"
NO_RIGHT_ANSWER = "its right answer is not public"
JUDGED = "a judge scores its answers"
NO_OTHER_IMAGE = "no other question of its task and language has an image that tells nothing"
_COLUMNS = ("item", "language", "group", "cluster", "images", "robust", "error")

Answer = dict[str, Any]


def published(run: PublishedRun, folder: Path, names: Sequence[str], reporter: Reporter) -> dict[str, Any]:
    """Ask the answered questions of a published benchmark under controls, and return the part of results.json.

    Args:
        run: the finished run.
        folder: its folder.
        names: the wanted controls.
        reporter: shows progress.

    Returns:
        `passes` has for each control the numbers of questions that were asked, missing and left out; `figures` are
        those of `control_figures`.

    Raises:
        UserError: the endpoint does not answer.
    """
    rows = pq.read_table(folder / "answers.parquet", columns=list(_COLUMNS)).to_pylist()
    answers = {row["item"]: row for row in rows if not row["error"]}
    items = [item for item in run.questions.items if item.key in answers]
    reasons = {item.key: _reason(run, item, answers[item.key]) for item in items}
    usable = [item for item in items if not reasons[item.key]]
    passes, found = {}, {}
    for name in names:
        shown = _shown(run, usable, answers) if name == BLIND else {item.key: None for item in usable}
        lost = Counter(filter(None, reasons.values())) + Counter(
            {NO_OTHER_IMAGE: sum(item.key not in shown for item in usable)}
        )
        chosen = [item for item in usable if item.key in shown]
        found[name], missing, unreadable = _asked(run, chosen, shown, answers, folder, name, reporter)
        passes[name] = {"asked": len(chosen), "missing": dict(missing), "left_out": dict(lost + unreadable)}
    return {"passes": passes, "figures": control_figures(list(answers.values()), found)}


def _reason(run: PublishedRun, item: Item, answer: Answer) -> str | None:
    """Return why a question is asked under no control, None for one that is."""
    benchmark = run.questions.benchmark
    if benchmark.judging is not None:
        return JUDGED
    if not answer["images"]:
        return NO_IMAGE
    if are_images(benchmark.choices(item.row)):
        return IMAGES
    return None if benchmark.right(item.row) else NO_RIGHT_ANSWER


def _shown(run: PublishedRun, items: Sequence[Item], answers: Mapping[str, Answer]) -> dict[str, Item | None]:
    """Return the questions whose images are shown, of the same task and language."""
    by_key = {item.key: item for item in items}
    parts: dict[tuple[str, str], list[Candidate]] = defaultdict(list)
    for item in items:
        answer = answers[item.key]
        parts[item.task, item.language].append(
            Candidate.of(
                run.questions.benchmark, item.key, item.row, cluster=answer["cluster"], images=answer["images"]
            )
        )
    chosen: dict[str, str] = {}
    for part in parts.values():
        chosen |= other_images(part, run.questions.selection.seed)
    return {key: by_key[other] for key, other in chosen.items()}


def _asked(
    run: PublishedRun,
    items: Sequence[Item],
    shown: Mapping[str, Item | None],
    answers: Mapping[str, Answer],
    folder: Path,
    name: str,
    reporter: Reporter,
) -> tuple[list[Answer], Counter[str], Counter[str]]:
    """Ask questions with the images of others, or without images.

    Returns:
        The rows of the answers, numbers of missing ones by kind of failure, and of images that are not readable.
    """
    benchmark = run.questions.benchmark
    # The name says which image was shown, so that another one is asked again.
    keyed = {item.key: replace(item, key=_key(item, shown[item.key])) for item in items}
    others = {keyed[item.key].key: shown[item.key] for item in items}
    ask = published_asker(run, list(keyed.values()), _files(run, others))
    path = folder / FOLDER / f"control-{name}.jsonl"
    found = asked(run.subject, ask, len(items), path, f"{benchmark.name}, control {name}", reporter)
    stored = {item.key: found.answers[keyed[item.key].key] for item in items if keyed[item.key].key in found.answers}
    unreadable = Counter(one["error"] for one in stored.values() if one.get("error"))
    rows = []
    for task in dict.fromkeys(item.task for item in items):
        own = [item for item in items if item.task == task and item.key in stored and not stored[item.key].get("error")]
        scores = benchmark.scores([item.row for item in own], [stored[item.key]["text"] for item in own])
        for item, score in zip(own, scores, strict=True):
            other = shown[item.key]
            rows.append(
                {key: answers[item.key][key] for key in ("item", "language", "group", "cluster")}
                | {
                    "shown": other.key if other else None,
                    "asked_as": keyed[item.key].key,
                    "images": stored[item.key].get("images", []),
                    "prompt": benchmark.prompt(item.row),
                    "prediction": stored[item.key]["text"],
                    "extracted": score.answer,
                    "parsed": score.answer is not None,
                    "reference": score.reference,
                    "robust": score.robust,
                    "chance": benchmark.chance(item.row),
                    "ending": stored[item.key].get("ending", ""),
                }
            )
    with atomic_path(path.with_suffix(".parquet")) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), temporary)
    return rows, found.missing, unreadable


def _key(item: Item, shown: Item | None) -> str:
    return item.key if shown is None else f"{item.key} {hash_key(shown.key).hex()[:16]}"


def _files(run: PublishedRun, others: Mapping[str, Item | None]) -> Callable[[Item], list[bytes]]:
    def files(item: Item) -> list[bytes]:
        other = others[item.key]
        return [] if other is None else run.questions.files(other)

    return files


SCHEMA = pa.schema(
    {
        **dict.fromkeys(("item", "language", "group", "cluster", "shown", "asked_as"), pa.string()),
        "images": pa.list_(pa.string()),
        **dict.fromkeys(("prompt", "prediction", "extracted"), pa.string()),
        "parsed": pa.bool_(),
        **dict.fromkeys(("reference", "robust", "chance"), pa.float64()),
        "ending": pa.string(),
    }
)
"""Columns of the answers to a control."""
