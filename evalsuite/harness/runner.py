"""The run of an evaluation: lighteval asks an endpoint, and the answers become accuracies in a folder.

runs/NAME/
  results.json       accuracies with and without the image, settings and versions; `suite.py` writes it
  answers.parquet    one row per question and condition
  gray.png           the image of a control
  examples.json      examples for the report, whose images are in examples/
  answers.jsonl      the answers in the order of arrival, from which an interrupted evaluation resumes
  passes/            answers of further passes, if they were wanted, and their cost
  cost.json          requests, tokens and seconds, and peak memory
  lighteval/         lighteval's own results and details
"""

import asyncio
import hashlib
import io
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from evalsuite.benchmarks import export as benchmark
from evalsuite.benchmarks import prompts
from evalsuite.benchmarks.export import Item
from evalsuite.harness import cost, pipeline
from evalsuite.harness.comparison import require_equal
from evalsuite.harness.export import examples
from evalsuite.harness.export.answers import KnownAnswers, rows_of
from evalsuite.harness.outcomes import endings
from evalsuite.harness.subject import Subject
from evalsuite.metrics.accuracy import UNASKED, accuracies
from pangea_cultural.dataset.export import MANIFEST, Export
from pangea_cultural.endpoint.failures import NoAnswerError
from pangea_cultural.utils.console import Bar, Reporter
from pangea_cultural.utils.environment import versions
from pangea_cultural.utils.files import atomic_path, sha256_file, write_bytes
from pangea_cultural.utils.sampling import evenly_spaced

PACKAGES = ("pangea-cultural", "lighteval", "aiohttp", "datasets")
"""Packages whose versions are recorded."""
NO_LIKELIHOODS = frozenset(("no likelihoods", "status 400", "status 422", "status 501"))
"""Kinds of failure of an endpoint that cannot give likelihoods."""
MOST_LOSSES = 500
"""Losses of a stage of the training that a report shows."""
GRAY_SIZE = 336
"""Height and width of the gray image: one tile of the vision tower."""


