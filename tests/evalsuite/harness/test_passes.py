"""Further passes over the questions of a run, by an endpoint whose answers are known."""

import shutil
from dataclasses import replace

import orjson
import pytest

from evalsuite.benchmarks.culture import cvqa as cvqa_module
from evalsuite.harness import suite
from evalsuite.harness.passes.repeats import flips
from evalsuite.harness.passes.settings import Passes
from evalsuite.harness.runner import EvalConfig
from evalsuite.harness.subject import Subject
from evalsuite.report import passes as lines
from pangea_cultural.endpoint.completion import Answer
from pangea_cultural.endpoint.failures import NoAnswerError, NoLikelihoodsError
from pangea_cultural.endpoint.identity import Identity
from pangea_cultural.endpoint.likelihoods import Likelihood
from pangea_cultural.errors import UserError
from pangea_cultural.utils.console import Reporter
from tests.evalsuite.benchmarks import made
from tests.evalsuite.harness.test_suite import EVERYTHING
from tests.evalsuite.harness.test_suite import Endpoint as Stub
from tests.helpers import tiny


class Endpoint(Stub):
    """Answers as a function says, of the text and of how often the text was asked before."""

    def __init__(self, answer):
        self.answer = answer
        self.asked = []

    async def server_version(self):
        return "0.11"

    async def reply(self, message, *, max_tokens, system=""):
        content = message["content"]
        text = content if isinstance(content, str) else content[-1]["text"]
        self.asked.append(text)
        return Answer(self.answer(text, self.asked.count(text) - 1))

    async def choose(self, image, text, choices):
        self.asked.append(text)
        return [Likelihood(-1.0 - place, 1) for place in range(len(choices))]


