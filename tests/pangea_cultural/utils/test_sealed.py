"""Sealed files: damage is found without hashing untouched files."""

import hashlib
import os

import pytest

from pangea_cultural.utils import sealed
from pangea_cultural.utils.sealed import is_intact, seal, write_sealed

CONTENT = b"content"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / f"{hashlib.sha256(CONTENT).hexdigest()}.png"
    write_sealed(path, CONTENT)
    return path


def test_untouched_file_is_not_hashed(file, monkeypatch):
    monkeypatch.setattr(sealed, "sha256_file", None)
    assert is_intact(file, len(CONTENT))


@pytest.mark.parametrize("damage", [b"", b"conten", b"contenT", b"content!"])
def test_written_file_is_damaged(file, damage):
    file.write_bytes(damage)
    assert not is_intact(file, len(CONTENT))


def test_truncated_file_is_damaged_though_its_time_is_kept(file):
    os.truncate(file, 3)
    seal(file)
    assert not is_intact(file, len(CONTENT))


def test_missing_file_and_folder_are_damaged(tmp_path):
    assert not is_intact(tmp_path / "missing", 0)
    assert not is_intact(tmp_path, tmp_path.stat().st_size)


def test_file_copied_without_its_time_is_hashed_once(file, monkeypatch):
    os.utime(file)
    assert is_intact(file, len(CONTENT))
    monkeypatch.setattr(sealed, "sha256_file", None)
    assert is_intact(file, len(CONTENT))
