"""Published benchmarks through lighteval's real pipeline and a real server."""

import os
from dataclasses import replace

import orjson
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from evalsuite.benchmarks.registry import PUBLISHED
from pangea_cultural.cli.main import pcult
from tests.evalsuite.benchmarks import made

pytestmark = [
    pytest.mark.serving,
    pytest.mark.skipif("PCULT_PUBLISHED" not in os.environ, reason="set PCULT_PUBLISHED=1, see tests/README.md"),
]


LANGUAGES = "en,de,zh,id,ig,sw,hi"
"""Some of each benchmark: each language is a task of lighteval, which takes seconds."""
OPTIONS = ("--tasks", "all", "--max-questions", 1, "--languages", LANGUAGES)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Copies of all data sets, made small."""
    return made.everything(tmp_path_factory.mktemp("published"))


MOST_TOKENS = 24


def evaluate(server, workspace, *options):
    key = workspace / "key"
    key.write_text("secret\n")
    command = ["eval", "--endpoint", server.url, "--api-key-file", key, "--workspace", workspace, *options, "--json"]
    # The model judges itself.
    command += ["--judge", server.url, "--judge-key-file", key] if "all" in options else []
    result = CliRunner().invoke(pcult, [str(part) for part in command], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return orjson.loads(result.stdout)


@pytest.fixture(scope="module", autouse=True)
def short_answers():
    """Limit answers and verdicts: a model with random weights ends none, and its context is short."""
    with pytest.MonkeyPatch.context() as patch:
        for name, benchmark in PUBLISHED.items():
            judging = benchmark.judging and replace(benchmark.judging, max_tokens=MOST_TOKENS)
            tokens = min(benchmark.max_tokens, MOST_TOKENS)
            patch.setitem(PUBLISHED, name, replace(benchmark, max_tokens=tokens, judging=judging))
        yield


@pytest.fixture(scope="module")
def run(server, workspace, data):
    return evaluate(server, workspace, *OPTIONS, "--data", data, "--out", workspace / "runs/all")


def test_every_benchmark_has_figures_of_its_answers(run, workspace):
    assert [part["name"] for part in run["benchmarks"]] == list(PUBLISHED)
    assert run["figures"], "the export is one of the benchmarks"
    for part in run["benchmarks"]:
        answers = pq.read_table(workspace / f"runs/all/benchmarks/{part['name']}/answers.parquet").to_pylist()
        assert len(answers) == part["questions"] > 0
        for row in (row for row in part["figures"] if row["group"] != "*"):
            mine = [answer for answer in answers if answer["language"] == row["languages"]]
            assert row["n"] == len(mine)
            reference = [answer["reference"] for answer in mine if answer["reference"] is not None]
            assert row["reference"]["n"] == len(reference)
            assert not reference or row["reference"]["mean"] == pytest.approx(sum(reference) / len(reference))
            robust = [answer["robust"] for answer in mine if answer["robust"] is not None]
            assert not robust or row["robust"]["mean"] == pytest.approx(sum(robust) / len(robust))


def test_verdicts_of_a_model_with_random_weights_are_withheld(run):
    for part in (part for part in run["benchmarks"] if part["judged"]):
        assert part["judge"]["judgments"] == part["questions"] > 0
        assert sum(part["judge"]["missing"].values()) == part["questions"]
        assert all(row["robust"]["mean"] is None and row["withheld"] for row in part["figures"])


def test_submission_has_a_line_for_each_image(run, workspace):
    for name in ("mmcultureqa", "mmcultureqa_devtest"):
        (part,) = [part for part in run["benchmarks"] if part["name"] == name]
        lines = (workspace / f"runs/all/benchmarks/{name}/prediction.jsonl").read_text().splitlines()
        assert len(lines) == part["submission"]["rows"] > 0 and not part["submission"]["complete"]


def test_report_shows_what_is_not_verified(run, workspace):
    result = CliRunner().invoke(pcult, ["report", run["run"]], catch_exceptions=False)
    assert result.exit_code == 0
    page = (workspace / "runs/all/report.html").read_text()
    assert "MaRVL (accuracy)" in page and "no public source quotes it" in page
    assert "default-src &#39;none&#39;;" in page, "nothing is loaded from elsewhere"


def test_second_run_asks_only_what_is_missing(run, server, workspace, data):
    path = workspace / "runs/all/benchmarks/marvl/answers.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]))
    again = evaluate(server, workspace, *OPTIONS, "--data", data, "--out", workspace / "runs/all")
    cost = [part.pop("cost") for results in (again, run) for part in (results, *results["benchmarks"])]
    assert again == run and all(found["requests"] > 0 for found in cost)
    assert path.read_bytes().splitlines(keepends=True)[:2] == lines[:2]
    assert path.read_bytes().count(b"\n") == len(lines)


def test_languages_limit_what_is_read(server, workspace, data):
    options = ("--languages", "de,ta", "--controls", "blind,text-only")
    results = evaluate(server, workspace, "--tasks", "marvl,xgqa", "--data", data, *options)
    found = {part["name"]: [row["languages"] for row in part["figures"]] for part in results["benchmarks"]}
    assert found == {"marvl": ["ta"], "xgqa": ["de"]}
    passes = {part["name"]: part["controls"]["passes"] for part in results["benchmarks"]}
    assert {name: part["asked"] for name, part in passes["marvl"].items()} == {"blind": 3, "text": 3}
    # Both questions of xGQA are about the same image.
    assert {name: part["asked"] for name, part in passes["xgqa"].items()} == {"blind": 0, "text": 2}
    assert not any(part["missing"] for parts in passes.values() for part in parts.values())
