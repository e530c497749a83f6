"""Reuse of a run folder, and the fingerprint of an evaluation."""

import contextlib
from pathlib import Path

import pytest
from click.testing import CliRunner

from evalsuite.harness import pipeline, run_folder, runner
from evalsuite.harness.subject import weights_state
from pangea_cultural.cli.main import pcult
from pangea_cultural.errors import UserError
from tests.helpers import tiny


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny.write_export(tmp_path_factory.mktemp("data") / "export")


def config(data, **changes):
    settings = {
        "model": "tiny",
        "training": {},
        "weights": [],
        "splits": ("test",),
        "languages": (),
        "max_questions": 6,
    }
    return runner.EvalConfig(connect=lambda: None, export=data, seed=0, **settings | changes)


@pytest.fixture
def finished(data, tmp_path):
    """Folder of a finished run."""
    run_folder.reset_if_changed(config(data), tmp_path)
    (tmp_path / "answers.jsonl").write_text('{"item": "q|image", "text": "Peru"}\n')
    (tmp_path / "results.json").write_text("{}")
    return tmp_path


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_same_config_keeps_all_files(data, finished):
    run_folder.reset_if_changed(config(data), finished)
    assert names(finished) == {"fingerprint", "answers.jsonl", "results.json"}


def test_changed_config_removes_results_and_answers(data, finished):
    run_folder.reset_if_changed(config(data, max_questions=7), finished)
    assert names(finished) == {"fingerprint"}


def test_kill_at_start_of_same_config_keeps_answers(data, finished, monkeypatch):
    def killed(path, text):
        """Truncate the file, then stop before writing it."""
        path.open("w").close()
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_text", killed)
    monkeypatch.setattr(Path, "write_bytes", killed)
    for _ in range(2):
        with contextlib.suppress(KeyboardInterrupt):
            run_folder.reset_if_changed(config(data), finished)
    assert (finished / "answers.jsonl").exists()


def test_eval_rejects_out_folder_with_other_files(tmp_path):
    (tmp_path / "results.json").write_text("other")
    arguments = [
        "eval",
        "--endpoint",
        "http://127.0.0.1:9/v1",
        "--workspace",
        str(tmp_path / "w"),
        "--out",
        str(tmp_path),
    ]
    with pytest.raises(UserError, match="is not empty and is not an evaluation run"):
        CliRunner().invoke(pcult, arguments, catch_exceptions=False)
    assert names(tmp_path) == {"results.json"}


def test_run_folders_are_accepted_also_after_a_kill(finished, tmp_path):
    run_folder.require_run_folder(finished)
    killed = tmp_path / "killed"
    run_folder.require_run_folder(killed)
    killed.mkdir()
    (killed / ".fingerprint.a1b2c3d_").touch()
    run_folder.require_run_folder(killed)


def test_clear_keeps_other_folders(tmp_path):
    for name in ("results", "details", "data", "mine"):
        (tmp_path / name / "inside").mkdir(parents=True)
    pipeline.clear(tmp_path)
    assert names(tmp_path) == {"mine"}


def test_fingerprint_depends_on_the_weights(data, tmp_path):
    def state(content):
        (tmp_path / "model.safetensors").write_bytes(content)
        return weights_state(tmp_path)

    first, second = state(b"weights"), state(b"other weights")
    assert config(data, weights=first).fingerprint() != config(data, weights=second).fingerprint()
    # The hashes of a training record stay the same if the files are moved or copied.
    record = {"languages": ["en"], "weights_sha256": {"model.safetensors": "1f"}}
    assert config(data, weights=first, training=record).fingerprint() == config(data, training=record).fingerprint()


def test_trained_languages_default_to_those_of_the_export(data):
    assert (
        config(data, training={"languages": []}).trained_languages() == config(data).trained_languages() == ("de", "en")
    )
    assert config(data, training={"languages": ["en"]}).trained_languages() == ("en",)


def test_withdrawn_questions_are_stated_beside_the_training(data):
    training = {"statements": ["Trained in: German."]}
    assert config(data, training=training).statements == ["Trained in: German."]
    stated = config(data, training=training, withdrawn="File:A.png (2 rows)").statements
    assert stated[1] == "The export with the questions has withdrawn data: File:A.png (2 rows)."
