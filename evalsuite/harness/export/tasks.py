"""The lighteval tasks of a run, each with a Parquet folder and a configuration."""

import math
import types
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from lighteval.metrics.metrics_sample import SampleLevelComputation
from lighteval.metrics.utils.metric_utils import SampleLevelMetric
from lighteval.models.model_output import ModelResponse
from lighteval.tasks.lighteval_task import LightevalTaskConfig
from lighteval.tasks.requests import Doc, SamplingMethod

from evalsuite.benchmarks.export import LETTER, LIKELIHOOD, Item
from evalsuite.benchmarks.rotation import LETTERS
from evalsuite.metrics.choice import chosen_letter
from evalsuite.metrics.exact_match import exact_match
from evalsuite.metrics.missing import NO_ANSWER

MAX_ANSWER_TOKENS = 32


class LikeliestOption(SampleLevelComputation):
    """Score of a choice question: 1 if the right option has the highest log-probability per token, else 0."""

    def compute(self, doc: Doc, model_response: ModelResponse, **_: object) -> float:
        """Score one document. NaN stands for a missing answer."""
        if np.isnan(model_response.logprobs).any():
            return math.nan
        return float(int(np.argmax(model_response.logprobs)) == doc.gold_index)


class LetterOfOption(SampleLevelComputation):
    """Score of a choice question: 1 if the answer has the letter of the right option, else 0."""

    def compute(self, doc: Doc, model_response: ModelResponse, **_: object) -> float:
        """Score one document. NaN stands for a missing answer."""
        if model_response.final_text[0] == NO_ANSWER:
            return math.nan
        letter = chosen_letter(model_response.final_text[0], LETTERS[: len(doc.choices)], doc.choices)
        return float(letter == LETTERS[doc.gold_index])


class ExactMatch(SampleLevelComputation):
    """Score of an open question: 1 if the answer equals a right one after normalization, else 0."""

    def compute(self, doc: Doc, model_response: ModelResponse, **_: object) -> float:
        """Score one document. NaN stands for a missing answer."""
        if model_response.final_text[0] == NO_ANSWER:
            return math.nan
        return float(exact_match(model_response.final_text[0], doc.choices))


METRICS = {
    LIKELIHOOD: SampleLevelMetric(
        metric_name="choice_accuracy",
        higher_is_better=True,
        category=SamplingMethod.LOGPROBS,
        sample_level_fn=LikeliestOption(),
        corpus_level_fn=np.nanmean,
    ),
    LETTER: SampleLevelMetric(
        metric_name="letter_accuracy",
        higher_is_better=True,
        category=SamplingMethod.GENERATIVE,
        sample_level_fn=LetterOfOption(),
        corpus_level_fn=np.nanmean,
    ),
    "open": SampleLevelMetric(
        metric_name="exact_match",
        higher_is_better=True,
        category=SamplingMethod.GENERATIVE,
        sample_level_fn=ExactMatch(),
        corpus_level_fn=np.nanmean,
    ),
}


def prompt(line: dict[str, Any], task_name: str) -> Doc:
    """Return a row of a task's Parquet file as a lighteval document, with the image as a path."""
    choice = line["question_type"] == "choice"
    return Doc(
        task_name=task_name,
        query=line["question"],
        choices=line["choices"] if choice else line["answers"],
        gold_index=line["choices"].index(line["answer"]) if choice else list(range(len(line["answers"]))),
        images=[line["image"]] if line["image"] else [],
        specific={"item": line["item"]},
    )


def module(items: list[Item], folder: Path, *, version: str, choose_by: str) -> types.ModuleType:
    """Write the items as Parquet folders and return the module of tasks for lighteval.

    Args:
        items: the questions of the run.
        folder: parent of the Parquet folders.
        version: hash of the settings; lighteval separates results of different versions.
        choose_by: `likelihood`, or `letter` for an endpoint that gives no likelihoods.
    """
    by_task: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        by_task[item.task].append(item)
    configs = []
    for name, task_items in by_task.items():
        data = folder / name.replace(":", "-")
        is_choice = task_items[0].question.question_type == "choice"
        _write(task_items, data, letters=is_choice and choose_by == LETTER)
        configs.append(
            LightevalTaskConfig(
                name=name,
                prompt_function=prompt,
                hf_repo=str(data),
                hf_subset="default",
                hf_avail_splits=["test"],
                evaluation_splits=["test"],
                metrics=[METRICS[choose_by if is_choice else "open"]],
                generation_size=MAX_ANSWER_TOKENS,
                version=version,
            )
        )
    tasks = types.ModuleType("evalsuite_tasks_of_this_run")
    vars(tasks)["TASKS_TABLE"] = configs
    return tasks


def line(item: Item, *, letters: bool) -> dict[str, Any]:
    """Return the row of an item in the Parquet file of its task.

    Args:
        item: the question.
        letters: whether the question shows its options with letters.
    """
    return {
        "item": item.key,
        "question_type": item.question.question_type,
        "question": item.prompt(letters=letters),
        "answer": item.question.answer,
        "answers": list(item.question.answers),
        "choices": list(item.question.choices),
        "image": str(item.image or ""),
    }


def _write(items: list[Item], folder: Path, *, letters: bool) -> None:
    rows = [line(item, letters=letters) for item in items]
    (folder / "data").mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "data" / "test-00000-of-00001.parquet")
