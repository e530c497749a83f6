"""The identity of the model, and the fingerprint of an evaluation."""

import dataclasses

import pytest

from evalsuite.harness import pipeline, runner
from evalsuite.harness.subject import Subject
from pangea_cultural.endpoint.client import Endpoint
from pangea_cultural.endpoint.identity import Identity, digest
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


def names(folder):
    return {path.name for path in folder.iterdir()}


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
