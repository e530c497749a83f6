"""Controls of published benchmarks, by an endpoint that sees what it is shown."""

import shutil
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest

from evalsuite.data.images import reference_bytes
from evalsuite.harness import suite
from evalsuite.harness.passes.settings import Passes
from evalsuite.harness.published_model import message
from evalsuite.harness.questions import Selection
from evalsuite.harness.subject import Subject
from evalsuite.logs.show import find
from evalsuite.report import content, html, passes
from evalsuite.report.finished_run import FinishedRun
from evalsuite.report.published import notes
from pangea_cultural.endpoint.client import Answer
from pangea_cultural.endpoint.failures import NoAnswerError
from pangea_cultural.endpoint.identity import Identity
from pangea_cultural.errors import UserError
from pangea_cultural.utils.console import Reporter
from tests.evalsuite.benchmarks import made, made_files
from tests.evalsuite.harness.test_suite import Endpoint as Stub

NAMES = ("marvl", "kaleidoscope", "llava_bench")
SENT = [message("", [reference_bytes(made.jpeg(number))]) for number in range(6)]
OWN = {sent["content"][0]["image_url"]["url"]: number for number, sent in enumerate(SENT)}
"""Number of each image of MaRVL by its address in a request."""


class Endpoint(Stub):
    """Says yes or no as the image has it; without an image, no. Kaleidoscope gets B."""

    def __init__(self, fails=lambda shown, text: False):
        self.fails = fails
        self.asked = []

    async def reply(self, message, *, max_tokens, system=""):
        content = message["content"]
        parts = [] if isinstance(content, str) else [part for part in content if part["type"] == "image_url"]
        text = content if isinstance(content, str) else content[-1]["text"]
        shown = [OWN.get(part["image_url"]["url"]) for part in parts]
        if self.fails(shown, text):
            raise NoAnswerError("timeout", "No answer. Raise the limit.")
        self.asked.append((text, shown))
        if system:
            return Answer('{"choice": "B"}')
        return Answer("yes" if shown and shown[0] is not None and shown[0] % 2 == 0 else "no")


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    made.marvl(folder, ("id", "sw"), count=6)
    made_files.kaleidoscope(folder)
    made_files.llava_bench(folder)
    selection = Selection(languages=("id", "sw", "hr", "en", "fa"), max_questions=None, seed=0)
    return folder, suite.load_all(NAMES, folder, selection)


def evaluate(endpoint, folder, published, *, allow_missing=0, training=None, **wanted):
    data, loaded = published
    identity = Identity(model="m", weights="1f" * 16, files="2f" * 16)
    subject = Subject(connect=lambda: endpoint, identity=identity, training=training or {})
    plan = suite.plan(subject, None, loaded, data, allow_missing=allow_missing, passes=Passes(**wanted))
    return suite.evaluate(plan, folder, Reporter(quiet=True))


@pytest.fixture(scope="module")
def finished(tmp_path_factory, published):
    folder = tmp_path_factory.mktemp("finished") / "run"
    return folder, evaluate(Endpoint(), folder, published, training={"languages": ["id"]})


@pytest.fixture
def run(tmp_path, finished):
    """A copy of a finished run without controls."""
    return shutil.copytree(finished[0], tmp_path / "run")


BOTH = {"controls": ("blind", "text"), "training": {"languages": ["id"]}}


@pytest.fixture(scope="module")
def controlled(tmp_path_factory, published, finished):
    folder = shutil.copytree(finished[0], tmp_path_factory.mktemp("controlled") / "run")
    endpoint = Endpoint()
    return folder, evaluate(endpoint, folder, published, **BOTH), endpoint


def figures(part):
    return {row["languages"]: row for row in part["controls"]["figures"]}


def test_controls_leave_the_scores_of_a_run(controlled, finished):
    folder, results, endpoint = controlled
    for part, before in zip(results["benchmarks"], finished[1]["benchmarks"], strict=True):
        assert {key: value for key, value in part.items() if key != "controls"} == before
    for name in NAMES:
        files = [run / f"benchmarks/{name}/cost.json" for run in (folder, finished[0])]
        assert files[0].read_bytes() == files[1].read_bytes(), "their cost is in passes/"
    # 12 statements and a question with an image of one of its own, under two controls, and no other one.
    assert len(endpoint.asked) == 12 + 12 + 1


def test_blind_questions_have_the_image_of_another_one(controlled):
    rows = pq.read_table(controlled[0] / "benchmarks/marvl/passes/control-blind.parquet").to_pylist()
    answers = {
        row["item"]: row for row in pq.read_table(controlled[0] / "benchmarks/marvl/answers.parquet").to_pylist()
    }
    for row in rows:
        assert row["shown"].split("/")[0] == row["item"].split("/")[0], "of the same task"
        assert row["images"] == answers[row["shown"]]["images"] != answers[row["item"]]["images"]
    texts = pq.read_table(controlled[0] / "benchmarks/marvl/passes/control-text.parquet").to_pylist()
    assert len(rows) == len(texts) == 12 and {(row["shown"], *row["images"]) for row in texts} == {(None,)}


def test_question_is_shown_under_each_control(controlled):
    folder = controlled[0]
    own, blind, text = find(folder, "marvl:sw/1")
    assert [row["condition"] for row in (own, blind, text)] == [None, "blind", "text"]
    assert own["prompt"] == blind["prompt"] == text["prompt"] and text["right"] == own["right"] == ["false"]
    answers = pq.read_table(folder / "benchmarks/marvl/passes/control-blind.parquet").to_pylist()
    (answer,) = [row for row in answers if row["item"] == "marvl:sw/1"]
    (image,) = blind["images"]
    assert answer["images"] == [Path(image).stem] != [Path(own["images"][0]).stem] and text["images"] == []
    assert blind["raw"] == answer["prediction"] and text["raw"] == "no" and text["robust"] == 1


