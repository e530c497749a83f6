"""Distribution of the tests over the workers of pytest-xdist.

The tests of a file run in one worker, so that module fixtures are built once. All files that need vLLM run in the same
worker, so that one server runs at a time. The groups of pytest-xdist have no effect with pytest 9.2.
"""

import functools
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parents[1]
SERVING = "serving"
SLOW = ("test_train.py", "test_distributed.py", "test_kill.py", "test_resume.py", "test_run.py", "test_build.py")
"""Files of more than half a minute. They start first: the last worker would otherwise run alone."""


@functools.cache
def group(file: str) -> str:
    """Return the group of a test file. The tests of a group run in one worker."""
    return SERVING if "pytest.mark.serving" in (ROOT / file).read_text(encoding="utf-8") else file


def rank(file: str) -> int:
    """Return the rank of a test file in the order of starts."""
    return 0 if group(file) == SERVING else 1 if Path(file).name in SLOW else 2


class GroupScheduling(LoadScopeScheduling):
    """Scheduling by group, in the order of the collected tests."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid.partition("::")[0])
