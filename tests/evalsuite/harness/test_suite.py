"""Runs through lighteval's pipeline with an endpoint whose answers are known."""

import math
import shutil
from dataclasses import replace
from pathlib import Path

import datasets
import orjson
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from PIL import Image

from evalsuite.benchmarks.registry import PUBLISHED
from evalsuite.harness import endpoint_model, suite
from evalsuite.harness.questions import Selection
from evalsuite.harness.runner import EvalConfig
from evalsuite.harness.subject import Subject
from evalsuite.report import html
from evalsuite.report.run_files import PUBLISHED_COLUMNS, read_answers
from pangea_cultural.cli.main import pcult
from pangea_cultural.endpoint.completion import Answer
from pangea_cultural.endpoint.failures import NoAnswerError, NoLikelihoodsError
from pangea_cultural.endpoint.identity import Identity
from pangea_cultural.endpoint.likelihoods import Likelihood
from pangea_cultural.endpoint.usage import Usage
from pangea_cultural.errors import UserError
from pangea_cultural.utils.console import Reporter
from tests.evalsuite.benchmarks import made
from tests.helpers import tiny

EVERYTHING = Selection(languages=(), max_questions=None, seed=0)
NAMES = ("marvl", "merlin", "mmmu", "alm_bench", "worldcuisines_open")

TRAINING = {
    "languages": ["en", "de", "id", "sw"],
    "seed": 0,
    "statements": ["Trained in: English."],
    "weights_sha256": {"model.safetensors": "1f" * 32},
    "stages": [
        {"stage": "a", "questions": 9, "seconds": 2.5, "log": [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1}]}
    ],
}
"""The record of a training with the parts that a report shows."""

ASKED_OF_THE_EXPORT = {*tiny.ASK.values(), "What is this called?"}


class Endpoint:
    """Says yes to everything, and Peru to questions of an export."""

    asked = 0
    has_likelihoods = True
    name = "m"
    url = "http://endpoint/v1"
    usage = Usage()
    listed = (f"m@{'1f' * 16}.{'2f' * 16}",)

    @property
    def endpoints(self):
        return [self]

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exception):
        pass

    async def model(self):
        return Endpoint.name

    async def models(self):
        return [Endpoint.name, *Endpoint.listed]

    async def server_version(self):
        return None

    async def reply(self, message, *, max_tokens, system=""):
        content = message["content"]
        text = content if isinstance(content, str) else content[-1]["text"]
        Endpoint.asked += 1
        Endpoint.usage.requests += 1
        return Answer(self.text(text))

    def text(self, text):
        if text in ASKED_OF_THE_EXPORT:
            return "Peru"
        # The right letter, if Peru is an option.
        return next((line[0] for line in text.splitlines() if line.endswith(". Peru")), "Yes.")

    async def choose(self, image, text, choices):
        if not Endpoint.has_likelihoods:
            raise NoLikelihoodsError("The endpoint gives no likelihoods. Ask for letters.")
        return [Likelihood(-1.0 if choice == "Peru" else -2.0, 1) for choice in choices]


