"""The second name of a served checkpoint, and probes of other endpoints."""

import pytest

from pangea_cultural.endpoint import client
from pangea_cultural.endpoint.client import Endpoint
from pangea_cultural.endpoint.failures import NoAnswerError
from pangea_cultural.endpoint.identity import PROBES, alias, identity_of
from tests.helpers.servers.scripted_endpoint import ScriptedEndpoint


def test_name_changes_with_every_file_that_answers_depend_on(tmp_path):
    def changed(name, content):
        before = alias("tiny", tmp_path)
        (tmp_path / name).write_text(content)
        return [
            old != new
            for old, new in zip(
                before.split("@")[1].split("."), alias("tiny", tmp_path).split("@")[1].split("."), strict=True
            )
        ]

    assert changed("model.safetensors", "1") == [True, False]
    assert changed("model-2.safetensors", "1") == [True, False]
    for name in ("config.json", "tokenizer.json", "chat_template.jinja"):
        assert changed(name, "{}") == [False, True]
    for name in ("training.json", "README.md", "notes.md"):
        assert changed(name, "{}") == [False, False]


def test_endpoint_that_rejects_probes_is_known_by_that_and_a_failure_is_not(monkeypatch):
    monkeypatch.setattr(client, "RETRIES", 0)
    with ScriptedEndpoint(lambda body, number: 400, models=["m"]) as server:
        assert set(identity_of(lambda: Endpoint(server.url)).probes) == {"rejected: status 400"}
        assert len(server.bodies) == len(PROBES)
    with ScriptedEndpoint(lambda body, number: 500, models=["m"]) as server, pytest.raises(NoAnswerError):
        identity_of(lambda: Endpoint(server.url))
