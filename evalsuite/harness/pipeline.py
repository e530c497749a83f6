"""lighteval's pipeline over the tasks and the model of a run."""

import contextlib
import os
import shutil
import tempfile
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalsuite.harness import lighteval_patches


def prepare() -> None:
    """Patch lighteval, and keep it and `datasets` from asking the hub. Call it before either is imported."""
    # An evaluation on local data needs nothing from the hub.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    lighteval_patches.apply_patches()


def run(tasks: types.ModuleType, model: Any, folder: Path) -> dict[str, dict[str, float]]:
    """Ask the model all tasks and return lighteval's scores by task and metric. Files go to `folder`."""
    from lighteval.logging.evaluation_tracker import EvaluationTracker
    from lighteval.pipeline import ParallelismManager, Pipeline, PipelineParameters

    folder.mkdir(parents=True, exist_ok=True)
    with _temporary_cache(folder):
        pipeline = Pipeline(
            tasks=",".join(task.name for task in tasks.TASKS_TABLE),
            pipeline_parameters=PipelineParameters(
                launcher_type=ParallelismManager.NONE,
                custom_tasks_directory=tasks,
                bootstrap_iters=0,
                # The model has removed the reasoning. lighteval would do it after the answers are stored.
                remove_reasoning_tags=False,
            ),
            evaluation_tracker=EvaluationTracker(output_dir=str(folder), save_details=True),
            model=model,
        )
        pipeline.evaluate()
        pipeline.save_and_push_results()
        results: dict[str, dict[str, float]] = pipeline.get_results()["results"]
        return {name.rsplit(":", 1)[0]: scores for name, scores in results.items()}


@contextlib.contextmanager
def _temporary_cache(folder: Path) -> Iterator[None]:
    """Let `datasets` write its copies of the questions to a folder that is removed afterwards.

    It names them by a hash of their content, which takes seconds for a hundred tasks. They get random names here.
    """
    import datasets
    from datasets import arrow_dataset, fingerprint

    before, hashed = datasets.config.HF_DATASETS_CACHE, arrow_dataset.generate_fingerprint
    with tempfile.TemporaryDirectory(prefix=".cache-", dir=folder) as cache:
        datasets.config.HF_DATASETS_CACHE = Path(cache)
        arrow_dataset.generate_fingerprint = lambda _: fingerprint.generate_random_fingerprint()
        try:
            yield
        finally:
            datasets.config.HF_DATASETS_CACHE, arrow_dataset.generate_fingerprint = before, hashed


def clear(folder: Path) -> None:
    """Remove lighteval's files of an earlier run: their names contain the time, so a new run would not replace them."""
    for path in (*(folder / name for name in ("results", "details", "data")), *folder.glob(".cache-*")):
        shutil.rmtree(path, ignore_errors=True)
