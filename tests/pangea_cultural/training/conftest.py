"""Fixtures for training runs of a few steps."""

import shutil

import pytest

from pangea_cultural.workspace import Workspace
from tests.helpers import tiny


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    """A checkpoint with random weights."""
    return tiny.checkpoint(tmp_path_factory.mktemp("base") / "random")


@pytest.fixture(scope="session")
def export_folder(tmp_path_factory):
    """An export, to copy."""
    folder = tmp_path_factory.mktemp("export") / "colors"
    tiny.write_export(folder)
    return folder


@pytest.fixture
def new_workspace(export_folder):
    """A function that creates a workspace with an export."""

    def create(root):
        shutil.copytree(export_folder, root / "exports/colors")
        return Workspace(root).create()

    return create


@pytest.fixture
def workspace(tmp_path, new_workspace):
    """A workspace with an export."""
    return new_workspace(tmp_path)


@pytest.fixture(scope="module")
def shared_workspace(tmp_path_factory, export_folder):
    """A workspace with an export, for tests that do not change it."""
    root = tmp_path_factory.mktemp("shared")
    shutil.copytree(export_folder, root / "exports/colors")
    return Workspace(root).create()
