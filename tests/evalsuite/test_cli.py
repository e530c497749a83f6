"""Commands of the evaluation with an endpoint whose answers are known."""

import asyncio
import random
import subprocess
import sys
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from evalsuite.benchmarks.registry import PUBLISHED
from pangea_cultural.cli.main import pcult
from pangea_cultural.endpoint.identity import PROBES
from tests.evalsuite.benchmarks import made
from tests.helpers.servers.scripted_endpoint import ScriptedEndpoint, completion


@pytest.fixture
def endpoint():
    """An endpoint whose answers are truncated."""
    with ScriptedEndpoint(lambda body, number: completion("1", "length"), models=["m"]) as server:
        yield server


def evaluate(endpoint, workspace, *options, others=()):
    urls = [word for server in (endpoint, *others) for word in ("--endpoint", server.url)]
    command = ["eval", *urls, "--workspace", workspace, *options, "--json", "--quiet"]
    result = CliRunner().invoke(pcult, [str(part) for part in command], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return orjson.loads(result.stdout)


def test_languages_are_chosen_where_rows_name_them(endpoint, tmp_path):
    """Languages of WorldCuisines share splits, and some are in no other benchmark."""
    made.worldcuisines(tmp_path / "data")
    results = evaluate(
        endpoint, tmp_path, "--tasks", "worldcuisines", "--data", tmp_path / "data", "--languages", "nan,yo,tl"
    )
    (part,) = results["benchmarks"]
    assert {row["languages"]: row["n"] for row in part["figures"] if row["group"] != "*"} == {"yo": 4, "nan": 4}
    assert part["selection"]["languages"] == ["nan", "yo", "fil"]
    assert part["questions"] == len(endpoint.bodies) - len(PROBES) == 8
    assert Path(results["report"]).is_file(), "the quickstart prints it"


def test_several_endpoints_share_the_questions(endpoint, tmp_path):
    made.worldcuisines(tmp_path / "data")
    choice = ("--tasks", "worldcuisines", "--data", tmp_path / "data", "--languages", "yo,tl")
    with ScriptedEndpoint(lambda body, number: "1", models=["m"]) as second:
        results = evaluate(endpoint, tmp_path, *choice, others=[second])
        asked = [len(server.bodies) - len(PROBES) for server in (endpoint, second)]
    # With so few images, one server may get all.
    assert min(asked) >= 0 and sum(asked) == results["benchmarks"][0]["questions"]
    # How many servers there are is not part of the plan.
    again = evaluate(endpoint, tmp_path, *choice)
    assert again["run"] == results["run"]
    assert len(endpoint.bodies) - asked[0] == 2 * len(PROBES)


class LateEndpoint(ScriptedEndpoint):
    """An endpoint that repeats the texts of a question, after a time that is drawn."""

    async def _respond(self, request, answer):
        await asyncio.sleep(random.random() / 20)
        return await super()._respond(request, answer)


def sent_text(body):
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def test_answers_stay_with_their_questions_and_tokens_and_temperature_are_those_of_the_task(tmp_path):
    made.marvl(tmp_path / "data", languages=("id", "sw"))
    with LateEndpoint(lambda body, number: sent_text(body), models=["m"]) as late:
        marvl = ("--tasks", "marvl", "--data", tmp_path / "data", "--languages", "id,sw")
        evaluate(late, tmp_path, *marvl, "--out", tmp_path / "run")
        asked = [body for body in late.bodies if not isinstance(body["messages"][-1]["content"], str)]
    rows = pq.read_table(tmp_path / "run/benchmarks/marvl/answers.parquet").to_pylist()
    assert len({row["prediction"] for row in rows}) == len(rows) == 6
    assert all(row["prediction"].strip() == row["prompt"].replace("<image>", "").strip() for row in rows)
    sent = {(body["max_tokens"], body["temperature"], body.get("stop")) for body in asked}
    assert sent == {(PUBLISHED["marvl"].max_tokens, 0, None)}


def test_further_passes_end_in_a_line_for_each_benchmark(endpoint, tmp_path):
    made.worldcuisines(tmp_path / "data")
    command = ["eval", "--endpoint", endpoint.url, "--workspace", tmp_path, "--data", tmp_path / "data", "--quiet"]
    command += ["--tasks", "worldcuisines", "--languages", "yo", "--repeat", 2, "--rotate-options"]
    command += ["--controls", "text-only, blind"]
    result = CliRunner().invoke(pcult, [str(part) for part in command], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "worldcuisines: Answers that are not ordinary ones, of 4: truncated 4." in result.output
    assert "worldcuisines, 2 passes: flip rate 0.0 [" in result.output
    assert "worldcuisines, options rotated: mean 20.0 [" in result.output
    # The right answers of all others are options, so none of their images can be shown.
    assert "worldcuisines, controls: no image 50.0 [" in result.output
    assert "of 4; no gain by the image over the strongest one (no image) is shown" in result.output
    assert "positions chosen (expected) 1: 20 (4), 2: 0 (4), 3: 0 (4), 4: 0 (4), 5: 0 (4)" in result.output
    assert len(endpoint.bodies) - len(PROBES) == 4 + 4 + 16 + 4
    result = CliRunner().invoke(pcult, [str(part) for part in [*command, "--controls", "gray"]])
    assert "Unknown control 'gray'. Known: blind, text-only." in f"{result.output}{result.exception}"


@pytest.mark.parametrize("code", ["from evalsuite.report import html", "from evalsuite.benchmarks import registry"])
def test_list_and_report_do_not_import_the_metrics_of_captions(code):
    heavy = "{'nltk', 'sacrebleu', 'rouge_score', 'lighteval', 'torch'}"
    ask = f"import sys; {code}; print(sorted({heavy} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
