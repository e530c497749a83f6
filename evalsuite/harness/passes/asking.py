"""Questions that a pass asks an endpoint. The answers of a pass have a file, from which it resumes."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow.parquet as pq

from evalsuite.benchmarks.export import LETTER
from evalsuite.benchmarks.export import Item as ExportItem
from evalsuite.harness.published import PublishedRun, endpoint_model
from evalsuite.harness.questions import Item
from evalsuite.harness.runner import EvalConfig
from evalsuite.harness.subject import Subject
from evalsuite.metrics.accuracy import clusters
from pangea_cultural.endpoint.concurrency import CONCURRENCY
from pangea_cultural.utils.console import Bar, Reporter

if TYPE_CHECKING:
    from lighteval.tasks.requests import Doc

    from evalsuite.harness.endpoint_model import EndpointModel

FOLDER = "passes"
"""Folder of the files of passes inside that of the answers. It has a cost.json of its own."""
Stored = Mapping[str, Mapping[str, Any]]
"""Stored answers by item."""


class Pass(NamedTuple):
    """The outcome of a pass."""

    answers: Stored
    missing: Counter[str]
    """Number of questions without an answer, by kind of failure."""


Asker = Callable[[Path, Bar], Pass]
"""Asks the questions of a pass that its file of answers lacks."""


def asked(subject: Subject, ask: Asker, count: int, path: Path, title: str, reporter: Reporter) -> Pass:
    """Ask the questions of a pass.

    Args:
        subject: the model.
        ask: asks the questions.
        count: number of questions.
        path: file of the answers.
        title: words for the progress bar.
        reporter: shows progress.

    Raises:
        UserError: the endpoint does not answer.
    """
    with reporter.bar(f"{title}: {subject.model}", count, "questions") as bar:
        return ask(path, bar)


def published_asker(
    run: PublishedRun, items: Sequence[Item], files: Callable[[Item], list[bytes]] | None = None
) -> Asker:
    """Return the asker of rows of a published benchmark.

    Args:
        run: the run.
        items: the questions.
        files: returns the images that a question is shown; None for its own.
    """

    def ask(path: Path, bar: Bar) -> Pass:
        from evalsuite.benchmarks.lighteval_tasks import document

        benchmark = run.questions.benchmark
        docs = []
        for item in items:
            doc = document(benchmark, item.row, f"{benchmark.name}:{item.task}", images=[], item=item.key)
            doc.generation_size = benchmark.tokens(item.task)
            docs.append(doc)
        return _greedy(endpoint_model(run, items, path, bar, files), docs)

    return ask


def export_asker(config: EvalConfig, items: Sequence[ExportItem], *, by: str) -> Asker:
    """Return the asker of questions of an export.

    Args:
        config: settings of the evaluation.
        items: questions of one type.
        by: the way that options of choice questions are compared.
    """

    def ask(path: Path, bar: Bar) -> Pass:
        from evalsuite.harness.endpoint_model import EndpointModel
        from evalsuite.harness.export import tasks

        model = EndpointModel(config.connect, name=config.model, answers=path, bar=bar)
        docs = []
        for item in items:
            doc = tasks.prompt(tasks.line(item, letters=bool(item.question.choices) and by == LETTER), item.task)
            doc.generation_size = tasks.MAX_ANSWER_TOKENS
            docs.append(doc)
        if items and items[0].question.choices and by != LETTER:
            model.loglikelihood(docs)
            return _outcome(model, docs)
        return _greedy(model, docs)

    return ask


def _greedy(model: "EndpointModel", docs: "list[Doc]") -> Pass:
    model.greedy_until(docs)
    return _outcome(model, docs)


def _outcome(model: "EndpointModel", docs: "list[Doc]") -> Pass:
    keys = {doc.specific["item"] for doc in docs}
    return Pass({key: stored for key, stored in model.answers.items() if key in keys}, Counter(model.missing.values()))


def answered_rows(folder: Path) -> dict[str, Any]:
    """Return the cluster of each answered row of a published benchmark, by item."""
    rows = pq.read_table(folder / "answers.parquet", columns=["item", "cluster", "error"]).to_pylist()
    return {row["item"]: row["cluster"] for row in rows if not row["error"]}


def answered_questions(folder: Path) -> dict[str, int]:
    """Return the cluster of each answered question of an export with its image, by item."""
    columns = ["id", "condition", "image", "entity"]
    rows = pq.read_table(folder / "answers.parquet", columns=columns).to_pylist()
    named = zip(rows, clusters(rows), strict=True)
    return {f"{row['id']}|image": cluster for row, cluster in named if row["condition"] == "image"}


def requests_at_a_time(subject: Subject) -> int:
    """Return the largest number of requests that a run sends at a time."""
    return CONCURRENCY * len(subject.connect().endpoints)
