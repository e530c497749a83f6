"""Extraction of hostile archives: nothing outside the folder, no links, no bombs, no half folder."""

import io
import os
import stat
import tarfile
import zipfile

import pytest

from pangea_cultural.errors import UserError
from pangea_cultural.utils.archives import Limits, extract
from tests.helpers.store_contents import files

OUTSIDE = [
    "../evil",
    "/tmp/evil",
    "a/../../evil",
    "./../evil",
    "a/b/../../../evil",
    "..",
    "\\\\evil",
    "C:/evil",
    "a\\..\\..\\evil",
]
LINKS = {
    "symbolic link": (tarfile.SYMTYPE, "/etc/passwd"),
    "hard link": (tarfile.LNKTYPE, "good.txt"),
    "character device": (tarfile.CHRTYPE, ""),
    "block device": (tarfile.BLKTYPE, ""),
    "fifo": (tarfile.FIFOTYPE, ""),
}


def write_tar(path, *members, mode="w:gz"):
    """Write a tar of names with contents, or of `TarInfo`."""
    with tarfile.open(path, mode) as archive:
        for member, content in members:
            entry = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def write_zip(path, *members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members:
            archive.writestr(member, content)
    return path


def assert_refused(tmp_path, archive, match, **limits):
    before = {path.name for path in tmp_path.iterdir()}
    with pytest.raises(UserError, match=match):
        extract(archive, tmp_path / "new", Limits(**limits))
    assert {path.name for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_files_of_a_tar_are_extracted(tmp_path, mode):
    archive = write_tar(
        tmp_path / "a.tar", ("./x/a.txt", b"a"), ("x//b.txt", b""), ("\u0439.txt", b"b" * 3_000_000), mode=mode
    )
    assert extract(archive, tmp_path / "new") == 3
    assert files(tmp_path / "new") == {"x/a.txt": b"a", "x/b.txt": b"", "\u0439.txt": b"b" * 3_000_000}


def test_files_of_a_zip_are_extracted(tmp_path):
    archive = write_zip(tmp_path / "a.zip", ("x/", b""), ("x/a.txt", b"a"), ("b.txt", b"b"))
    assert extract(archive, tmp_path / "new") == 2
    assert files(tmp_path / "new") == {"x/a.txt": b"a", "b.txt": b"b"}


@pytest.mark.parametrize("name", OUTSIDE)
def test_name_outside_the_folder_refuses_the_archive(tmp_path, name):
    assert_refused(tmp_path, write_tar(tmp_path / "a.tar.gz", ("good.txt", b"x"), (name, b"evil")), "leaves the folder")
    entry = zipfile.ZipInfo("x")
    entry.filename = name  # the constructor would change it
    # zipfile itself reads a backslash as it is on Linux.
    assert_refused(tmp_path, write_zip(tmp_path / "a.zip", (entry, b"evil")), "leaves the folder")


@pytest.mark.parametrize("kind", list(LINKS))
def test_link_or_device_refuses_the_archive(tmp_path, kind):
    entry = tarfile.TarInfo("link")
    entry.type, entry.linkname = LINKS[kind]
    archive = write_tar(tmp_path / "a.tar.gz", ("good.txt", b"x"), (entry, b""), ("link/evil.txt", b"evil"))
    assert_refused(tmp_path, archive, "link or a device")


def test_symbolic_link_in_a_zip_refuses_the_archive(tmp_path):
    entry = zipfile.ZipInfo("link")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    assert_refused(tmp_path, write_zip(tmp_path / "a.zip", (entry, "/etc/passwd")), "link or a device")


def test_name_that_occurs_twice_refuses_the_archive(tmp_path):
    assert_refused(tmp_path, write_tar(tmp_path / "a.tar", ("a", b"1"), ("a", b"2"), mode="w"), "occurs twice")
    assert_refused(tmp_path, write_tar(tmp_path / "a.tar", ("a", b"1"), ("a/b", b"2"), mode="w"), "occurs twice")


@pytest.mark.parametrize("name", ["a" * 300, "/".join(["abcdefgh"] * 600), "."])
def test_name_that_no_file_can_have_refuses_the_archive(tmp_path, name):
    assert_refused(tmp_path, write_tar(tmp_path / "a.tar", (name, b"1"), mode="w"), "not the name of a file")


def test_bomb_refuses_the_archive_before_it_fills_the_disk(tmp_path):
    zeros = bytes(20_000_000)
    for archive in (write_tar(tmp_path / "a.tar.gz", ("a", zeros)), write_zip(tmp_path / "a.zip", ("a", zeros))):
        assert_refused(tmp_path, archive, "more than 100 times its size", free_bytes=1_000_000)
        assert_refused(tmp_path, archive, "20,000,000 bytes", file_bytes=1_000_000)


def test_too_many_files_refuse_the_archive(tmp_path):
    archive = write_tar(tmp_path / "a.tar", *[(f"{number}", b"") for number in range(5)], mode="w")
    assert_refused(tmp_path, archive, "more than 4 files", files=4)


def test_zip_that_states_a_small_size_writes_no_more(tmp_path):
    archive = write_zip(tmp_path / "a.zip", ("a", bytes(1_000_000)))
    content = archive.read_bytes()
    # The size is in the header of the file and in the directory at the end.
    archive.write_bytes(content.replace((1_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with pytest.raises(UserError):
        extract(archive, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_encrypted_zip_is_refused(tmp_path):
    archive = write_zip(tmp_path / "a.zip", ("a", b"x"))
    content = bytearray(archive.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)
    assert_refused(tmp_path, archive, "encrypted")


@pytest.mark.parametrize("name", ["a.tar.gz", "a.zip", "a.tar.xz"])
def test_truncated_or_foreign_archive_is_one_line(tmp_path, name):
    noise = os.urandom(200_000)
    writers = {"a.tar.gz": write_tar, "a.zip": write_zip}
    if name == "a.tar.xz":
        archive = write_tar(tmp_path / name, ("a", noise), mode="w:xz")
    else:
        archive = writers[name](tmp_path / name, ("a", noise))
    whole = archive.read_bytes()
    for content in (whole[:100_000], b"not an archive", b""):
        archive.write_bytes(content)
        assert_refused(tmp_path, archive, "is broken")


def test_failed_extraction_keeps_the_earlier_folder(tmp_path):
    extract(write_tar(tmp_path / "a.tar", ("a", b"1"), mode="w"), tmp_path / "new")
    with pytest.raises(UserError):
        extract(write_tar(tmp_path / "b.tar", ("a", b"2"), ("../b", b"2"), mode="w"), tmp_path / "new")
    assert files(tmp_path / "new") == {"a": b"1"}
