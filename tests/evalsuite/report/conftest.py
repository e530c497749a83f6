"""Fixtures of reports."""

import pytest

from evalsuite.report import html
from tests.evalsuite.report import made_runs

HOSTILE = "</script><img src=x onerror=alert(1)>\"'`|[x](http://evil.example)\u202e"


@pytest.fixture(scope="session")
def compared(tmp_path_factory, without_vega):
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
    return folder, html.write(runs, folder / "report.html")
