"""Judging of answers: what is asked, kept, missing and withheld."""

from dataclasses import replace
from typing import ClassVar

import click
import orjson
import pyarrow.parquet as pq
import pytest

from evalsuite import cli
from evalsuite.benchmarks.judging import Judging
from evalsuite.harness import suite
from evalsuite.harness.judge import NOT_READABLE, Judge, judge_answers, withhold
from evalsuite.harness.questions import Selection
from evalsuite.harness.subject import Subject
from evalsuite.report import published
from pangea_cultural.endpoint.client import Endpoint
from pangea_cultural.endpoint.completion import Answer
from pangea_cultural.endpoint.failures import NoAnswerError
from pangea_cultural.endpoint.identity import Identity
from pangea_cultural.endpoint.usage import Usage
from pangea_cultural.errors import UserError
from pangea_cultural.utils.console import Reporter
from tests.evalsuite.benchmarks import made_files

IDENTITY = Identity(model="judge", weights="1f" * 16, files="2f" * 16)
JUDGING = Judging(
    prompt=lambda row, answer: f"{row['q']} {answer}",
    system="Be fair.",
    read=lambda text: (float(text),) if text.isdecimal() else None,
    scores=lambda rows, answers, verdicts: [],
    max_tokens=7,
    reference_model="gpt-4",
)


class JudgeEndpoint:
    """Gives a fixed text to every question, and records what it is asked."""

    url = "http://user:secret@judge/v1"
    usage = Usage()
    reply_text = "8 4"
    failing = ""
    asked: ClassVar[list] = []

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exception):
        pass

    async def reply(self, message, *, max_tokens, system=""):
        JudgeEndpoint.asked.append((system, message["content"], max_tokens))
        JudgeEndpoint.usage.requests += 1
        if JudgeEndpoint.failing and JudgeEndpoint.failing in message["content"]:
            raise NoAnswerError("timeout", "No answer.")
        return Answer(JudgeEndpoint.reply_text)


@pytest.fixture(autouse=True)
def judge(monkeypatch):
    monkeypatch.setattr(JudgeEndpoint, "asked", [])
    monkeypatch.setattr(JudgeEndpoint, "reply_text", "8 4")
    monkeypatch.setattr(JudgeEndpoint, "failing", "")
    return Judge(connect=JudgeEndpoint, identity=IDENTITY)


class Bar:
    def advance(self):
        pass


ANSWERS = [("1", {"q": "a"}, "x"), ("2", {"q": "b"}, "y")]


def test_judge_is_asked_once_for_each_answer(judge, tmp_path, monkeypatch):
    monkeypatch.setattr(JudgeEndpoint, "reply_text", "3")
    for _ in range(2):
        judged = judge_answers(judge, JUDGING, ANSWERS, tmp_path, Bar())
        assert judged.verdicts == {"1": (3,), "2": (3,)}
    assert sorted(JudgeEndpoint.asked) == [("Be fair.", "a x", 7), ("Be fair.", "b y", 7)]
    assert judged.record["missing"] == {} and judged.record["judgments"] == 2
    assert judged.record["url"] == "http://judge/v1" and judged.record["reference_model"] == "gpt-4"


def test_other_judge_and_other_answer_are_asked_again(judge, tmp_path, monkeypatch):
    monkeypatch.setattr(JudgeEndpoint, "reply_text", "3")
    judge_answers(judge, JUDGING, ANSWERS, tmp_path, Bar())
    judge_answers(judge, JUDGING, [("1", {"q": "a"}, "z")], tmp_path, Bar())
    judge_answers(replace(judge, identity=replace(IDENTITY, weights="3f" * 16)), JUDGING, ANSWERS, tmp_path, Bar())
    judge_answers(judge, replace(JUDGING, system="Be strict."), ANSWERS, tmp_path, Bar())
    assert len(JudgeEndpoint.asked) == 2 + 1 + 2 + 2


def test_failed_request_is_missing_and_asked_again(judge, tmp_path, monkeypatch):
    monkeypatch.setattr(JudgeEndpoint, "reply_text", "3")
    monkeypatch.setattr(JudgeEndpoint, "failing", "b y")
    judged = judge_answers(judge, JUDGING, ANSWERS, tmp_path, Bar())
    assert judged.verdicts == {"1": (3,), "2": None} and judged.record["missing"] == {"judge: timeout": 1}
    monkeypatch.setattr(JudgeEndpoint, "failing", "")
    assert judge_answers(judge, JUDGING, ANSWERS, tmp_path, Bar()).verdicts["2"] == (3,)
    assert len(JudgeEndpoint.asked) == 3


def test_unreadable_verdict_is_missing_and_kept(judge, tmp_path, monkeypatch):
    monkeypatch.setattr(JudgeEndpoint, "reply_text", "I refuse.")
    for _ in range(2):
        judged = judge_answers(judge, JUDGING, ANSWERS, tmp_path, Bar())
        assert judged.verdicts == {"1": None, "2": None} and judged.record["missing"] == {NOT_READABLE: 2}
    assert len(JudgeEndpoint.asked) == 2


