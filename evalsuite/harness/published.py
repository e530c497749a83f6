"""The run of one published benchmark: lighteval asks an endpoint, and the answers become scores by language.

RUN/benchmarks/NAME/
  answers.parquet    one row for each question: prompt, answer, scores
  judgments.jsonl   what a judge said about the answers, if the benchmark needs one
  prediction.jsonl   the file for the task's organizers, if the benchmark has one; also as a ZIP archive
  answers.jsonl      the answers in the order of arrival, from which an interrupted evaluation resumes
  passes/            answers of further passes, if they were wanted, and their cost
  cost.json          requests, tokens and seconds, also of the judge, and peak memory
  examples.json      examples for the report, whose images are in examples/
  lighteval/         lighteval's own results and details
"""

import hashlib
import types
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from evalsuite.benchmarks import prompts
from evalsuite.benchmarks.base import Benchmark, Score
from evalsuite.harness import cost, examples, pipeline, submission
from evalsuite.harness.comparison import require_equal
from evalsuite.harness.judge import Judge, Judged, judge_answers, withhold
from evalsuite.harness.outcomes import endings
from evalsuite.harness.questions import Item, Questions
from evalsuite.harness.subject import Subject
from evalsuite.metrics.language_figures import language_figures
from evalsuite.statistics.clusters import united
from pangea_cultural.utils.console import Bar, Reporter
from pangea_cultural.utils.files import atomic_path

if TYPE_CHECKING:
    from evalsuite.harness.published_model import PublishedModel


@dataclass(frozen=True, kw_only=True)
class PublishedRun:
    """The questions of a benchmark, and the model that is asked."""

    subject: Subject
    questions: Questions
    data: Path | None
    """Folder that the data came from; None for the hub."""
    judge: Judge | None = None
    """The judge of benchmarks that need one; None to leave their answers without a score."""

    def fingerprint(self) -> str:
        """Return a hash of everything that the answers depend on."""
        benchmark = self.questions.benchmark
        parts = (
            *self.subject.identity.parts(),
            benchmark.name,
            benchmark.version,
            [(task, benchmark.tokens(task)) for task in benchmark.splits],
            sorted(self.questions.identities().items()),
            [(item.key, benchmark.prompt(item.row)) for item in self.questions.items],
            (benchmark.system, benchmark.image_size),
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()


def evaluate(run: PublishedRun, folder: Path, reporter: Reporter) -> dict[str, Any]:
    """Ask the questions of a benchmark, write the answers, and return its part of results.json.

    Raises:
        UserError: the endpoint does not answer.
    """
    questions = run.questions
    with reporter.bar(f"{questions.benchmark.name}: {run.subject.model}", len(questions.items), "questions") as bar:
        lighteval_scores, predictions, missing = _ask(run, folder, bar)
    judged = _judged(run, predictions, folder, reporter)
    answers = _answers(run, predictions, judged)
    if questions.benchmark.judging is None:
        _compare_with_lighteval(questions.benchmark, answers, lighteval_scores)
    usable = [answer for answer in answers if not answer["error"]]
    with atomic_path(folder / "answers.parquet") as temporary:
        # Parquet has no empty structs, so the other metrics are pairs.
        pairs = [[{"name": name, "value": value} for name, value in answer["more"].items()] for answer in answers]
        rows = [answer | {"more": more} for answer, more in zip(answers, pairs, strict=True)]
        pq.write_table(pa.Table.from_pylist(rows), temporary)
    examples.write(questions, answers, folder)
    errors = Counter(answer["error"] for answer in answers if answer["error"])
    outcome = {"missing": missing, "endings": endings(answers), "asked": len(questions.items)}
    outcome |= {"judge": judged.record if judged else None, "submission": submission.write(questions, answers, folder)}
    outcome["cost"] = cost.read(folder)
    return _results(run, usable, dropped=dict(Counter(questions.dropped) + errors)) | outcome


def _judged(
    run: PublishedRun, predictions: dict[str, dict[str, Any]], folder: Path, reporter: Reporter
) -> Judged | None:
    """Return the verdicts about the answers; None without a judge, or if the benchmark needs none."""
    judging = run.questions.benchmark.judging
    if judging is None or run.judge is None:
        return None
    answered = [
        (item.key, item.row, predictions[item.key]["text"])
        for item in run.questions.items
        if item.key in predictions and not predictions[item.key].get("error")
    ]
    name = f"{run.questions.benchmark.name}: judge {run.judge.identity.model}"
    with reporter.bar(name, len(answered), "answers") as bar:
        return judge_answers(run.judge, judging, answered, folder, bar)


def _ask(
    run: PublishedRun, folder: Path, bar: Bar
) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, Any]], dict[str, int]]:
    """Return lighteval's scores by task and metric, the answers by item, and numbers of missing ones by reason."""
    pipeline.prepare()
    pipeline.clear(folder / "lighteval")
    model = endpoint_model(run, run.questions.items, folder / "answers.jsonl", bar)
    scores = pipeline.run(_tasks(run, folder / "lighteval/data"), model, folder / "lighteval")
    return scores, model.answers, dict(Counter(model.missing.values()))


def endpoint_model(
    run: PublishedRun,
    items: Iterable[Item],
    answers: Path,
    bar: Bar,
    files: Callable[[Item], list[bytes]] | None = None,
) -> "PublishedModel":
    """Return the model behind the endpoint of a run, for lighteval.

    Args:
        run: the run.
        items: the questions that it is asked.
        answers: file of the answers.
        bar: advanced with every answer.
        files: returns the images that a question is shown; None for its own.
    """
    from evalsuite.harness.published_model import PublishedModel

    by_key = {item.key: item for item in items}
    shown = files or run.questions.files
    return PublishedModel(
        connect=run.subject.connect,
        name=run.subject.model,
        answers=answers,
        bar=bar,
        files=lambda key: shown(by_key[key]),
        size=run.questions.benchmark.image_size,
        system=run.questions.benchmark.system,
    )


