"""Decompression of dumps: formats, truncated files, lbzip2."""

import bz2
import gzip
import shutil

import pytest
from backports import zstd

from factory.entities.sources import decompress
from factory.entities.sources.decompress import plain_text
from pangea_cultural.errors import UserError

TEXT = b"one\ntwo\n" * 20_000


@pytest.mark.parametrize(
    ("suffix", "compress"),
    [(".json", bytes), (".gz", gzip.compress), (".bz2", bz2.compress), (".zst", zstd.compress)],
)
def test_plain_text_is_equal_in_every_format(tmp_path, suffix, compress):
    path = tmp_path / f"dump{suffix}"
    path.write_bytes(compress(TEXT))
    with plain_text(path) as text:
        assert text.stream.read() == TEXT
        assert text.bytes_read() == path.stat().st_size


@pytest.mark.parametrize(
    ("suffix", "compress"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".zst", zstd.compress)]
)
def test_truncated_file_is_an_error(tmp_path, suffix, compress):
    path = tmp_path / f"dump.json{suffix}"
    content = compress(TEXT)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="broken or truncated"), plain_text(path) as text:
        text.stream.read()


@pytest.mark.parametrize("program", ["lbzip2", None])
def test_bzip2_is_read_with_and_without_lbzip2(tmp_path, monkeypatch, program):
    if program and not shutil.which(program):
        pytest.skip("no lbzip2 on this machine")
    monkeypatch.setattr(decompress.shutil, "which", lambda _: program)
    path = tmp_path / "dump.json.bz2"
    path.write_bytes(bz2.compress(TEXT) + bz2.compress(TEXT))  # several streams, as in dumps
    with plain_text(path) as text:
        assert text.stream.read() == TEXT * 2


def test_missing_file_is_an_error(tmp_path):
    with pytest.raises(UserError, match="Cannot read the dump"), plain_text(tmp_path / "none.json.gz"):
        pass
