"""Fixtures of several packages: a tiny checkpoint, its export, and one real vLLM server per session."""

import psutil
import pytest

from pangea_cultural.dataset.export import Export
from tests.helpers import tiny
from tests.helpers.processes import still_running


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Distribute tests by group, slow groups first."""
    from tests.xdist_scheduler import GroupScheduling

    config.option.loadscopereorder = False
    return GroupScheduling(config, log)


def pytest_collection_modifyitems(items):
    """Order tests for several workers; the order within a file stays."""
    from tests.xdist_scheduler import rank

    items.sort(key=lambda item: rank(item.nodeid.partition("::")[0]))


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
