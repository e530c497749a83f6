"""One evaluation: items to an endpoint through lighteval's pipeline, answers to figures, all of it in one folder.

runs/NAME/
  results.json       figures with their controls, and what they were measured on
  answers.parquet    one row a question and condition
  answers.jsonl      the same as they came, to go on after a kill
  lighteval/         lighteval's own results and details
"""

import asyncio
import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from evalsuite.benchmarks import export as benchmark
from evalsuite.benchmarks.export import Item
from evalsuite.harness import lighteval_patches
from evalsuite.metrics.accuracy import figures
from evalsuite.metrics.exact_match import exact_match
from pangea_cultural import __version__
from pangea_cultural.dataset.export import MANIFEST, Export
from pangea_cultural.endpoint.client import Endpoint
from pangea_cultural.errors import UserError
from pangea_cultural.utils.console import Reporter
from pangea_cultural.utils.files import atomic_path, read_json, sha256_file, temporaries, write_bytes, write_json

PACKAGES = ("lighteval", "openai", "datasets")
SPLITS = ("dev", "test", "unseen")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is evaluated, and on what."""

    connect: Callable[[], Endpoint]
    """Makes the client of the endpoint; called in the event loop that uses it."""
    model: str
    """The name that the endpoint serves."""
    training: dict[str, Any]
    """The checkpoint's training.json; empty where it is not known."""
    weights: list[list[Any]]
    """What tells the checkpoint's files from others under the same name; empty where they are not here."""
    export: Export
    splits: tuple[str, ...]
    languages: tuple[str, ...]
    """Languages to ask in; where none is given those that the model was trained in, and the held-out ones."""
    limit: int
    seed: int

    def trained(self) -> tuple[str, ...]:
        """Languages that the model was trained in: what its record says, or else those of the export's train split.

        Records of older versions name none where a training took all languages of its data.
        """
        if self.training.get("languages"):
            return tuple(self.training["languages"])
        rows = self.export.table("train")["language"].unique().to_pylist()
        return tuple(sorted(rows))

    def asked(self) -> tuple[str, ...]:
        """Languages to ask in."""
        return self.languages or (*self.trained(), *self.export.held_out_languages)

    def fingerprint(self) -> str:
        """What the answers depend on."""
        parts = (
            self.model,
            self.training.get("weights_sha256") or self.weights,
            sha256_file(self.export.path / MANIFEST),
            self.splits,
            self.asked(),
            self.limit,
            self.seed,
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()


def evaluate(plan: Plan, folder: Path, reporter: Reporter) -> dict[str, Any]:
    """Run an evaluation and give the content of results.json.

    A repeated call with the same plan and folder asks only what has no answer yet.

    Raises:
        UserError: the endpoint does not answer, or there is nothing to ask.
    """
    items = [
        item
        for split in plan.splits
        for item in benchmark.items(plan.export, split, plan.asked(), limit=plan.limit, seed=plan.seed)
    ]
    _keep_or_clear(plan, folder)
    with reporter.bar(f"evaluate: {plan.model}", len(items), "questions") as bar:
        scores, given = _run_pipeline(plan, items, folder, bar)
    answers = _answers(plan, items, given)
    _compare_with_lighteval(answers, scores)
    with atomic_path(folder / "answers.parquet") as temporary:
        pq.write_table(pa.Table.from_pylist(answers), temporary)
    results = _results(plan, answers)
    write_json(folder / "results.json", results)
    return results


def refuse_foreign(folder: Path) -> None:
    """Refuse a folder whose files are not of a run: an evaluation replaces some of them.

    Raises:
        UserError: it is such a folder.
    """
    # A run writes its fingerprint first, and a kill may cut that off.
    mark = folder / "fingerprint"
    if folder.is_dir() and not mark.is_file() and set(folder.iterdir()) - set(temporaries(mark)):
        raise UserError(f"{folder} is not empty and is no run of ours: give another --out")


def _keep_or_clear(plan: Plan, folder: Path) -> None:
    """Keep the answers of a killed run of the same plan; forget another's."""
    mark = folder / "fingerprint"
    if not (mark.is_file() and mark.read_text() == plan.fingerprint()):
        # First what says that the run is finished: a kill on the way leaves no figures that a report would take.
        (folder / "results.json").unlink(missing_ok=True)
        (folder / "answers.jsonl").unlink(missing_ok=True)
        write_bytes(mark, plan.fingerprint().encode())


def _run_pipeline(plan: Plan, items: list[Item], folder: Path, bar: Any) -> tuple[dict[str, float], dict[str, dict]]:
    """Score of each task as lighteval counts it, and the model's answers by item."""
    # Nothing of an evaluation on local data is to be looked up on the hub.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    lighteval_patches.prepare()
    from lighteval.logging.evaluation_tracker import EvaluationTracker
    from lighteval.pipeline import ParallelismManager, Pipeline, PipelineParameters

    from evalsuite.harness import tasks as lighteval_tasks
    from evalsuite.harness.endpoint_model import EndpointModel

    _clear_lighteval(folder / "lighteval")
    model = EndpointModel(plan.connect, name=plan.model, answers=folder / "answers.jsonl", bar=bar)
    tasks = lighteval_tasks.module(items, folder / "lighteval" / "data", version=plan.fingerprint()[:8])
    pipeline = Pipeline(
        tasks=",".join(config.name for config in tasks.TASKS_TABLE),
        pipeline_parameters=PipelineParameters(
            launcher_type=ParallelismManager.NONE, custom_tasks_directory=tasks, bootstrap_iters=0
        ),
        evaluation_tracker=EvaluationTracker(output_dir=str(folder / "lighteval"), save_details=True),
        model=model,
    )
    pipeline.evaluate()
    pipeline.save_and_push_results()
    results = pipeline.get_results()["results"]
    return {name.rsplit(":", 1)[0]: next(iter(scores.values())) for name, scores in results.items()}, model.answers


def _clear_lighteval(folder: Path) -> None:
    """Of a run before, or of half a run: lighteval names its files by the time, so they would stay beside the new."""
    for name in ("results", "details", "data"):
        shutil.rmtree(folder / name, ignore_errors=True)


def _answers(plan: Plan, items: list[Item], given: dict[str, dict]) -> list[dict[str, Any]]:
    trained = benchmark.trained_answers(plan.export, plan.trained())
    rows = []
    for item in items:
        row = item.question
        found = given[f"{row.id}|{item.condition}"]
        logprobs = found.get("logprobs", [])
        said = row.choices[max(range(len(logprobs)), key=logprobs.__getitem__)] if logprobs else found["text"]
        rows.append(
            {
                "id": row.id,
                "task": item.task,
                "split": item.split,
                "question_type": row.question_type,
                "condition": item.condition,
                "language": row.language,
                "region": row.region,
                "entity": row.entity,
                "property": row.property,
                "image": str(item.image.relative_to(plan.export.path)),
                "question": row.question,
                "choices": list(row.choices),
                "answers": list(row.answers),
                "said": said,
                "logprobs": logprobs,
                "correct": said == row.answer if logprobs else exact_match(said, list(row.answers)),
                "shared": bool(trained & set(row.answers)),
            }
        )
    return rows


def _compare_with_lighteval(answers: list[dict[str, Any]], scores: dict[str, float]) -> None:
    """Our figures are cut finer than lighteval's; on whole tasks both must agree."""
    for task in {answer["task"] for answer in answers}:
        own = [float(answer["correct"]) for answer in answers if answer["task"] == task]
        if abs(sum(own) / len(own) - scores[task]) > 1e-9:
            raise RuntimeError(f"{task}: lighteval counts {scores[task]}, we count {sum(own) / len(own)}")


def _results(plan: Plan, answers: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "model": plan.model,
        "benchmark": benchmark.NAME,
        "splits": list(plan.splits),
        "limit": plan.limit,
        "seed": plan.seed,
        "languages": {"trained": list(plan.trained()), "held_out": plan.export.held_out_languages},
        "figures": figures(answers, plan.trained()),
        "statements": plan.training.get("statements", []),
        "weights_sha256": plan.training.get("weights_sha256"),
        "export": {"path": str(plan.export.path), "manifest_sha256": sha256_file(plan.export.path / MANIFEST)},
        "versions": {"pangea-cultural": __version__} | {name: version(name) for name in PACKAGES},
    }


def model_name(connect: Callable[[], Endpoint]) -> str:
    """The name of the model that an endpoint serves."""

    async def ask() -> str:
        async with connect() as endpoint:
            return await endpoint.model()

    return asyncio.run(ask())


def training_record(checkpoint: Path) -> dict[str, Any]:
    """The record of how a checkpoint was trained; empty where it has none."""
    path = checkpoint / "training.json"
    return read_json(path) if path.is_file() else {}


def weights_state(checkpoint: Path) -> list[list[Any]]:
    """What tells a checkpoint's weights from others under the same name: hashing 15 GB at every start takes long."""
    files = [(path.name, path.stat()) for path in sorted(checkpoint.glob("*.safetensors"))]
    return [[name, state.st_size, state.st_mtime_ns] for name, state in files]