def test_truncated_line_of_a_killed_run_is_asked_again(judge, tmp_path, monkeypatch):
    monkeypatch.setattr(JudgeEndpoint, "reply_text", "3")
    judge_answers(judge, JUDGING, ANSWERS, tmp_path, Bar())
    (tmp_path / "cost.json").write_bytes(orjson.dumps({"requests": 9, "peak_memory_bytes": 1 << 50}))
    path = tmp_path / "judgments.jsonl"
    path.write_bytes(path.read_bytes()[:-9])
    assert judge_answers(judge, JUDGING, ANSWERS, tmp_path, Bar()).verdicts == {"1": (3,), "2": (3,)}
    assert len(JudgeEndpoint.asked) == 3 and path.read_bytes().count(b"\n") == 2
    cost = orjson.loads((tmp_path / "cost.json").read_bytes())
    assert (cost["requests"], cost["judge_requests"], cost["peak_memory_bytes"]) == (9, 1, 1 << 50)
    assert 0 <= cost["judge_seconds"] < 60


def test_judge_that_does_not_answer_is_one_line():
    with pytest.raises(UserError, match=r"No answer from http://127\.0\.0\.1:9/v1") as error:
        Judge.ask(lambda: Endpoint("http://127.0.0.1:9/v1", timeout_s=1))
    assert "\n" not in str(error.value)


def test_judge_without_a_benchmark_that_needs_it_is_refused(data):
    everything = Selection(languages=("en",), max_questions=None, seed=0)
    loaded = suite.load_all(("llava_bench",), data, everything)
    plain = [replace(questions, benchmark=replace(questions.benchmark, judging=None)) for questions in loaded]
    with pytest.raises(click.UsageError, match="No benchmark of --tasks needs a judge"):
        cli._judge(cli.JudgeAddress("http://127.0.0.1:9/v1", None, None), plain, 1)
    assert cli._judge(cli.JudgeAddress(None, None, None), loaded, 1) is None


def figure(languages, group):
    return {"languages": languages, "group": group} | {
        kind: {"n": 1, "mean": 0.5, "stderr": 0.1} for kind in ("reference", "robust")
    }


@pytest.mark.parametrize(("missing", "withheld"), [(0, []), (2, []), (3, ["de", "mul"])])
def test_figures_with_more_than_two_percent_of_missing_verdicts_are_withheld(missing, withheld):
    answers = [{"language": "de", "group": "trained", "robust": None if n < missing else 1.0} for n in range(100)]
    answers += [{"language": "en", "group": "trained", "robust": 1.0} for _ in range(100)]
    figures = [figure("de", "trained"), figure("en", "trained"), figure("mul", "*"), figure("trained", "*")]
    rows = withhold(figures, answers)
    assert [row["languages"] for row in rows if "withheld" in row] == withheld
    assert all((row["robust"]["mean"] is None) == ("withheld" in row) for row in rows)


class Model(JudgeEndpoint):
    """The model that is judged."""

    url = "http://model/v1"
    usage = Usage()

    @property
    def endpoints(self):
        return [self]

    async def model(self):
        return "m"

    async def models(self):
        return ["m", f"m@{'1f' * 16}.{'2f' * 16}"]

    async def server_version(self):
        return None

    async def reply(self, message, *, max_tokens, system=""):
        return Answer("There are two boats in the harbor.")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("judged")
    made_files.llava_bench(folder)
    return folder


def run(folder, data, judge):
    everything = Selection(languages=("en", "fr"), max_questions=None, seed=0)
    subject = Subject(connect=Model, identity=replace(IDENTITY, model="m"), training={"languages": ["en"]})
    loaded = suite.load_all(("llava_bench",), data, everything)
    plan = suite.plan(subject, None, loaded, data, judge=judge)
    results = suite.evaluate(plan, folder, Reporter(quiet=True), exact=True)
    (part,) = results["benchmarks"]
    return part


def test_answers_without_a_judge_have_no_score_and_get_one_later(judge, data, tmp_path):
    part = run(tmp_path / "run", data, None)
    assert part["judged"] and part["judge"] is None and part["questions"] == 6
    assert all(row["robust"]["mean"] is None for row in part["figures"])
    assert "No judge was asked, so answers have no score. Pass one with --judge URL." in published.notes(part)
    part = run(tmp_path / "run", data, judge)
    rows = {row["languages"]: row for row in part["figures"]}
    assert rows["en"]["robust"]["mean"] == rows["fr"]["robust"]["mean"] == pytest.approx(0.5)
    assert rows["en"]["reference"]["mean"] == 0.5, "question and answer are English"
    answers = pq.read_table(tmp_path / "run/benchmarks/llava_bench/answers.parquet").to_pylist()
    assert {answer["verdict"] for answer in answers} == {"8 4"}
    fidelity = {answer["language"]: answer["more"][0]["value"] for answer in answers}
    assert fidelity == {"en": 1, "fr": 0}
    assert any("judged by judge, that of published scores gpt-4-0613" in note for note in published.notes(part))


def test_run_with_unreadable_verdicts_withholds_its_figures(judge, data, tmp_path, monkeypatch):
    monkeypatch.setattr(JudgeEndpoint, "reply_text", "Both are nice.")
    part = run(tmp_path / "run", data, judge)
    assert all(row["robust"]["mean"] is None and row["withheld"] == row["n"] for row in part["figures"])
    notes = published.notes(part)
    assert f"6 of 6 verdicts are missing ({NOT_READABLE} 6)." in notes
    start = "Withheld, because more than 2 % of the verdicts are missing: English"
    assert any(note.startswith(start) for note in notes)
