"""What an evaluation keeps of an earlier one in the same folder."""

import contextlib
from pathlib import Path

import pytest
from click.testing import CliRunner

from evalsuite.harness import runner
from pangea_cultural.cli.main import pcult
from pangea_cultural.errors import UserError
from tests.helpers import tiny


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny.write_export(tmp_path_factory.mktemp("data") / "export")


def plan(data, **changes):
    settings = {"model": "tiny", "training": {}, "weights": [], "splits": ("test",), "languages": (), "limit": 6}
    return runner.Plan(connect=lambda: None, export=data, seed=0, **settings | changes)


@pytest.fixture
def finished(data, tmp_path):
    """Folder of a finished run."""
    runner._keep_or_clear(plan(data), tmp_path)
    (tmp_path / "answers.jsonl").write_text('{"item": "q|image", "text": "Peru"}\n')
    (tmp_path / "results.json").write_text("{}")
    return tmp_path


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_the_same_plan_keeps_everything(data, finished):
    runner._keep_or_clear(plan(data), finished)
    assert names(finished) == {"fingerprint", "answers.jsonl", "results.json"}


def test_another_plan_leaves_no_figures_of_the_one_before(data, finished):
    runner._keep_or_clear(plan(data, limit=7), finished)
    assert names(finished) == {"fingerprint"}


def test_a_kill_at_the_start_of_the_same_plan_loses_no_answers(data, finished, monkeypatch):
    def killed(path, text):
        """A file is cut before it is written."""
        path.open("w").close()
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_text", killed)
    monkeypatch.setattr(Path, "write_bytes", killed)
    for _ in range(2):
        with contextlib.suppress(KeyboardInterrupt):
            runner._keep_or_clear(plan(data), finished)
    assert (finished / "answers.jsonl").exists()


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    (tmp_path / "results.json").write_text("another's")
    words = ["eval", "--endpoint", "http://127.0.0.1:9/v1", "--workspace", str(tmp_path / "w"), "--out", str(tmp_path)]
    with pytest.raises(UserError, match="is not empty and is no run of ours: give another --out"):
        CliRunner().invoke(pcult, words, catch_exceptions=False)
    assert names(tmp_path) == {"results.json"}


def test_a_run_and_what_a_kill_has_left_of_one_are_not_refused(finished, tmp_path):
    runner.refuse_foreign(finished)
    begun = tmp_path / "begun"
    runner.refuse_foreign(begun)
    begun.mkdir()
    (begun / ".fingerprint.a1b2c3d_").touch()
    runner.refuse_foreign(begun)


def test_only_what_lighteval_writes_is_removed_below_its_folder(tmp_path):
    for name in ("results", "details", "data", "mine"):
        (tmp_path / name / "inside").mkdir(parents=True)
    runner._clear_lighteval(tmp_path)
    assert names(tmp_path) == {"mine"}


def test_other_weights_under_the_same_name_are_another_plan(data, tmp_path):
    def state(content):
        (tmp_path / "model.safetensors").write_bytes(content)
        return runner.weights_state(tmp_path)

    first, second = state(b"weights"), state(b"other weights")
    assert plan(data, weights=first).fingerprint() != plan(data, weights=second).fingerprint()
    # A training notes its hashes: those files may be moved and copied.
    noted = {"languages": ["en"], "weights_sha256": {"model.safetensors": "1f"}}
    assert plan(data, weights=first, training=noted).fingerprint() == plan(data, training=noted).fingerprint()


def test_languages_of_a_record_that_names_none_are_those_of_the_data(data):
    assert plan(data, training={"languages": []}).trained() == plan(data).trained() == ("de", "en")
    assert plan(data, training={"languages": ["en"]}).trained() == ("en",)