def test_gain_is_that_of_questions_of_both(controlled):
    marvl = controlled[1]["benchmarks"][0]
    found = figures(marvl)
    assert set(found) == {"id", "sw", "mul", "*"}
    for row in found.values():
        # All statements are right with their images; without one, the answer is no.
        assert row["text"]["mean"] == 0.5 and row["text"]["gain"]["gain"] == 0.5 and row["text"]["gain"]["image"] == 1
        assert row["text"]["gain"]["low"] < 0.5 < row["text"]["gain"]["high"]
        assert row["text"]["low"] < 0.5 < row["text"]["high"]
        assert row["strongest"]["value"] == max(row["text"]["mean"], row["blind"]["mean"])
    assert found["*"]["text"]["n"] == 12 and found["id"]["text"]["n"] == 6
    assert found["id"]["group"] == "trained" and found["sw"]["group"] == "held-out"


def test_questions_without_images_and_judged_ones_are_left_out_with_a_reason(controlled):
    _, kaleidoscope, judged = controlled[1]["benchmarks"]
    images = {"it has no image": 1, "options are images": 1}
    assert kaleidoscope["controls"]["passes"]["text"] == {"asked": 1, "missing": {}, "left_out": images}
    none = {"no other question of its task and language has an image that tells nothing": 1}
    assert kaleidoscope["controls"]["passes"]["blind"] == {"asked": 0, "missing": {}, "left_out": images | none}
    assert figures(kaleidoscope)["*"]["blind"]["mean"] is None
    assert figures(kaleidoscope)["*"]["strongest"]["control"] == "text"
    (reason,) = judged["controls"]["passes"]["text"]["left_out"]
    assert reason == "a judge scores its answers" and figures(judged)["*"]["strongest"] is None
    assert f"Control, no image: 1 question was not asked ({next(iter(images))})." in notes(kaleidoscope)


def test_report_shows_controls_and_claims_no_more_than_they_leave(controlled):
    folder, results, _ = controlled
    lines = passes.lines(results)
    assert lines[0].startswith("marvl, controls: other image ") and "no image 50.0 [" in lines[0]
    assert lines[1] == (
        "kaleidoscope, controls: no image 100.0 % of 1; no gain by the image over the strongest one (no image) is shown"
    )
    assert lines[2] == "llava_bench, controls: no question was asked (a judge scores its answers)"
    found = content.content([FinishedRun(folder, "A")])
    table = {row["benchmark"]: row for row in found["benchmarks"]}
    whole = figures(results["benchmarks"][0])
    assert table["marvl"]["blind"] == pytest.approx(whole["*"]["blind"]["mean"])
    assert table["marvl"]["control_value"] == whole["*"]["strongest"]["value"]
    assert table["kaleidoscope"]["control"] == "text" and table["kaleidoscope"]["control_value"] == 1
    cells = {(cell["benchmark"], cell["language"]): cell["blind"] for cell in found["heat_map"]}
    assert cells["marvl", "sw"] == whole["sw"]["blind"]["mean"] and cells["llava_bench", "en"] is None
    held_out = {row["language"]: row for row in found["held_out"] if row["benchmark"] == "marvl"}
    assert held_out["sw"]["control"] == whole["sw"]["strongest"]["control"]
    assert held_out["sw"]["gain"] == {key: whole["sw"]["strongest"][key] for key in ("gain", "low", "high")}
    html.write([folder], folder / "report.html")
    assert "Controls: other image " in (folder / "report.html").read_text()


def test_killed_control_asks_only_what_it_lacks(run, published, controlled):
    evaluate(Endpoint(), run, published, **BOTH)
    for name in ("blind", "text"):
        answers = run / f"benchmarks/marvl/passes/control-{name}.jsonl"
        answers.write_bytes(answers.read_bytes()[:-20])
    endpoint = Endpoint()
    results = evaluate(endpoint, run, published, **BOTH)
    assert len(endpoint.asked) == 2 and results["benchmarks"] == controlled[1]["benchmarks"]


def test_failed_request_of_a_control_is_no_answer(run, published, finished):
    def fails(shown, text):
        return not shown and "sw 1" in text

    with pytest.raises(UserError, match=r"1 of 13 questions have no answer \(timeout 1\)\. .*--allow-missing 1\."):
        evaluate(Endpoint(fails), run, published, controls=("text",))
    kept = orjson.loads((run / "results.json").read_bytes())
    assert not any("controls" in part for part in kept["benchmarks"]), "the run is finished without the control"
    endpoint = Endpoint(fails)
    (part, *_) = evaluate(endpoint, run, published, controls=("text",), allow_missing=1)["benchmarks"]
    assert endpoint.asked == [] and part["controls"]["passes"]["text"]["missing"] == {"timeout": 1}
    assert figures(part)["sw"]["text"]["n"] == 5 and figures(part)["sw"]["text"]["gain"]["n"] == 5
    assert "Control, no image: no answer to 1 of 12 questions (timeout)." in notes(part)


def test_run_without_published_benchmarks_has_no_controls_to_ask(published, tmp_path):
    with pytest.raises(UserError, match="An export has its own controls: remove --controls"):
        evaluate(Endpoint(), tmp_path / "run", (published[0], []), controls=("text",))
