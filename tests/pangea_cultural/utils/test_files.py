"""Atomic replacement of folders, also when the process is killed."""

import itertools
import signal
import subprocess
import sys

import pytest

from pangea_cultural.utils.files import atomic_folder, restore_folder

OLD, NEW = {"a": "old", "c": "old"}, {"a": "new", "b": "new"}
KILLED_BEFORE_A_CHANGE = """
import os, signal, sys
from pathlib import Path
from pangea_cultural.utils.files import atomic_folder
left = int(sys.argv[2])
def counted(call):
    def count_and_call(*arguments, **options):
        global left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*arguments, **options)
    return count_and_call
for name in ("rename", "unlink", "rmdir", "mkdir"):
    setattr(os, name, counted(getattr(os, name)))
with atomic_folder(Path(sys.argv[1])) as folder:
    for name in "ab":
        (folder / name).write_text("new")
"""


def write(folder, contents):
    folder.mkdir(parents=True)
    for name, text in contents.items():
        (folder / name).write_text(text)


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def replace(folder, change=0):
    """Replace the old files in a process that is killed before its n-th change to the disk."""
    command = [sys.executable, "-c", KILLED_BEFORE_A_CHANGE, str(folder), str(change)]
    return subprocess.run(command, stderr=subprocess.PIPE).returncode


def test_folder_is_complete_whenever_its_replacement_is_killed(tmp_path):
    for change in itertools.count(1):
        folder = tmp_path / str(change) / "folder"
        write(folder, OLD)
        if replace(folder, change) != -signal.SIGKILL:
            break
        left = {path.name: contents(path) for path in folder.parent.iterdir()}
        assert OLD in left.values() or NEW in left.values(), f"before change {change}"
        assert left.get("folder", OLD) in (OLD, NEW), f"before change {change}"
        assert replace(folder) == 0
        assert [path.name for path in folder.parent.iterdir()] == ["folder"], f"before change {change}"
        assert contents(folder) == NEW
    assert change > 5


def test_restore_folder_restores_the_old_folder(tmp_path):
    write(tmp_path / ".folder.replaced", OLD)
    restore_folder(tmp_path / "folder")
    assert contents(tmp_path / "folder") == OLD
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_replacement_keeps_a_similar_folder_of_the_user(tmp_path):
    write(tmp_path / "folder", OLD)
    write(tmp_path / ".folder.old", {"mine": "own"})
    with atomic_folder(tmp_path / "folder") as folder:
        write(folder / "inside", NEW)
    assert contents(tmp_path / ".folder.old") == {"mine": "own"}


def test_failed_replacement_keeps_the_old_folder(tmp_path):
    write(tmp_path / "folder", OLD)
    with pytest.raises(ValueError, match="half-way"), atomic_folder(tmp_path / "folder") as folder:
        (folder / "a").write_text("new")
        raise ValueError("half-way")
    assert contents(tmp_path / "folder") == OLD
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