def evaluate(folder, data, *, export=None, names=NAMES, training=None, loaded=None, allow_missing=0, **selected):
    identity = Identity(model=Endpoint.name, weights="1f" * 16, files="2f" * 16)
    subject = Subject(connect=Endpoint, identity=identity, training=training or {})
    loaded = loaded or suite.load_all(names, data, replace(EVERYTHING, **selected))
    config = export and EvalConfig(
        **vars(subject), export=export, splits=("test",), languages=(), max_questions=4, seed=0
    )
    plan = suite.plan(subject, config, loaded, data, allow_missing=allow_missing)
    return suite.evaluate(plan, folder, Reporter(quiet=True))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Copies of all data sets, made small."""
    return made.everything(tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="module")
def run(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("run")
    export = tiny.write_export(tmp_path_factory.mktemp("data") / "export")
    results = evaluate(folder, data, export=export, training=TRAINING)
    return folder, results


def figures(results, name):
    (part,) = [part for part in results["benchmarks"] if part["name"] == name]
    return part, {row["languages"]: row for row in part["figures"]}


def test_export_and_published_benchmarks_are_one_run(run):
    folder, results = run
    assert {row["question_type"] for row in results["figures"]} == {"choice", "open"}
    assert [part["name"] for part in results["benchmarks"]] == list(NAMES)
    assert (folder / "answers.parquet").is_file()
    html.write([folder], folder / "report.html")
    page = (folder / "report.html").read_text()
    assert "MaRVL (accuracy)" in page and "Not scored: 5 rows (the entity has no Wikipedia article (NIL))." in page


def test_examples_of_each_kind_are_kept_with_small_images(run):
    folder = run[0] / "benchmarks/marvl"
    kept = orjson.loads((folder / "examples.json").read_bytes())
    answers = {row["item"]: row for row in pq.read_table(folder / "answers.parquet").to_pylist()}
    assert {answers[row["item"]]["robust"] for row in kept} == {0.0, 1.0} and len(kept) <= 16
    for row in kept:
        assert len(row["images"]) == 1
        for image in row["images"]:
            with Image.open(folder / "examples" / image) as opened:
                assert opened.format == "JPEG" and max(opened.size) <= 320


def test_run_that_is_compared_with_itself_differs_nowhere(run, tmp_path):
    command = ["report", run[0], run[0], "--out", tmp_path / "page.html"]
    result = CliRunner().invoke(pcult, [str(part) for part in command], catch_exceptions=False)
    assert result.exit_code == 0 and f"Verdicts: {tmp_path / 'page.json'}" in result.output
    written = orjson.loads((tmp_path / "page.json").read_bytes())
    (found,) = written["comparisons"]
    assert written["schema"] == 2 and found["left_out"] == {}
    assert {"export test, choice", "marvl"} <= {row["name"] for row in found["benchmarks"]}
    for row in (row for family in ("confirmatory", "benchmarks", "cells") for row in found[family]):
        assert row["verdict"] in ("no difference shown", "not shown", "no questions"), row
        assert row["n"] == 0 or row["difference"] == 0


def test_every_benchmark_asks_its_data_set(tmp_path, data):
    results = evaluate(tmp_path, data, names=tuple(PUBLISHED), max_questions=1)
    found = {part["name"]: part for part in results["benchmarks"]}
    assert list(found) == list(PUBLISHED)
    for part in found.values():
        languages = [row for row in part["figures"] if row["group"] != "*"]
        assert part["questions"] == sum(row["n"] for row in languages) > 0
        assert part["prompt"] == part["prompts"][0]["example"] and part["data"]["read"]
        assert {row["task"].partition(":")[0] for row in part["prompts"]} == {part["name"]}
        assert sum(row["n"] for row in part["prompts"]) == part["asked"]
    assert found["cvqa"]["dropped"] == {"no label in the data": 1}
    (answer, *_) = read_answers(tmp_path / "benchmarks/cvqa/answers.parquet", PUBLISHED_COLUMNS)
    assert answer["choices"][1] == "akpu" and answer["right"] == ["D", "garri"]
    assert len(found["xm100"]["figures"]) == 36 + 1


def test_part_of_a_benchmark_is_recorded_and_shown(tmp_path, data):
    results = evaluate(tmp_path, data, names=("marvl", "nlvr2"), languages=("sw", "en"), max_questions=2, seed=3)
    found = {part["name"]: part for part in results["benchmarks"]}
    for part in found.values():
        assert part["selection"] == {"languages": ["sw", "en"], "max_questions": 2, "seed": 3}
    html.write([tmp_path], tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "Part of the benchmark: at most 2 questions per task and language, seed 3." in page
    assert "Part of the benchmark: questions in Swahili, English." in page


def test_largest_number_of_a_benchmark_is_recorded(run, tmp_path, data):
    (part,) = evaluate(tmp_path, data, names=("nlvr2",))["benchmarks"]
    assert part["selection"]["max_questions"] == 1000
    assert all(part["selection"]["max_questions"] is None for part in run[1]["benchmarks"])


def rows_of(folder, **wanted):
    rows = pq.read_table(folder / "answers.parquet").to_pylist()
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def test_options_are_compared_per_token_and_by_the_sum(tmp_path, data, monkeypatch):
    """Two tokens of -1.5 are likelier per token than one of -2, and less likely in sum."""

    async def choose(self, image, text, choices):
        others = {choice: Likelihood(-2.0 - place, 1) for place, choice in enumerate(choices)}
        return [Likelihood(-3.0, 2) if choice == "Peru" else others[choice] for choice in choices]

    monkeypatch.setattr(Endpoint, "choose", choose)
    results = evaluate(tmp_path / "run", data, export=tiny.write_export(tmp_path / "export"), names=())
    rows = rows_of(tmp_path / "run", question_type="choice", condition="image")
    assert {row["prediction"] for row in rows if "Peru" in row["choices"]} == {"Peru"}
    assert any(row["correct"] != row["correct_by_sum"] for row in rows)
    for row in rows:
        assert row["logprobs"] == [total / count for total, count in zip(row["sums"], row["tokens"], strict=True)]
    assert results["choose_by"] == "likelihood"
    for figure in results["figures"]:
        mine = [row for row in rows if figure["language"] in (row["language"], "*")]
        if figure["question_type"] == "choice":
            assert figure["image"]["accuracy_by_sum"] == sum(row["correct_by_sum"] for row in mine) / len(mine)
        else:
            assert figure["image"]["accuracy_by_sum"] is None


def test_endpoint_without_likelihoods_is_asked_for_letters(tmp_path, data, monkeypatch):
    monkeypatch.setattr(Endpoint, "has_likelihoods", False)
    results = evaluate(tmp_path / "run", data, export=tiny.write_export(tmp_path / "export"), names=())
    assert results["choose_by"] == "letter"
    examples = {row["task"]: row["example"] for row in results["prompts"]}
    assert "\nA. " in examples["export_test_choice_image:en"] and "\nA. " not in examples["export_test_open_image:en"]
    rows = rows_of(tmp_path / "run", question_type="choice", condition="image")
    assert len(rows) > 8
    for row in rows:
        assert row["prediction"] == "Peru" and row["correct"] == (row["answers"] == ["Peru"])
        assert row["sums"] == [] and row["correct_by_sum"] is None
    html.write([tmp_path / "run"], tmp_path / "report.html")
    assert "whose letter is in the greedy answer" in (tmp_path / "report.html").read_text()


def test_endpoint_that_fails_is_not_asked_for_letters(tmp_path, data, monkeypatch):
    async def choose(self, image, text, choices):
        raise NoAnswerError("timeout", "No answer. Raise the limit.")

    monkeypatch.setattr(Endpoint, "choose", choose)
    with pytest.raises(NoAnswerError, match="No answer"):
        evaluate(tmp_path / "run", data, export=tiny.write_export(tmp_path / "export"), names=())


@pytest.fixture
def failing(monkeypatch):
    """Let requests fail whose text has a word. Return the function that changes the word."""
    answered = Endpoint.reply

    def fail(word, kind="timeout"):
        async def reply(self, message, *, max_tokens, system=""):
            if word and word in str(message["content"][-1]):
                raise NoAnswerError(kind, "No answer. Raise the limit.")
            return await answered(self, message, max_tokens=max_tokens)

        monkeypatch.setattr(Endpoint, "reply", reply)

    return fail


def test_missing_answers_end_a_run_and_are_asked_again(tmp_path, data, failing):
    def ask(**options):
        before = Endpoint.asked
        results = evaluate(tmp_path, data, names=("marvl",), languages=("sw", "ta"), **options)
        return results["benchmarks"][0], Endpoint.asked - before

    failing("sw 1")
    with pytest.raises(UserError, match=r"1 of 6 questions have no answer \(timeout 1\)\. .*--allow-missing 1\."):
        ask()
    assert not (tmp_path / "results.json").exists()
    part, asked = ask(allow_missing=1)
    assert asked == 0, "the others are kept, and the failure is not an answer"
    assert (part["missing"], part["asked"], part["questions"]) == ({"timeout": 1}, 6, 5)
    assert {row["languages"]: row["n"] for row in part["figures"]} == {"sw": 2, "ta": 3, "mul": 5}
    html.write([tmp_path], tmp_path / "report.html")
    assert "No answer to 1 of 6 questions (timeout), which have no score." in (tmp_path / "report.html").read_text()
    failing("")
    part, asked = ask()
    assert (part["missing"], part["questions"], asked) == ({}, 6, 1)
    cost = orjson.loads((tmp_path / "benchmarks/marvl/cost.json").read_bytes())
    assert cost["requests"] == 6 and cost["seconds"] > 0, "all attempts together"


@pytest.mark.parametrize("kind", ["connection", "timeout", "status 500", "status 429"])
def test_endpoint_that_is_down_ends_a_run_early(tmp_path, data, failing, monkeypatch, kind):
    monkeypatch.setattr(endpoint_model, "MOST_FAILURES_IN_A_ROW", 3)
    failing("?", kind=kind)
    with pytest.raises(NoAnswerError):
        evaluate(tmp_path, data, names=("marvl",), languages=("sw", "ta"))


def test_rejected_questions_do_not_end_a_run(tmp_path, data, failing, monkeypatch):
    monkeypatch.setattr(endpoint_model, "MOST_FAILURES_IN_A_ROW", 3)
    failing("sw ", kind="status 400")
    with pytest.raises(UserError, match=r"3 of 6 questions have no answer \(status 400 3\)"):
        evaluate(tmp_path, data, names=("marvl",), languages=("sw", "ta"))


@pytest.mark.parametrize(
    ("values", "kind"),
    [([math.nan] * 4, "not finite"), ([-1.0, math.inf, -2.0, -3.0], "not finite"), ([-9999.0] * 4, "equal")],
)
def test_likelihoods_that_tell_nothing_are_no_answers(tmp_path, data, monkeypatch, values, kind):
    async def choose(self, image, text, choices):
        return [Likelihood(value, 1) for value in values]

    monkeypatch.setattr(Endpoint, "choose", choose)
    export = tiny.write_export(tmp_path / "export")
    with pytest.raises(UserError, match=rf"of .* questions have no answer \(likelihoods are {kind} \d+\)"):
        evaluate(tmp_path / "run", data, export=export, names=())
    results = evaluate(tmp_path / "run", data, export=export, names=(), allow_missing=1000)
    choice = [row for row in results["figures"] if row["question_type"] == "choice"]
    assert {row["image"]["n"] for row in choice} == {0} and all(row["frequent"]["n"] for row in choice)
    assert all(row["image"]["n"] for row in results["figures"] if row["question_type"] == "open")


def test_empty_answer_is_asked_again_by_the_same_command(tmp_path, data, failing, monkeypatch):
    """The run was incomplete: one question had no answer at all."""
    asked = []

    async def reply(self, message, *, max_tokens, system=""):
        text = message["content"][-1]["text"]
        asked.append(text)
        if "sw 2" in text and len(asked) <= 3:
            raise NoAnswerError("timeout", "No answer.")
        return Answer("", "empty") if "sw 1" in text and len(asked) <= 3 else Answer("Yes.")

    monkeypatch.setattr(Endpoint, "reply", reply)
    with pytest.raises(UserError, match="1 of 3 questions"):
        evaluate(tmp_path, data, names=("marvl",), languages=("sw",))
    (part,) = evaluate(tmp_path, data, names=("marvl",), languages=("sw",))["benchmarks"]
    assert len(asked) == 5 and part["endings"] == {} and part["missing"] == {}


def test_reasoning_and_endings_are_stored_and_counted(tmp_path, data, monkeypatch):
    async def reply(self, message, *, max_tokens, system=""):
        text = message["content"][-1]["text"]
        return Answer("<think>No?</think>Yes.") if "sw 0" in text else Answer("", "refused")

    monkeypatch.setattr(Endpoint, "reply", reply)
    (part,) = evaluate(tmp_path, data, names=("marvl",), languages=("sw",))["benchmarks"]
    assert part["endings"] == {"refused": 2}
    rows = pq.read_table(tmp_path / "benchmarks/marvl/answers.parquet").to_pylist()
    assert [(row["prediction"], row["robust"], row["ending"]) for row in rows] == [
        ("Yes.", 1.0, ""),
        ("", 0.0, "refused"),
        ("", 0.0, "refused"),
    ]
    assert b'"raw":"<think>No?</think>Yes."' in (tmp_path / "benchmarks/marvl/answers.jsonl").read_bytes()
    html.write([tmp_path], tmp_path / "report.html")
    assert "not ordinary ones, of 3: refused 2. They are scored as they are." in (tmp_path / "report.html").read_text()


def test_line_without_an_item_is_asked_again(tmp_path, data):
    evaluate(tmp_path, data, names=("marvl",), languages=("sw",))
    path = tmp_path / "benchmarks/marvl/answers.jsonl"
    path.write_bytes(b'{"text": "No."}\n[]\n' + b"".join(path.read_bytes().splitlines(keepends=True)[1:]))
    before = Endpoint.asked
    (part,) = evaluate(tmp_path, data, names=("marvl",), languages=("sw",))["benchmarks"]
    assert (part["questions"], Endpoint.asked - before) == (3, 1)


def test_run_leaves_no_copies_of_its_questions(tmp_path, data, monkeypatch):
    # Other processes of the tests write to the usual cache.
    cache = tmp_path / "cache"
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", cache)

    def files():
        return {path for path in cache.rglob("*") if "/parquet/" in str(path)}

    loaded = suite.load_all(("marvl",), data, replace(EVERYTHING, languages=("sw",)))
    before = files()
    evaluate(tmp_path / "run", data, loaded=loaded)
    assert files() == before and Path(datasets.config.HF_DATASETS_CACHE) == cache
    assert list((tmp_path / "run").rglob(".cache-*")) == []


def test_report_needs_no_export(tmp_path, data):
    export = tiny.write_export(tmp_path / "export")
    record = {
        "languages": ["en", "de"],
        "seed": 7,
        "stages": [
            {
                "stage": "answers",
                "questions": 9,
                "seconds": 3.0,
                "log": [{"step": n, "loss": 1 / (n + 1)} for n in range(900)],
            }
        ],
    }
    results = evaluate(tmp_path / "run", data, export=export, names=(), training=record)
    shutil.rmtree(tmp_path / "export")
    html.write([tmp_path / "run"], tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "&lt;b&gt;A &amp; B&lt;/b&gt;" in page and "data:image/jpeg;base64," in page
    assert "seed 7, answers: 9 questions in 3 s" in page and "colors" in page
    assert "<h1>m</h1>" in page and "CulturalPangea" not in page, "a model is called by its name"
    assert len(results["training"]["stages"][0]["log"]) == 500


def test_export_with_a_missing_image_counts_it(tmp_path, data):
    export = tiny.write_export(tmp_path / "export")
    row = next(row for row in export.questions("test") if row.question_type == "open")
    export.image_file(row.image).unlink()
    with pytest.raises(UserError, match=r"\(image missing \d+\)"):
        evaluate(tmp_path / "run", data, export=export, names=())


def test_scores_are_those_of_the_known_answers(run):
    part, rows = figures(run[1], "marvl")
    # Two of three statements are true.
    assert all(rows[code]["robust"]["mean"] == pytest.approx(2 / 3) for code in ("id", "sw", "ta", "tr", "zh"))
    assert rows["mul"]["n"] == part["questions"] == 15
    assert rows["trained"]["n"] == 6 and rows["held-out"]["n"] == 9
    assert part["data"]["read"]["sw"].startswith("sha256 ")
    assert any("merged into one image" in sentence for sentence in part["unverified"])


def test_benchmark_without_reference_has_a_robust_score_only(run):
    part, rows = figures(run[1], "alm_bench")
    assert part["reference_errors"] == 0
    assert all(row["reference"]["mean"] is None for row in rows.values())
    assert rows["de"]["robust"]["mean"] == 0.5, "yes stands for true, and is not an option"


def test_images_of_another_data_set_are_sent(run):
    answers = pq.read_table(run[0] / "benchmarks/worldcuisines_open/answers.parquet").to_pylist()
    assert {len(answer["images"]) for answer in answers} == {1} and not any(answer["error"] for answer in answers)
    assert len({answer["images"][0] for answer in answers}) == 2


def test_row_without_its_image_is_counted_and_not_scored(tmp_path, data, run):
    made.worldcuisines(tmp_path / "data")
    (tmp_path / "data/worldcuisines/food-kb/data/main-00000-of-00001.parquet").write_bytes(
        (data / "worldcuisines/food-kb/data/main-00000-of-00001.parquet").read_bytes()
    )
    for path in (tmp_path / "data/worldcuisines/vqa").rglob("*.jsonl"):
        path.write_text(path.read_text().replace("example.org/0", "example.org/lost"))
    loaded = suite.load_all(("worldcuisines",), tmp_path / "data", EVERYTHING)
    for _ in range(2):
        results = evaluate(tmp_path / "run", tmp_path / "data", loaded=loaded)
        (part,) = results["benchmarks"]
        assert part["dropped"] == {"image: image missing": 10}
        assert part["questions"] == 10


def test_repeated_run_asks_nothing_and_equals_the_first(tmp_path, data):
    first = evaluate(tmp_path / "run", data, names=("marvl",))
    before = Endpoint.asked
    assert evaluate(tmp_path / "run", data, names=("marvl",)) == first
    assert Endpoint.asked == before


def test_other_plan_gets_another_folder_and_removes_nothing(tmp_path, data):
    first = evaluate(tmp_path / "run", data, names=("marvl",), languages=("sw",))
    files = {path: path.read_bytes() for path in (tmp_path / "run").rglob("answers.jsonl")}
    others = [
        evaluate(tmp_path / "run", data, names=("marvl",), **{"languages": ("sw",)} | changes)["run"]
        for changes in ({"max_questions": 2}, {"seed": 1, "max_questions": 2}, {"languages": ("sw", "ta")}, {})
    ]
    assert [Path(run).name for run in [first["run"], *others]] == ["run", "run-2", "run-3", "run-4", "run"]
    assert files and all(path.read_bytes() == content for path, content in files.items())


def test_model_that_changes_during_the_run_is_an_error(tmp_path, data, monkeypatch):
    monkeypatch.setattr(Endpoint, "listed", (f"m@{'3f' * 16}.{'2f' * 16}",))
    with pytest.raises(UserError, match="has changed its model during the run"):
        evaluate(tmp_path, data, names=("marvl",), languages=("sw",))
    assert not (tmp_path / "results.json").exists()


def test_changed_version_of_a_benchmark_asks_again(tmp_path, data, monkeypatch):
    import dataclasses

    def asked():
        before = Endpoint.asked
        evaluate(tmp_path, data, names=("marvl",), languages=("sw",))
        return Endpoint.asked - before

    assert [asked(), asked()] == [3, 0]
    monkeypatch.setitem(PUBLISHED, "marvl", dataclasses.replace(PUBLISHED["marvl"], version=99))
    assert asked() == 3


def test_languages_without_questions_are_one_line(data):
    with pytest.raises(UserError, match=r"No question of marvl is in br\. Choose other --languages"):
        suite.load_all(("marvl",), data, Selection(languages=("br",), max_questions=None, seed=0))
