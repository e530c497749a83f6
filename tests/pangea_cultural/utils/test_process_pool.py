"""Worker processes end when their parent is killed."""

import subprocess
import sys

import psutil
import pytest

from tests.helpers.processes import still_running

SELECTING = """
import os
from factory.entities.parallel import Workers
workers = Workers(None)
workers.start().submit(os.getpid).result()
"""
DRAWING = """
from pathlib import Path
from factory.images.sources import drawings
drawings.NUM_FOR_POOL = 1
table = Path(drawings.__file__).parents[2] / "sample/drawings.jsonl"
source = drawings.DrawingsSource(table, seed=0)
views = source.fetch(list(source.metadata([row.title(1) for row in source._drawings.values()][:2]).values()))
next(views)
"""
AND_WAIT = """
print("started", flush=True)
import time
time.sleep(60)
"""


@pytest.mark.parametrize("work", [SELECTING, DRAWING], ids=["selecting", "drawing"])
def test_workers_end_when_the_build_is_killed(work):
    build = psutil.Popen([sys.executable, "-c", work + AND_WAIT], stdout=subprocess.PIPE)
    assert build.stdout.readline() == b"started\n"
    workers = build.children(recursive=True)
    assert len(workers) > 1
    build.kill()
    build.wait()
    assert still_running(workers) == []
