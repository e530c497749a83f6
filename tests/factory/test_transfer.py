"""The commands that exchange data sets."""

import json

import pytest
from click.testing import CliRunner

from pangea_cultural.cli import pcult
from tests.helpers.servers.hub_server import TOKEN, HubServer
from tests.helpers.store_contents import files

QUESTIONS = {"train": 112, "dev": 42, "test": 18, "unseen": 36}


@pytest.fixture
def run(castles):
    def call(*arguments):
        workspace = ("--workspace", str(castles / "workspace"), "--quiet")
        return CliRunner().invoke(pcult, ["data", *map(str, arguments), *workspace], catch_exceptions=True)

    return call


def test_export_by_name_and_by_path_are_the_same(run, castles, tmp_path):
    named = run("export", "--format", "messages", tmp_path / "a", "--data", "castles")
    assert named.exit_code == 0 and named.output == f"Written: {tmp_path}/a, 208 questions and 30 images\n"
    by_path = castles / "workspace/exports/castles"
    result = run("export", "--format", "messages", tmp_path / "b", "--data", by_path, "--json")
    counts = {"questions": 208, "images": 30, "left_out": {}}
    assert json.loads(result.output) == {"folder": f"{tmp_path}/b", "format": "messages"} | counts
    assert (tmp_path / "a/messages-train.jsonl").read_bytes() == (tmp_path / "b/messages-train.jsonl").read_bytes()


def test_stats_count_an_export(castles):
    workspace = str(castles / "workspace")
    result = CliRunner().invoke(pcult, ["data", "stats", "--data", "castles", "--json", "--workspace", workspace])
    counts = json.loads(result.output)
    assert {split: row["questions"] for split, row in counts["split"].items()} == QUESTIONS
    assert sum(row["questions"] for row in counts["language"].values()) == 208
    assert set(counts["region"]) >= {"japan", "kenya"}
    table = CliRunner().invoke(pcult, ["data", "stats", "--data", "castles", "--workspace", workspace])
    assert table.exit_code == 0 and "Language" in table.output


def test_missing_export_is_one_line(run, tmp_path):
    result = run("export", "--format", "parquet", tmp_path / "a", "--data", "nothing")
    assert "No complete export at" in str(result.exception)


def test_import_of_an_export_in_another_format_has_equal_counts(run, castles, tmp_path):
    run("export", "--format", "culturalground", tmp_path / "a", "--data", "castles")
    result = CliRunner().invoke(
        pcult,
        [
            *("data", "import", "--format", "culturalground", str(tmp_path / "a"), "--name", "Again", "--json"),
            *("--workspace", str(tmp_path / "w"), "--quiet"),
        ],
    )
    assert result.exit_code == 0, result.output
    counts = json.loads(result.output)
    assert counts["questions"] == QUESTIONS and counts["images"] == 30
    assert counts["folder"] == str(tmp_path / "w/exports/again") and counts["rejected"] == {}


def test_push_and_pull_print_the_commit(run, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    with HubServer().running() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        run("export", "--format", "parquet", tmp_path / "a", "--data", "castles")
        call = CliRunner().invoke
        pushed = call(pcult, ["data", "push", str(tmp_path / "a"), "user/castles", "--quiet"])
        pulled = call(pcult, ["data", "pull", "user/castles", str(tmp_path / "b"), "--quiet", "--json"])
    commit = list(hub.repositories["user/castles"])[-1]
    assert pushed.output == f"Pushed: user/castles at {commit}\n"
    assert json.loads(pulled.output)["commit"] == commit
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_name_of_an_import_cannot_be_a_path(run, tmp_path):
    result = run("import", "--format", "llava", tmp_path, "--name", "../x")
    assert "is not a name of an export" in str(result.exception)


def test_articles_need_an_instruction(run, tmp_path):
    assert "--instruction" in str(run("import", "--format", "m3ls", tmp_path, "--name", "x").exception)