def _tasks(run: PublishedRun, folder: Path) -> types.ModuleType:
    """Write the chosen rows as Parquet files and return lighteval's tasks over them."""
    from evalsuite.benchmarks import lighteval_tasks

    module = types.ModuleType("published_tasks_of_this_run")
    table = []
    for task, items in run.questions.by_task().items():
        data = folder / task
        (data / "data").mkdir(parents=True, exist_ok=True)
        config = lighteval_tasks.stored_config(run.questions.benchmark, task, data)
        rows = [lighteval_tasks.stored_row(run.questions.benchmark, item.key, item.row) for item in items]
        pq.write_table(pa.Table.from_pylist(rows), data / "data" / "test-00000-of-00001.parquet")
        table.append(config)
    vars(module)["TASKS_TABLE"] = table
    return module


def _answers(run: PublishedRun, predictions: dict[str, dict[str, Any]], judged: Judged | None) -> list[dict[str, Any]]:
    """Return the rows of answers.parquet, in the order of the items, without questions that have no answer."""
    benchmark = run.questions.benchmark
    rows = []
    for task, asked in run.questions.by_task().items():
        items = [item for item in asked if item.key in predictions]
        texts = [predictions[item.key]["text"] for item in items]
        asked_rows = [item.row for item in items]
        if benchmark.judging is not None and judged is not None:
            scores = benchmark.judging.scores(asked_rows, texts, [judged.verdicts.get(item.key) for item in items])
        else:
            scores = benchmark.scores(asked_rows, texts)
        for item, text, score in zip(items, texts, scores, strict=True):
            verdict = judged.texts.get(item.key) if judged else None
            rows.append(_answer(run, task, item, text, score, predictions[item.key]) | {"verdict": verdict})
    clusters = united([row.pop("cluster_names") for row in rows])
    return [row | {"cluster": str(cluster)} for row, cluster in zip(rows, clusters, strict=True)]


def _answer(
    run: PublishedRun, task: str, item: Item, text: str, score: Score, stored: dict[str, Any]
) -> dict[str, Any]:
    benchmark = run.questions.benchmark
    images = stored.get("images", [])
    name = benchmark.item(item.row)
    cluster = benchmark.cluster(item.row)
    return {
        "item": item.key,
        "id": name,
        "task": f"{benchmark.name}:{task}",
        "language": item.language,
        "group": run.subject.language_group(item.language),
        "cluster_names": images if cluster is None else [cluster],
        "facets": [{"name": key, "value": value} for key, value in benchmark.facets(item.row).items()],
        "prompt": benchmark.prompt(item.row),
        "choices": benchmark.choices(item.row),
        "right": benchmark.right(item.row),
        "images": images,
        "prediction": text,
        "extracted": score.answer,
        "parsed": score.answer is not None,
        "guessed": score.guessed,
        "reference": score.reference,
        "robust": score.robust,
        "more": dict(score.more),
        "chance": benchmark.chance(item.row),
        "ending": stored.get("ending", ""),
        "error": stored.get("error", ""),
    }


def _compare_with_lighteval(
    benchmark: Benchmark, answers: list[dict[str, Any]], scores: dict[str, dict[str, float]]
) -> None:
    for task in {answer["task"] for answer in answers}:
        for kind in ("reference", "robust") if benchmark.has_reference else ("robust",):
            values = [answer[kind] for answer in answers if answer["task"] == task and answer[kind] is not None]
            require_equal(f"{task}, {kind}", values, scores[task][f"{benchmark.name}_{kind}"])


def _results(run: PublishedRun, answers: list[dict[str, Any]], *, dropped: dict[str, int]) -> dict[str, Any]:
    benchmark, selection = run.questions.benchmark, run.questions.selection
    source = benchmark.source
    return {
        "name": benchmark.name,
        "title": benchmark.title,
        "metric": benchmark.metric,
        "version": benchmark.version,
        "max_tokens": benchmark.max_tokens,
        "other_max_tokens": dict(benchmark.other_max_tokens),
        "data": {
            "repo": source.repo,
            "pinned": source.revision,
            "folder": str(run.data / source.repo) if run.data else None,
            "read": run.questions.identities(),
        },
        "questions": len(answers),
        "selection": {
            "languages": list(selection.languages),
            "max_questions": selection.limit(benchmark),
            "seed": selection.seed,
        },
        "dropped": dropped,
        "judged": benchmark.judging is not None,
        "reference_errors": sum(answer["reference"] is None for answer in answers) if benchmark.has_reference else 0,
        "figures": _figures(benchmark, answers),
        "prompt": answers[0]["prompt"] if answers else "",
        "prompts": prompts.examples(
            (f"{benchmark.name}:{item.task}", benchmark.prompt(item.row)) for item in run.questions.items
        ),
        "unverified": [*benchmark.unverified, *_unpinned(run)],
        "deviations": list(benchmark.deviations),
        "anchors": [
            {
                "model": anchor.model,
                "part": anchor.part,
                "value": anchor.value,
                "source": anchor.source,
                "same_protocol": anchor.same_protocol,
            }
            for anchor in benchmark.anchors
        ],
    }


def _figures(benchmark: Benchmark, answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if not answers:
        return []
    figures = language_figures(answers)
    return withhold(figures, answers) if benchmark.judging is not None else figures


def _unpinned(run: PublishedRun) -> list[str]:
    if run.data is not None or run.questions.benchmark.source.revision:
        return []
    return ["The revision that published scores used is not known; this run read the newest one."]
