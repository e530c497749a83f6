"""The evaluation with lighteval's real pipeline and a real server."""

import subprocess
import sys

import orjson
import pyarrow.parquet as pq
import pytest
import torch
from click.testing import CliRunner

from evalsuite.metrics.accuracy import CONTROLS, UNASKED
from pangea_cultural.cli.main import pcult
from pangea_cultural.errors import UserError
from tests.helpers import world

pytestmark = pytest.mark.serving


def command(server, workspace, *options):
    key = workspace / "key"
    key.write_text("secret\n")
    arguments = [
        "eval",
        "--endpoint",
        server.url,
        "--api-key-file",
        key,
        "--workspace",
        workspace,
        "--max-questions",
        6,
        *options,
    ]
    return [str(argument) for argument in arguments]


def evaluate(server, workspace, *options):
    result = CliRunner().invoke(pcult, [*command(server, workspace, *options), "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return orjson.loads(result.stdout)


@pytest.fixture(scope="module")
def run(server, workspace):
    return evaluate(server, workspace, "--split", "test", "--split", "dev")


def test_evaluation_leaves_gradients_enabled(run):
    """lighteval disables them at import, which would break a later training in the same process."""
    assert torch.is_grad_enabled()


def test_accuracies_match_the_stored_answers(run, workspace):
    answers = pq.read_table(workspace / "runs/tiny-test-dev/answers.parquet").to_pylist()
    for row in run["figures"]:
        for condition in ("image", *CONTROLS):
            correct = [
                a["correct"]
                for a in answers
                if (a["split"], a["question_type"], a["condition"]) == (row["split"], row["question_type"], condition)
                and row["language"] in (a["language"], "*")
                and (a["language"] == "nl") == (row["group"] == "held-out")
                and (row["subset"] == "all" or a["shared"] == (row["subset"] == "shared"))
            ]
            assert row[condition]["n"] == len(correct)
            assert row[condition]["accuracy"] == (sum(correct) / len(correct) if correct else None)
    assert {(a["question_type"], a["condition"]) for a in answers if a["condition"] in UNASKED} == {
        *(("choice", name) for name in UNASKED),
        ("open", "frequent"),
    }
    assert {row["group"] for row in run["figures"]} == {"trained", "held-out"}
    assert {row["subset"] for row in run["figures"] if row["language"] == "nl"} == {"all", "shared", "novel"}


def test_most_likely_option_is_the_prediction(run, workspace):
    answers = pq.read_table(workspace / "runs/tiny-test-dev/answers.parquet").to_pylist()
    choice_answers = [a for a in answers if a["question_type"] == "choice" and a["condition"] not in UNASKED]
    assert len(choice_answers) > 20
    for row in choice_answers:
        assert len(row["logprobs"]) == len(row["choices"]) == 4
        assert row["prediction"] == row["choices"][row["logprobs"].index(max(row["logprobs"]))]
        assert row["correct"] == (row["prediction"] in row["answers"])


def details(workspace):
    """Return the number of lighteval's files of details."""
    return len(list((workspace / "runs/tiny-test-dev/lighteval/details").rglob("*.parquet")))


def test_lighteval_writes_its_details(run, workspace):
    assert details(workspace) == 2 * 2 * 4 * 3  # splits, question types, conditions, languages


def test_interrupted_evaluation_asks_only_missing_questions(run, server, workspace):
    """The file of answers is truncated inside a line, as after a kill."""
    path = workspace / "runs/tiny-test-dev/answers.jsonl"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * 0.6)])
    kept = path.read_bytes().count(b"\n")
    again = evaluate(server, workspace, "--split", "test", "--split", "dev")
    assert again["figures"] == run["figures"]
    lines = path.read_bytes().splitlines()
    assert lines[:kept] == content.splitlines()[:kept]
    assert len(lines) == content.count(b"\n") + 1  # The truncated line stays, and its question was asked again.
    assert details(workspace) == 2 * 2 * 4 * 3, "the details of the first run are removed"


def test_changed_languages_get_another_folder(run, server, workspace):
    first = evaluate(server, workspace, "--split", "dev", "--languages", "de,en,de")
    second = evaluate(server, workspace, "--split", "dev", "--split", "dev", "--languages", "de,de")
    assert {row["language"] for row in second["figures"]} == {"de", "*"}
    assert (first["run"], second["run"]) == tuple(str(workspace / f"runs/tiny-dev{end}") for end in ("", "-2"))
    german = [row for row in first["figures"] if row["language"] == "de"]
    assert german and german == [row for row in second["figures"] if row["language"] == "de"]
    with pytest.raises(UserError, match="Choose another --out"):
        evaluate(server, workspace, "--split", "dev", "--out", second["run"])


def test_evaluation_ends_with_its_report(run, workspace):
    folder = workspace / "runs/tiny-test-dev"
    assert {path.name for path in folder.glob("report.*")} == {"report.html", "report.md", "report.json"}
    assert run["report"] == str(folder / "report.html")
    cost = orjson.loads((folder / "cost.json").read_bytes())
    assert cost["requests"] > 100 and cost["prompt_tokens"] > cost["answer_tokens"] > 0 and cost["seconds"] > 0
    # A process with lighteval has some hundred megabytes. In other units, it would have less or much more.
    assert 1e8 < cost["peak_memory_bytes"] < 1e12
    assert orjson.loads((folder / "results.json").read_bytes())["cost"] == cost


def test_report_is_one_file_and_escapes_html(run, workspace):
    result = CliRunner().invoke(pcult, ["report", run["run"]], catch_exceptions=False)
    assert result.exit_code == 0
    page = (workspace / "runs/tiny-test-dev/report.html").read_text()
    assert "&lt;b&gt;A &amp; B&lt;/b&gt;" in page and "<b>A & B</b>" not in page
    assert "default-src &#39;none&#39;;" in page, "nothing is loaded from elsewhere"
    assert page.count("<svg") >= 3
    assert "by chance 25\u00a0%" in page and "novel answer" in page


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--tasks", "exprt"], "Unknown benchmark 'exprt'. Did you mean export"),
        (["--languages", "xx"], "Unknown language 'xx'"),
        (["--export", "none"], "No complete export at"),
        (["--split", "unseen"], "has no questions with images"),
    ],
)
def test_invalid_request_is_one_line(server, workspace, options, message):
    assert message in world.error_of(*command(server, workspace, *options))


def test_error_of_a_process_is_one_line(server, workspace):
    """The imports of a new process print nothing."""
    arguments = [sys.executable, "-m", "pangea_cultural", *command(server, workspace, "--tasks", "exprt")]
    result = subprocess.run(arguments, capture_output=True, text=True)
    assert result.returncode == 1
    assert "Unknown benchmark" in result.stderr and result.stderr.count("\n") == 1, result.stderr


def test_eval_requires_endpoint_or_model():
    result = CliRunner().invoke(pcult, ["eval"])
    assert result.exit_code == 2
    assert "Give either --endpoint or --model" in result.output