@dataclass(frozen=True, kw_only=True)
class EvalConfig(Subject):
    """The settings of an evaluation on an export."""

    export: Export
    splits: tuple[str, ...]
    languages: tuple[str, ...]
    """Languages to ask in; if empty, the languages of the training and the held-out ones."""
    max_questions: int
    """Maximum number of questions per language and question type."""
    seed: int
    choose_by: str = benchmark.LIKELIHOOD
    """The way that options of choice questions are compared: by `likelihood`, or by the `letter` in the answer."""
    withdrawn: str = ""
    """Withdrawals that the export has, for a statement; empty for none."""

    def trained_languages(self) -> tuple[str, ...]:
        """Return the languages of the training by its record; none if it is not known."""
        return tuple(self.training.get("languages", ()))

    def asked_languages(self) -> tuple[str, ...]:
        """Return the languages to ask in. Without a record of the training, all of the export are asked."""
        known = self.trained_languages() or sorted(self.export.table("train")["language"].unique().to_pylist())
        return self.languages or tuple(dict.fromkeys((*known, *self.export.held_out_languages)))

    @property
    def statements(self) -> list[str]:
        """Facts that are needed to interpret the scores, one sentence each."""
        about = f"The export with the questions has withdrawn data: {self.withdrawn}."
        return [*super().statements, *([about] if self.withdrawn else [])]

    def fingerprint(self) -> str:
        """Return a hash of everything that the answers depend on."""
        parts = (
            *self.identity.parts(),
            sha256_file(self.export.path / MANIFEST),
            self.splits,
            self.asked_languages(),
            self.max_questions,
            self.seed,
            self.choose_by,
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()


def prepared(config: EvalConfig, reporter: Reporter) -> EvalConfig:
    """Return the settings with the way that options are compared: the endpoint is asked whether it gives likelihoods.

    Raises:
        UserError: the endpoint does not answer.
    """
    return replace(config, choose_by=asyncio.run(_choose_by(config, reporter)))


async def _choose_by(config: EvalConfig, reporter: Reporter) -> str:
    rows = (row for split in config.splits for row in config.export.questions(split))
    row = next((row for row in rows if row.choices), None)
    if row is None:
        return benchmark.LIKELIHOOD
    async with config.connect() as endpoint:
        try:
            await endpoint.choose(None, row.question, row.choices)
        except NoAnswerError as error:
            if error.kind not in NO_LIKELIHOODS:
                raise
            reporter.note(f"evaluate: {error}")
            return benchmark.LETTER
    return benchmark.LIKELIHOOD


def evaluate(config: EvalConfig, folder: Path, reporter: Reporter) -> dict[str, Any]:
    """Run an evaluation and return the content of results.json.

    A repeated call with the same settings and folder asks only the questions without an answer.

    Raises:
        UserError: the endpoint does not answer, or the export has no such questions.
    """
    gray = folder / "gray.png"
    items = chosen_items(config, gray)
    write_bytes(gray, _gray_image())
    with reporter.bar(f"evaluate: {config.model}", len(items), "questions") as bar:
        scores, predictions, missing = _run_pipeline(config, items, folder, bar)
    known = KnownAnswers(config.export, config.trained_languages() or config.asked_languages())
    answers = rows_of(items, predictions, config.export, known, seed=config.seed)
    _compare_with_lighteval(answers, scores)
    with atomic_path(folder / "answers.parquet") as temporary:
        pq.write_table(pa.Table.from_pylist(answers), temporary)
    examples.write(answers, config.export, folder)
    outcome = {"missing": missing, "endings": endings(answers), "asked": len(items), "cost": cost.read(folder)}
    return _results(config, answers) | outcome | {"prompts": _prompts(config, items)}


def _prompts(config: EvalConfig, items: list[Item]) -> list[dict[str, Any]]:
    """Return an example of the prompt of each task, and the hash of all of them. Controls have the same prompts."""
    letters = config.choose_by == benchmark.LETTER
    return prompts.examples((item.task, item.prompt(letters=letters)) for item in items if item.condition == "image")


def chosen_items(config: EvalConfig, gray: Path) -> list[Item]:
    """Return the questions of a run under all conditions. `gray` is the file of the gray image."""
    chosen: list[Item] = []
    for split in config.splits:
        chosen += benchmark.items(
            config.export,
            split,
            config.asked_languages(),
            max_questions=config.max_questions,
            seed=config.seed,
            gray=gray,
        )
    return chosen


def _run_pipeline(
    config: EvalConfig, items: list[Item], folder: Path, bar: Bar
) -> tuple[dict[str, float], dict[str, dict[str, Any]], dict[str, int]]:
    """Return lighteval's score of each task, the model's answers by item, and numbers of missing ones by reason."""
    pipeline.prepare()
    from evalsuite.harness.endpoint_model import EndpointModel
    from evalsuite.harness.export import tasks as lighteval_tasks

    pipeline.clear(folder / "lighteval")
    model = EndpointModel(config.connect, name=config.model, answers=folder / "answers.jsonl", bar=bar)
    version = config.fingerprint()[:8]
    tasks = lighteval_tasks.module(items, folder / "lighteval/data", version=version, choose_by=config.choose_by)
    results = pipeline.run(tasks, model, folder / "lighteval")
    scores = {name: next(iter(values.values())) for name, values in results.items()}
    return scores, model.answers, dict(Counter(model.missing.values()))


def _gray_image() -> bytes:
    """Return the gray image of a control, as PNG."""
    buffer = io.BytesIO()
    Image.new("RGB", (GRAY_SIZE, GRAY_SIZE), (127, 127, 127)).save(buffer, "PNG")
    return buffer.getvalue()


def _compare_with_lighteval(answers: list[dict[str, Any]], scores: dict[str, float]) -> None:
    for task in scores:
        asked = [answer for answer in answers if answer["task"] == task and answer["condition"] not in UNASKED]
        correct = [float(answer["correct"]) for answer in asked]
        require_equal(task, correct, scores[task])


def _training(record: dict[str, Any]) -> dict[str, Any]:
    """Return what a report shows about a training: its seed and its stages with their losses; empty if not known."""
    if not record.get("stages"):
        return {}
    stages = []
    for stage in record["stages"]:
        log = stage["log"]
        points = [log[place] for place in evenly_spaced(len(log), MOST_LOSSES)]
        about = {key: stage[key] for key in ("stage", "questions", "seconds")}
        stages.append(about | {"log": [{"step": point["step"], "loss": point["loss"]} for point in points]})
    return {"seed": record["seed"], "stages": stages}


def _results(config: EvalConfig, answers: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        **config.about(),
        "benchmark": benchmark.NAME,
        "choose_by": config.choose_by,
        "splits": list(config.splits),
        "max_questions": config.max_questions,
        "seed": config.seed,
        "languages": {"trained": list(config.trained_languages()), "held_out": config.export.held_out_languages},
        "figures": accuracies(answers, config.trained_languages()),
        "export": {
            "path": str(config.export.path),
            "manifest_sha256": sha256_file(config.export.path / MANIFEST),
            "recipe": {"name": config.export.manifest["recipe"]["name"]},
            **{key: config.export.manifest[key] for key in ("questions", "entities", "images")},
        },
        "training": _training(config.training),
        "versions": versions(PACKAGES),
    }
