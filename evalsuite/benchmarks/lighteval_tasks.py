"""The benchmarks as tasks of lighteval: one task for each split, with the same prompts and scores."""

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from lighteval.metrics.metrics_sample import SampleLevelComputation
from lighteval.metrics.utils.metric_utils import SampleLevelMetric
from lighteval.models.model_output import ModelResponse
from lighteval.tasks.lighteval_task import LightevalTaskConfig
from lighteval.tasks.requests import Doc, SamplingMethod

from evalsuite.benchmarks.base import Benchmark, Row
from evalsuite.benchmarks.registry import PUBLISHED
from evalsuite.data.images import opened
from evalsuite.data.side_images import ImagesByAddress, SideImages
from evalsuite.data.source import DataSets
from evalsuite.metrics.missing import NO_ANSWER

KINDS = ("reference", "robust", "unparsed")


class BenchmarkScore(SampleLevelComputation):
    """One of the scores of a benchmark's answers.

    Args:
        benchmark: name of the benchmark.
        kind: `reference`, `robust`, or `unparsed`, which is 1 for an answer in which nothing was found.
    """

    def __init__(self, benchmark: str, kind: str) -> None:
        self.benchmark = benchmark
        self.kind = kind

    def compute(self, doc: Doc, model_response: ModelResponse, **_: object) -> float:
        """Score one document. NaN stands for a row at which the reference stops with an error, or a missing answer."""
        answer = text_of(model_response)
        if answer == NO_ANSWER:
            return math.nan
        score = PUBLISHED[self.benchmark].score(orjson.loads(doc.specific["row"]), answer)
        if self.kind == "unparsed":
            return float(score.answer is None)
        value = score.reference if self.kind == "reference" else score.robust
        return math.nan if value is None else value


def text_of(response: ModelResponse) -> str:
    """Return an answer. lighteval's own backend for images holds it as a text, not as a list."""
    return response.text if isinstance(response.text, str) else response.final_text[0]


def kinds(benchmark: Benchmark) -> tuple[str, ...]:
    """Return the kinds of scores that a benchmark has."""
    return KINDS if benchmark.has_reference else KINDS[1:]


def metric_name(benchmark: str, kind: str) -> str:
    """Return the name of a score in lighteval, which is unique among benchmarks."""
    return f"{benchmark}_{kind}"


def task_config(benchmark: Benchmark, task: str) -> LightevalTaskConfig:
    """Return the lighteval task of one split of a benchmark."""
    split = benchmark.splits[task]
    return LightevalTaskConfig(
        name=f"{benchmark.name}:{task}",
        prompt_function=functools.partial(prompt, benchmark=benchmark.name, task=task),
        hf_repo=benchmark.source.repo,
        hf_subset=split.config,
        hf_revision=benchmark.source.revision,
        hf_avail_splits=[split.name],
        evaluation_splits=[split.name],
        metrics=[_metric(benchmark.name, kind) for kind in kinds(benchmark)],
        generation_size=benchmark.tokens(task),
        version=benchmark.version,
    )


def prompt(line: dict[str, Any], task_name: str, *, benchmark: str, task: str) -> Doc | None:
    """Return a row as a lighteval document, None for a row that is not scored."""
    found = PUBLISHED[benchmark]
    row = line | {"split": task, "number": int(line.get("__index", 0))}
    if found.drop(row):
        return None
    if isinstance(found.side_images, SideImages):
        images = [_side_image(benchmark, row[found.side_images.key])]
    else:
        images = [opened(value) for value in found.images(row)]
    return document(found, row, task_name, images=images)


@functools.cache
def _side_images(benchmark: str) -> ImagesByAddress:
    place = PUBLISHED[benchmark].side_images
    assert isinstance(place, SideImages), "only asked for benchmarks with images in another data set"
    return ImagesByAddress(place, DataSets(None))


@functools.cache
def _side_image(benchmark: str, address: str) -> Any:
    """Return an image of another data set. lighteval keeps all images, so that rows have to share them."""
    images = _side_images(benchmark)
    return opened(images.find(address))


def document(benchmark: Benchmark, row: Row, task_name: str, *, images: list[Any], item: str = "") -> Doc:
    """Return the document of a row. Its `specific` has the row's text for the scores."""
    return Doc(
        task_name=task_name,
        query=benchmark.prompt(row),
        choices=[],
        gold_index=[],
        images=images,
        specific={"item": item, "row": orjson.dumps(without_images(benchmark, row)).decode()},
    )


def without_images(benchmark: Benchmark, row: Row) -> Mapping[str, Any]:
    """Return the columns of a row that prompt and scores use."""
    names = [name for name, kind in benchmark.columns.items() if not kind.startswith("image") and name in row]
    added = benchmark.expand.columns if benchmark.expand else ()
    return {name: row[name] for name in (*names, *added, "split", "number", "from_all") if name in row}


def stored_row(benchmark: Benchmark, item: str, row: Row) -> dict[str, str]:
    """Return a chosen row as it is stored for lighteval, without images."""
    return {"item": item, "row": orjson.dumps(without_images(benchmark, row)).decode()}


def stored_config(benchmark: Benchmark, task: str, folder: Path) -> LightevalTaskConfig:
    """Return the lighteval task over a folder of stored rows."""
    return dataclasses.replace(
        task_config(benchmark, task),
        prompt_function=functools.partial(stored_prompt, benchmark=benchmark.name),
        hf_repo=str(folder),
        hf_subset="default",
        hf_revision=None,
        hf_avail_splits=["test"],
        evaluation_splits=["test"],
    )


def stored_prompt(line: dict[str, Any], task_name: str, *, benchmark: str) -> Doc:
    """Return a stored row as a lighteval document. The model opens the images when it asks."""
    return document(PUBLISHED[benchmark], orjson.loads(line["row"]), task_name, images=[], item=line["item"])


def known_mean(values: Sequence[float]) -> float:
    """Return the mean of scores, without those that are missing; NaN if all are."""
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def _metric(benchmark: str, kind: str) -> SampleLevelMetric:
    return SampleLevelMetric(
        metric_name=metric_name(benchmark, kind),
        higher_is_better=kind != "unparsed",
        category=SamplingMethod.GENERATIVE,
        sample_level_fn=BenchmarkScore(benchmark, kind),
        corpus_level_fn=known_mean,
    )


TASKS_TABLE = [
    task_config(benchmark, task) for benchmark in PUBLISHED.values() if benchmark.is_plain for task in benchmark.splits
]
