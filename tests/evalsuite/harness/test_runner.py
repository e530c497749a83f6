"""Reuse of a run folder, and the fingerprint of an evaluation."""

import contextlib
import dataclasses
from pathlib import Path

import pytest
from click.testing import CliRunner

from evalsuite.harness import pipeline, run_folder, runner
from evalsuite.harness.subject import Subject
from pangea_cultural.cli.main import pcult
from pangea_cultural.endpoint.client import Endpoint
from pangea_cultural.endpoint.identity import Identity, digest
from pangea_cultural.errors import UserError
from pangea_cultural.utils.files import sha256_file, write_json
from tests.helpers import tiny
from tests.helpers.servers.scripted_endpoint import ScriptedEndpoint


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny.write_export(tmp_path_factory.mktemp("data") / "export")


def config(data, **changes):
    settings = {
        "identity": Identity(model="tiny", weights="1f", files="2f", server="0.1"),
        "training": {},
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


@pytest.mark.parametrize("part", ["weights", "files", "server", "model", "probes"])
def test_fingerprint_depends_on_what_the_endpoint_serves(data, part):
    other = dataclasses.replace(config(data).identity, **{part: ("a",) if part == "probes" else "3f"})
    assert config(data, identity=other).fingerprint() != config(data).fingerprint()
    # A record on this machine changes nothing.
    assert config(data, training={"seed": 1}).fingerprint() == config(data).fingerprint()


def asked_subject(endpoint, checkpoints):
    return Subject.ask(lambda: Endpoint(endpoint.url, model="tiny"), checkpoints)


def test_record_is_that_of_the_served_weights_and_not_of_the_name(tmp_path):
    for name, weights in (("tiny", b"trained"), ("other", b"random")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(weights)
        hashes = {"model.safetensors": sha256_file(tmp_path / name / "model.safetensors")}
        write_json(tmp_path / name / "training.json", {"name": name, "languages": ["en"], "weights_sha256": hashes})
    served = {"model.safetensors": sha256_file(tmp_path / "other/model.safetensors")}
    with ScriptedEndpoint(lambda body, number: "x", models=["tiny", f"tiny@{digest(served)}.{'0' * 32}"]) as endpoint:
        subject = asked_subject(endpoint, sorted(tmp_path.glob("*")))
        assert endpoint.bodies == [], "weights need no probes"
    assert subject.training["name"] == "other"
    assert subject.about()["weights_sha256"] == served and subject.language_group("de") == "held-out"


def test_endpoint_that_does_not_tell_its_weights_is_unknown(tmp_path):
    (tmp_path / "tiny").mkdir()
    write_json(tmp_path / "tiny/training.json", {"languages": ["en"], "weights_sha256": {}})
    with ScriptedEndpoint(lambda body, number: "first", models=["tiny"]) as endpoint:
        subject = asked_subject(endpoint, [tmp_path / "tiny"])
        assert asked_subject(endpoint, []).identity == subject.identity
    with ScriptedEndpoint(lambda body, number: "second", models=["tiny"]) as endpoint:
        assert asked_subject(endpoint, []).identity != subject.identity, "other answers are another model"
    assert subject.training == {} and subject.language_group("en") == "unknown"
    assert subject.about()["weights_sha256"] is None
    (sentence,) = subject.statements
    assert "does not tell its weights" in sentence and "languages of the training are unknown" in sentence


def test_languages_of_an_unknown_training_are_unknown(data):
    assert config(data).trained_languages() == ()
    assert config(data).asked_languages() == ("de", "en", "nl")
    known = config(data, training={"languages": ["en"]})
    assert known.trained_languages() == ("en",) and known.asked_languages() == ("en", "nl")


def test_withdrawn_questions_are_stated_beside_the_training(data):
    training = {"statements": ["Trained in: German."]}
    assert config(data, training=training).statements == ["Trained in: German."]
    stated = config(data, training=training, withdrawn="File:A.png (2 rows)").statements
    assert stated[1] == "The export with the questions has withdrawn data: File:A.png (2 rows)."
