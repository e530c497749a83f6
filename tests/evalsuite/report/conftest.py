"""Fixtures of reports."""

import pytest

from evalsuite.report import html
from pangea_cultural.utils.files import read_json, write_json
from tests.evalsuite.report import made_runs

SCORE = {"mean": 0.5, "low": 0.4, "high": 0.6}
REPEATS = {"passes": 2, "n": 40, "texts_differ": 9, "answers_differ": 3, "concurrency": 64, "server": "0.32"}
ROTATIONS = {
    **{"n": 20, "mean": SCORE, "all_right": SCORE | {"mean": 0.2}, "chance_all_right": 0.25, "unparsed": 1},
    "positions": [
        {"position": place, "chosen": chosen, "score": SCORE | {"n": 20}} for place, chosen in ((1, 28), (2, 11))
    ],
    "left_out": {"an option names others": 2},
}
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
        _ask_again(run)
        runs.append(run)
    return folder, html.write(runs, folder / "report.html")


def _ask_again(run):
    """Let a run have repeats, rotations and an example of the prompt of each task."""
    results = read_json(run / "results.json")
    results["rotations"] = {"choose_by": "likelihood"}
    part = results["benchmarks"][1]
    part |= {"repeats": REPEATS | {"flip_rate": SCORE | {"mean": 0.075}}, "rotations": ROTATIONS}
    part["prompts"] = [
        {"task": f"xgqa:{code}", "example": f"{code} {HOSTILE}\nA. Ja", "sha256": "3f" * 32, "n": 40}
        for code in ("de", "ar")
    ]
    results["prompts"] = [{"task": "export:choice", "example": "Welches Land?", "sha256": "4f" * 32, "n": 48}]
    part["deviations"] = ["The image stands first."]
    write_json(run / "results.json", results)
