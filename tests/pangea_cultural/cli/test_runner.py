"""The runner of workflows: commands, times and served checkpoints."""

import click
import pytest

from pangea_cultural.cli.workflows.runner import WorkflowRunner
from pangea_cultural.utils.console import Reporter
from pangea_cultural.workspace import Workspace
from serve.server import VLLM_MODULE
from tests.helpers.servers import vllm_stub


@pytest.fixture
def runner(tmp_path):
    return WorkflowRunner(Workspace(tmp_path), Reporter(quiet=True))


def test_step_returns_its_result_and_records_its_time(runner):
    assert runner.step("first", "First step", lambda: 3) == 3
    runner.step("second", "Second step", lambda: None)
    assert list(runner.seconds) == ["first", "second"] and min(runner.seconds.values()) >= 0


def test_pcult_returns_the_output_and_records_the_command(runner):
    assert runner.pcult("--version", as_json=False).startswith("pcult, version")
    assert runner.commands == ["pcult --version"]


def test_failed_command_exits_with_its_code(runner, tmp_path, capfd):
    with pytest.raises(click.exceptions.Exit) as failed:
        runner.pcult("train", "no-such-recipe", "--workspace", tmp_path)
    assert failed.value.exit_code == 1
    assert capfd.readouterr().err.count("\n") == 1, "the command has printed the error"


def test_serve_records_a_command_with_the_port_of_the_endpoint(runner, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", vllm_stub.install(tmp_path / "stub", VLLM_MODULE))
    checkpoint = vllm_stub.write_checkpoint(tmp_path / "tiny")
    with runner.serve(checkpoint) as url:
        port = url.removeprefix("http://127.0.0.1:").removesuffix("/v1")
        assert runner.commands == [f"pcult serve {checkpoint} --port {port}"]
