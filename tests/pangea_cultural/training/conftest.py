"""What trainings of a few steps begin with."""

import pytest

from pangea_cultural.workspace import Workspace
from tests.helpers import tiny


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    return tiny.checkpoint(tmp_path_factory.mktemp("start") / "random")


@pytest.fixture
def workspace(tmp_path):
    tiny.write_export(tmp_path / "exports/colors")
    return Workspace.create(tmp_path)
