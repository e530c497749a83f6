"""Data sets in all formats: after a withdrawal they are refused, and written again they have nothing of it."""

import hashlib
import io
import shutil
import tarfile
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest

from factory.exchange.formats.registry import FORMATS
from pangea_cultural.dataset.export import Export
from pangea_cultural.dataset.manifest import DESCRIPTION, MANIFEST
from pangea_cultural.utils.files import read_json
from tests.factory.exchange import exported
from tests.factory.withdraw.test_in_place import remove
from tests.factory.withdraw.test_withdraw import copy
from tests.helpers import world

TITLE = "Castle 0 b.png"


@pytest.fixture(scope="module")
def cleaned(castles, tmp_path_factory):
    """Return the castles' export without an image, and the hash of the image."""
    folder = tmp_path_factory.mktemp("cleaned") / "castles"
    shutil.copytree(castles / "workspace/exports/castles", folder)
    (image,) = [row["image"] for row in Export.open(folder).images().to_pylist() if row["file"] == TITLE]
    remove(folder, "--image", TITLE)
    return Export.open(folder), Path(image).stem


def parts(name, content):
    """Yield name and content of a file, and of everything in it: members of archives, texts and images of rows."""
    if name in (DESCRIPTION, MANIFEST):
        manifest = orjson.loads(content)
        manifest.get("export", manifest).pop("withdrawn", None)  # the list that later readers follow
        content = orjson.dumps(manifest)
    yield name, content
    if ".tar" in name:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for member in archive:
                yield from parts(member.name, archive.extractfile(member).read())
    elif name.endswith(".parquet"):
        for row in pq.read_table(io.BytesIO(content)).to_pylist():
            if isinstance(row.get("image"), dict):
                yield row["image"]["path"], row["image"]["bytes"]
            yield name, repr(row).encode()


def traces(folder, digest):
    """Return the names of the parts that have an image, its hash, or its title."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        name
        for path in files
        for name, content in parts(path.name, path.read_bytes())
        if digest in name
        or hashlib.sha256(content).hexdigest() == digest
        or any(word.encode() in content for word in (digest, TITLE))
    }


@pytest.mark.parametrize("format", FORMATS)
def test_a_data_set_that_is_written_again_has_nothing_of_a_withdrawn_image(castle_export, cleaned, tmp_path, format):
    new, digest = cleaned
    folder = tmp_path / format
    exported.write(castle_export, format, folder)
    assert traces(folder, digest)
    if format == "native":
        remove(folder, "--image", TITLE)
        assert not traces(folder, digest)
    else:
        message = world.error_of("data", "withdraw", "--export", folder, "--image", TITLE)
        assert "Withdraw from the export, then write it again with --overwrite" in message
    exported.write(new, format, folder, overwrite=True)
    assert not traces(folder, digest)
    assert [item["file"] for item in read_json(folder / DESCRIPTION)["export"]["withdrawn"]] == [TITLE]


def test_data_sets_beside_the_exports_of_a_workspace_are_named(castles, in_formats, tmp_path):
    workspace = copy(castles / "workspace", tmp_path / "workspace")
    for format in FORMATS:
        shutil.copytree(in_formats / format, workspace / "exports" / format)
    result = world.pcult_json("data", "withdraw", "--workspace", workspace, "--image", TITLE, "--dry-run")
    assert {entry["name"] for entry in result["exports"]} == {"castles", "native"}
    named = [
        Path(problem.partition(" has or may have withdrawn data: File:")[0]).name for problem in result["problems"]
    ]
    assert named == sorted({*FORMATS} - {"native"})