@pytest.fixture(scope="module")
def cvqa(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    made.cvqa(folder)
    return folder, suite.load_all(("cvqa",), folder, EVERYTHING)


def evaluate(endpoint, folder, cvqa, *, export=None, allow_missing=0, **passes):
    data, loaded = cvqa
    identity = Identity(model="m", weights="1f" * 16, files="2f" * 16, server="0.11")
    subject = Subject(connect=lambda: endpoint, identity=identity, training={})
    config = export and EvalConfig(
        **vars(subject), export=export, splits=("test",), languages=("en",), max_questions=2, seed=0
    )
    plan = suite.plan(subject, config, loaded, data, allow_missing=allow_missing, passes=Passes(**passes))
    return suite.evaluate(plan, folder, Reporter(quiet=True))


@pytest.fixture(scope="module")
def finished(tmp_path_factory, cvqa):
    """A run without further passes by an endpoint that always says A."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    return folder, evaluate(Endpoint(lambda text, number: "A"), folder, cvqa)


@pytest.fixture
def run(tmp_path, finished):
    """A copy of the finished run."""
    return shutil.copytree(finished[0], tmp_path / "run")


def test_flip_rate_is_that_of_pairs_of_passes():
    found = flips(
        [("A", "A.", "A"), ("B", "B", "B"), ("C", "D", "C")], [("A",) * 3, ("B",) * 3, ("C", "D", "C")], "abc"
    )
    assert (found["n"], found["texts_differ"], found["answers_differ"]) == (3, 2, 1)
    # Two of the three pairs of passes differ about the third question.
    assert found["flip_rate"]["mean"] == pytest.approx(2 / 9) and found["flip_rate"]["clusters"] == 3


def test_repeats_of_a_finished_run_reuse_its_answers_and_leave_its_scores(cvqa, finished, run):
    endpoint = Endpoint(lambda text, number: "B. akpu" if "0?" in text else "A.")
    results = evaluate(endpoint, run, cvqa, repeat=2)
    (part,) = results["benchmarks"]
    assert results["run"] == str(run) and len(endpoint.asked) == 3
    repeats = part.pop("repeats")
    # The cost of the scores is still theirs alone.
    folders = [folder / "benchmarks/cvqa/cost.json" for folder in (run, finished[0])]
    assert folders[0].read_bytes() == folders[1].read_bytes()
    assert part == finished[1]["benchmarks"][0]
    assert (repeats["passes"], repeats["n"], repeats["asked"], repeats["missing"]) == (2, 3, 3, {})
    assert (repeats["texts_differ"], repeats["answers_differ"]) == (3, 1)
    assert repeats["flip_rate"]["mean"] == pytest.approx(1 / 3)
    assert repeats["flip_rate"]["low"] < 1 / 3 < repeats["flip_rate"]["high"]
    assert (repeats["concurrency"], repeats["server"]) == (32, "0.11")
    (line,) = lines.lines(orjson.loads((run / "results.json").read_bytes()))
    assert line.startswith("cvqa, 2 passes: flip rate 33.3 [") and "1 of 3 answers and 3 texts differ" in line
    assert "(concurrency 32, server 0.11)" in line


def test_answers_that_alternate_flip_in_two_of_three_pairs(cvqa, run):
    endpoint = Endpoint(lambda text, number: "BA"[number % 2])
    (part,) = evaluate(endpoint, run, cvqa, repeat=3)["benchmarks"]
    # A of the finished run, then B and A.
    assert part["repeats"]["flip_rate"]["mean"] == pytest.approx(2 / 3)
    assert part["repeats"]["answers_differ"] == 3 and part["repeats"]["asked"] == len(endpoint.asked) == 6


def test_killed_pass_asks_only_what_it_lacks(cvqa, run):
    evaluate(Endpoint(lambda text, number: "A"), run, cvqa, repeat=2)
    answers = run / "benchmarks/cvqa/passes/repeat-2.jsonl"
    answers.write_bytes(answers.read_bytes()[:-20])
    endpoint = Endpoint(lambda text, number: "A")
    (part,) = evaluate(endpoint, run, cvqa, repeat=2)["benchmarks"]
    assert len(endpoint.asked) == 1 and part["repeats"]["n"] == 3


def test_missing_answers_of_a_pass_leave_the_run_finished_without_it(cvqa, run):
    def refuse(text, number):
        if "0?" in text:
            raise NoAnswerError("timeout", "No answer. Raise the limit.")
        return "A"

    with pytest.raises(UserError, match=r"1 of 3 questions have no answer \(timeout 1\)\."):
        evaluate(Endpoint(refuse), run, cvqa, repeat=2)
    (part,) = orjson.loads((run / "results.json").read_bytes())["benchmarks"]
    assert "repeats" not in part and part["questions"] == 3
    (part,) = evaluate(Endpoint(refuse), run, cvqa, repeat=2, allow_missing=1)["benchmarks"]
    assert (part["repeats"]["n"], part["repeats"]["missing"]) == (2, {"timeout": 1})


def test_export_is_repeated_with_its_images_only(cvqa, tmp_path):
    export = tiny.write_export(tmp_path / "export")
    endpoint = Endpoint(lambda text, number: "Peru" if len(endpoint.asked) % 2 else "peru.")
    results = evaluate(endpoint, tmp_path / "run", (cvqa[0], []), export=export, repeat=2)
    choice, questions = results["repeats"]["choice"], results["repeats"]["open"]
    assert choice["choose_by"] == "likelihood" and (choice["n"], choice["asked"], choice["texts_differ"]) == (2, 2, 0)
    assert (questions["n"], questions["answers_differ"]) == (2, 0)
    rows = (tmp_path / "run/passes/repeat-2.jsonl").read_bytes().splitlines()
    assert all(orjson.loads(row)["item"].endswith("|image") for row in rows) and len(rows) == 4
    assert [line.split(":")[0] for line in lines.lines(results)] == [
        "export, choice, 2 passes",
        "export, open, 2 passes",
    ]


RIGHT = {"0?": "akpu", "1?": "garri", "2?": "ji"}
"""Right options of CVQA by the end of the question."""


def knows(text, number):
    right = next(option for end, option in RIGHT.items() if end in text)
    return next(line.split(".")[0][-1] for line in text.splitlines() if line.rstrip().endswith(f". {right}"))


def test_model_that_prefers_a_position_is_right_in_no_question_everywhere(cvqa, finished, run):
    endpoint = Endpoint(lambda text, number: "A")
    (part,) = evaluate(endpoint, run, cvqa, rotate_options=True)["benchmarks"]
    rotations = part.pop("rotations")
    assert part == finished[1]["benchmarks"][0] and len(endpoint.asked) == rotations["asked"] == 9
    assert rotations["n"] == 3 and rotations["mean"]["mean"] == 0.25
    assert rotations["all_right"]["mean"] == 0 and rotations["all_right"]["high"] > 0
    assert (rotations["chance"], rotations["chance_all_right"]) == (0.25, 0.25**4)
    assert [row["chosen"] for row in rotations["positions"]] == [12, 0, 0, 0]
    assert [(row["score"]["n"], row["score"]["mean"]) for row in rotations["positions"]] == [(3, 1), *[(3, 0)] * 3]
    assert (rotations["unparsed"], rotations["left_out"], rotations["missing"]) == (0, {}, {})
    (line,) = lines.lines({"benchmarks": [part | {"rotations": rotations}]})
    assert "right in all rotations 0.0 [" in line and "(chance 0.39 %) of 3 questions" in line
    assert line.endswith("positions chosen (expected) 1: 12 (3), 2: 0 (3), 3: 0 (3), 4: 0 (3)")


def test_model_that_knows_the_answer_is_right_everywhere(cvqa, tmp_path):
    (part,) = evaluate(Endpoint(knows), tmp_path / "run", cvqa, rotate_options=True)["benchmarks"]
    assert part["rotations"]["all_right"]["mean"] == part["rotations"]["mean"]["mean"] == 1
    assert [(row["chosen"], row["score"]["mean"]) for row in part["rotations"]["positions"]] == [(3, 1)] * 4


def test_killed_rotation_asks_only_what_it_lacks(cvqa, run):
    evaluate(Endpoint(knows), run, cvqa, rotate_options=True)
    answers = run / "benchmarks/cvqa/passes/rotation-2.jsonl"
    answers.write_bytes(answers.read_bytes()[:-20])
    endpoint = Endpoint(knows)
    (part,) = evaluate(endpoint, run, cvqa, rotate_options=True)["benchmarks"]
    assert len(endpoint.asked) == 1 and part["rotations"]["n"] == 3


def test_question_without_all_its_rotations_is_missing(cvqa, run):
    def refuse(text, number):
        if "0?" in text:
            raise NoAnswerError("status 400", "No answer. Raise the limit.")
        return "A"

    (part,) = evaluate(Endpoint(refuse), run, cvqa, rotate_options=True, allow_missing=3)["benchmarks"]
    assert (part["rotations"]["n"], part["rotations"]["missing"]) == (2, {"status 400": 3})


def test_rotated_prompt_that_changes_is_asked_again(cvqa, run, monkeypatch):
    evaluate(Endpoint(knows), run, cvqa, rotate_options=True)
    (questions,) = cvqa[1]
    rotation = replace(questions.benchmark.rotation, turn=lambda row, shift: cvqa_module.turned(row, -shift))
    other = replace(questions, benchmark=replace(questions.benchmark, rotation=rotation))
    endpoint = Endpoint(knows)
    evaluate(endpoint, run, (cvqa[0], [other]), rotate_options=True)
    # Moved by one place to the left instead of the right; by two places, it is the same.
    assert len(endpoint.asked) == 6


def test_options_of_an_export_are_rotated_if_they_have_letters(cvqa, tmp_path, monkeypatch):
    export = tiny.write_export(tmp_path / "export")
    results = evaluate(Endpoint(lambda *_: "A"), tmp_path / "run", (cvqa[0], []), export=export, rotate_options=True)
    assert results["rotations"] == {"choose_by": "likelihood"}
    (line,) = lines.lines(results)
    assert line == "export: options are compared by likelihood and have no positions, so they are not rotated"

    async def choose(self, image, text, choices):
        raise NoLikelihoodsError("The endpoint gives no likelihoods. Ask for letters.")

    monkeypatch.setattr(Endpoint, "choose", choose)
    endpoint = Endpoint(lambda *_: "B")
    results = evaluate(endpoint, tmp_path / "run", (cvqa[0], []), export=export, rotate_options=True)
    rotations = results["rotations"]
    assert (rotations["n"], rotations["asked"], rotations["mean"]["mean"]) == (2, 6, 0.25)
    assert [row["chosen"] for row in rotations["positions"]] == [0, 8, 0, 0]


def test_run_without_options_cannot_rotate_them(cvqa, tmp_path):
    with pytest.raises(UserError, match="No benchmark of the run has options to rotate"):
        evaluate(Endpoint(knows), tmp_path / "run", (cvqa[0], []), rotate_options=True)
