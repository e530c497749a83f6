"""Fixtures of reports."""

import contextlib

import pytest

from evalsuite.report import html
from evalsuite.report.charts import vega
from tests.evalsuite.report import made_runs

HOSTILE = "</script><img src=x onerror=alert(1)>\"'`|[x](http://evil.example)\u202e"


@pytest.fixture(scope="session")
def compared(tmp_path_factory):
    """Two runs with hostile texts: their folder, and the content of their report."""
    folder = tmp_path_factory.mktemp("runs")
    runs = []
    for name, seed, share in (("a", 1, 0.8), ("b", 2, 0.4)):
        answers = {
            "cvqa": made_runs.published_answers("cvqa", seed, share=share, text=HOSTILE),
            "xgqa": made_runs.published_answers("xgqa", seed, share=share),
        }
        export = made_runs.export_answers(seed, text=HOSTILE)
        run = made_runs.write(
            folder / name, answers, export=export, model=f"{name} {HOSTILE}", statements=[f"Trained in: {HOSTILE}."]
        )
        runs.append(run)
    with short_script():
        content = html.write(runs, folder / "report.html")
    return folder, content


@contextlib.contextmanager
def short_script():
    """Leave out Vega's script: bundling it takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vega, "script", lambda: "const vegaEmbed = null;")
        yield


@pytest.fixture
def without_vega():
    with short_script():
        yield
