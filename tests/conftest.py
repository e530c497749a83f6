"""Fixtures of several packages: a tiny checkpoint, its export, and one real vLLM server per session."""

import psutil
import pytest

from pangea_cultural.dataset.export import Export
from tests.helpers import tiny
from tests.helpers.processes import still_running


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Run all tests that need vLLM in one worker of pytest-xdist, so that the server starts once.

    The hook runs first, because xdist reads the groups in its own hook.
    """
    for item in items:
        if item.get_closest_marker("serving"):
            item.add_marker(pytest.mark.xdist_group("serving"))


@pytest.fixture(scope="session")
def workspace(tmp_path_factory):
    """A workspace with an export and a checkpoint with random weights.

    The checkpoint was converted to the original layout and back, so that serving it tests converted checkpoints.
    """
    from pangea_cultural.model.convert import convert

    folder = tmp_path_factory.mktemp("workspace")
    tiny.write_export(folder / "exports/sample")
    convert(tiny.checkpoint(folder / "random"), folder / "original")
    convert(folder / "original", folder / "checkpoints/tiny")
    return folder


@pytest.fixture(scope="session")
def export(workspace) -> Export:
    return Export.open(workspace / "exports/sample")


@pytest.fixture(scope="session")
def server(workspace):
    """A real vLLM server of the checkpoint, with an API key."""
    from serve.server import Server

    with Server(workspace / "checkpoints/tiny", log=workspace / "logs/vllm.log", api_key="secret") as running:
        family = [psutil.Process(running.pid), *psutil.Process(running.pid).children(recursive=True)]
        yield running
    assert still_running(family) == [], "the server was stopped with its workers"
