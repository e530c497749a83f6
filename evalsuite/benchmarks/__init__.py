"""Benchmarks: questions, prompts and scores.

`TASKS_TABLE` has them for lighteval's option `--custom-tasks evalsuite.benchmarks`.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """Return the tasks for lighteval, which is imported only for them.

    Raises:
        AttributeError: another name is asked for.
    """
    if name == "TASKS_TABLE":
        from evalsuite.benchmarks.lighteval_tasks import TASKS_TABLE

        return TASKS_TABLE
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
