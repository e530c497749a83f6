"""lighteval's own command line, without a network: its tasks come from a module or a file, its model is an endpoint."""

import logging
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

import evalsuite.lighteval_model
from evalsuite.benchmarks import lighteval_tasks
from evalsuite.lighteval import commands
from pangea_cultural.errors import UserError
from pangea_cultural.utils.files import read_json
from tests.evalsuite.benchmarks import made
from tests.helpers.servers.scripted_endpoint import ScriptedEndpoint

MODEL = evalsuite.lighteval_model.__file__


@pytest.fixture
def lighteval(tmp_path, monkeypatch):
    """Runs lighteval's commands in a folder that stands for the hub. Addresses beside this machine are refused."""
    app = commands()
    connect = socket.socket.connect

    def only_here(self, address):
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1"):
            raise AssertionError(f"lighteval connects to {address[0]}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", only_here)
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        return CliRunner().invoke(app, [*map(str, arguments)])

    return run


@pytest.mark.parametrize("tasks", ["evalsuite.benchmarks", lighteval_tasks.__file__], ids=["module", "file"])
def test_custom_model_is_asked_about_the_images_of_a_task(lighteval, tmp_path, monkeypatch, tasks):
    made.marvl(tmp_path)
    with ScriptedEndpoint(lambda body, number: "ndiyo", models=["tiny"]) as server:
        monkeypatch.setenv("PCULT_ENDPOINT", server.url)
        done = lighteval("custom", "tiny", MODEL, "marvl:sw|0", "--custom-tasks", tasks, "--output-dir", "out")
    assert done.exit_code == 0, done.output
    (file,) = Path("out").rglob("results_*.json")
    scores = read_json(file)["results"]["marvl:sw|0"]
    assert scores["marvl_robust"] == pytest.approx(2 / 3) and scores["marvl_unparsed"] == 0
    images = [part["type"] for part in server.bodies[0]["messages"][0]["content"]].count("image_url")
    assert len(server.bodies) == 3 and images == 1 and server.bodies[0]["model"] == "tiny"


def test_question_without_an_answer_ends_the_run(lighteval, tmp_path, monkeypatch):
    made.marvl(tmp_path)
    with ScriptedEndpoint(lambda body, number: 400, models=["tiny"]) as server:
        monkeypatch.setenv("PCULT_ENDPOINT", server.url)
        done = lighteval("custom", "tiny", MODEL, "marvl:sw|0", "--custom-tasks", "evalsuite.benchmarks")
    assert done.exit_code != 0 and "rejected a request" in str(done.exception)


def test_model_without_an_address_says_which_variable_it_needs(monkeypatch):
    monkeypatch.delenv("PCULT_ENDPOINT", raising=False)
    with pytest.raises(UserError, match=r"PCULT_ENDPOINT is not set\. Set it to the URL"):
        evalsuite.lighteval_model.OpenAIEndpoint(None)


def test_other_loggers_stay_on(lighteval):
    """lighteval's configuration switches off loggers that exist, also those of other tests in this process."""
    assert not logging.getLogger("pangea_cultural").disabled
