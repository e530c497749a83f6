"""Withdrawn images of published data: known by title, license and content, whatever their paths are."""

import hashlib
import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from factory.exchange.imports import importer
from factory.exchange.imports.importer import ImportOptions
from pangea_cultural.dataset.check import check
from pangea_cultural.dataset.export import Export
from pangea_cultural.dataset.withdrawal import WithdrawalList, WithdrawnImage, WithdrawnLicense
from pangea_cultural.utils.console import Reporter
from tests.helpers import tiny
from tests.helpers.source_rows import culturalground_object


def run(path, folder, format, *items):
    options = ImportOptions(format=format, name="imported", license="CC0", author="N. N.")
    withdrawn = WithdrawalList(withdrawn=items)
    return importer.run(path, folder, options, withdrawn=withdrawn, overwrite=False, reporter=Reporter(quiet=True))


@pytest.fixture
def twice(tmp_path):
    """Return published rows of three images. The first two have equal contents."""
    folder = tmp_path / "published"
    images = folder / "CultureGroundImages/japan"
    images.mkdir(parents=True)
    tiny.image("Q1", 0).save(images / "1.jpg")
    shutil.copyfile(images / "1.jpg", images / "2.jpg")
    tiny.image("Q3", 0).save(images / "3.jpg")
    rows = [culturalground_object(id=f"Q{number}_P17", image=f"x/japan/{number}.jpg") for number in (1, 2, 3)]
    (folder / "CulturalGround-OE-Filtered-14M.json").write_text(json.dumps(rows))
    return folder


@pytest.mark.parametrize("title", ["1.jpg", "2.jpg"])
def test_an_image_withdrawn_by_title_is_withdrawn_under_its_other_path(twice, tmp_path, title):
    imported = run(twice, tmp_path / "new", "culturalground", WithdrawnImage(file=title))
    assert imported.rejected == {"withdrawn": 2} and imported.images == 1
    new = Export.open(tmp_path / "new")
    (image,) = new.images()["image"].to_pylist()
    assert [path.relative_to(new.path).as_posix() for path in new.path.glob("images/*/*.jpg")] == [image]
    assert check(new) == []


def write_credits(folder, licenses, suffix):
    """Write a table of images with no other columns: names by content, and the license by the number of the image."""
    rows = []
    for number, license in licenses.items():
        content = (folder / f"CultureGroundImages/japan/{number}.jpg").read_bytes()
        rows.append({"image": f"images/{hashlib.sha256(content).hexdigest()}.{suffix}", "license": license})
    pq.write_table(pa.Table.from_pylist(rows), folder / "images.parquet")


@pytest.mark.parametrize("suffix", ["jpg", "jpeg"])
def test_an_image_of_a_withdrawn_license_is_known_by_its_content_whatever_its_suffix_is(twice, tmp_path, suffix):
    write_credits(twice, {1: "CC BY 4.0", 3: "CC0"}, suffix)
    imported = run(twice, tmp_path / "new", "culturalground", WithdrawnLicense(license="CC BY 4.0"))
    assert imported.rejected == {"withdrawn": 2} and imported.images == 1
    (image,) = Export.open(tmp_path / "new").images().to_pylist()
    assert image["license"] == "CC0"
