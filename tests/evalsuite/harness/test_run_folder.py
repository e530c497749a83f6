"""Folders of runs: one for each plan, which is locked and keeps what is in it."""

import multiprocessing
from pathlib import Path

import pytest
from click.testing import CliRunner

from evalsuite.harness.run_folder import is_run_folder, opened, require_run_folder, safe_name
from pangea_cultural.cli.main import pcult
from pangea_cultural.errors import UserError


def names(folder):
    return {path.name for path in folder.iterdir()}


def finish(base, plan):
    """Write a finished run, and return its folder."""
    with opened(base, plan, exact=False) as folder:
        (folder / "answers.jsonl").write_text("{}")
        (folder / "results.json").write_text(plan)
    return folder


def test_plan_finds_its_folder_again_and_other_plans_get_their_own(tmp_path):
    assert [finish(tmp_path / "m", plan).name for plan in ("a", "b", "a", "c", "b")] == ["m", "m-2", "m", "m-3", "m-2"]
    assert {path.name: (path / "results.json").read_text() for path in tmp_path.iterdir()} == {
        "m": "a",
        "m-2": "b",
        "m-3": "c",
    }


def test_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m/mine.txt").touch()
    assert finish(tmp_path / "m", "a").name == "m-2"
    with pytest.raises(UserError, match="is not empty and is not an evaluation run"):
        opened(tmp_path / "m", "a", exact=True).__enter__()
    assert names(tmp_path / "m") == {"mine.txt"}


def test_wanted_folder_with_another_plan_is_refused_and_kept(tmp_path):
    finish(tmp_path / "m", "a")
    before = names(tmp_path / "m")
    with pytest.raises(UserError, match="an evaluation of another model or with other settings"):
        opened(tmp_path / "m", "b", exact=True).__enter__()
    assert names(tmp_path / "m") == before and names(tmp_path) == {"m"}
    with opened(tmp_path / "m", "a", exact=True) as folder:
        assert folder == tmp_path / "m"


def hold(base, plan, connection):
    with opened(base, plan, exact=False):
        connection.send("entered")
        connection.poll(30)


@pytest.fixture
def held(tmp_path):
    """The plan `a`, which another process evaluates."""
    context = multiprocessing.get_context("fork")
    # A pipe, because an event that a killed process waits for blocks the one that sets it.
    connection, other = context.Pipe()
    process = context.Process(target=hold, args=(tmp_path / "m", "a", other))
    process.start()
    assert connection.poll(30) and connection.recv() == "entered"
    yield tmp_path / "m"
    connection.send("leave")
    process.join(30)


def test_plan_that_is_evaluated_is_refused_and_another_one_is_not(held):
    with pytest.raises(UserError, match="Another evaluation writes to"):
        opened(held, "a", exact=False).__enter__()
    assert finish(held, "b").name == "m-2"


def test_killed_run_frees_its_folder(held, tmp_path):
    for process in multiprocessing.active_children():
        process.kill()
        process.join(30)
    assert finish(held, "a") == held


def test_run_folders_are_accepted_also_after_a_kill(tmp_path):
    require_run_folder(finish(tmp_path / "m", "a"))
    killed = tmp_path / "killed"
    require_run_folder(killed)
    killed.mkdir()
    for name in (".fingerprint.a1b2c3d_", "run.lock"):
        (killed / name).touch()
    assert is_run_folder(killed) and finish(killed, "a") == killed


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("tiny", "tiny"),
        ("/models/x", "models-x"),
        ("../../x", "x"),
        ("org/Model-7B v0.5", "org-Model-7B-v0.5"),
        ("..", "model"),
        ("", "model"),
        ("模型\n", "模型"),
        ("a" * 300, "a" * 100),
    ],
)
def test_name_of_a_model_is_never_a_path(model, name):
    assert safe_name(model) == name
    assert (Path("runs") / safe_name(model)).parent == Path("runs")


def test_eval_rejects_out_folder_with_other_files(tmp_path):
    (tmp_path / "results.json").write_text("other")
    arguments = ["eval", "--endpoint", "http://127.0.0.1:9/v1", "--workspace", tmp_path / "w", "--out", tmp_path]
    with pytest.raises(UserError, match="is not empty and is not an evaluation run"):
        CliRunner().invoke(pcult, [str(part) for part in arguments], catch_exceptions=False)
    assert names(tmp_path) == {"results.json"}
