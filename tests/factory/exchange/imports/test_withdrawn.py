"""Withdrawn images of published data: known by title, license and content, whatever their paths are."""

import json
import shutil

import pytest

from factory.exchange.imports import importer
from factory.exchange.imports.importer import ImportOptions
from pangea_cultural.dataset.check import check
from pangea_cultural.dataset.export import Export
from pangea_cultural.dataset.withdrawal import WithdrawalList, WithdrawnImage
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
