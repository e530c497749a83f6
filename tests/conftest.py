"""What tests of several rooms share: one tiny checkpoint and one real vLLM server over it."""

import pytest

from pangea_cultural.dataset.export import Export
from tests.helpers import tiny


@pytest.fixture(scope="session")
def workspace(tmp_path_factory):
    """A workspace with an export and a checkpoint with random weights, which has been converted there and back: what
    serves it, serves converted checkpoints.
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
    """A real vLLM server on the checkpoint; it asks for a key, as a team's server does."""
    from serve.server import Server

    with Server(workspace / "checkpoints/tiny", log=workspace / "logs/vllm.log", api_key="secret") as running:
        yield running
