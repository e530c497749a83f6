"""Tar archives: the bytes that tarfile writes, from contents in parts."""

import io
import tarfile

import pytest

from factory.exchange.formats.archives import Archive


@pytest.mark.parametrize("sizes", [[], [0], [512], [1, 5000, 10_239], [10_240 - 512]])
def test_archive_has_the_bytes_of_tarfile(sizes):
    files = {f"folder/{number}.jpg": bytes([number]) * size for number, size in enumerate(sizes)}
    expected, written = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=expected, mode="w|", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    with Archive(written) as archive:
        for name, content in files.items():
            archive.add(name, content[:100], memoryview(content)[100:])
    assert written.getvalue() == expected.getvalue()
