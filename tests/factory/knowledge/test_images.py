"""The files of own images: names as rows have them, which lead nowhere else."""

import unicodedata

import pytest

from factory import fingerprints
from factory.images.sources.knowledge import DIFFERENT_TERMS, KnowledgeImages
from factory.images.sources.rows import OUTSIDE, UNREADABLE_FILE
from factory.knowledge.image_rows import read
from factory.recipe import load
from tests.factory.knowledge import dishes

ROW = {"entity": "dish_0", "author": "A. Cook", "license": "CC0-1.0"}
SPELLINGS = ("photos/café.png", "cafés/a.png")


def write(folder, name):
    """Write the dishes with a further image, and a file outside of their folder. Return recipe, title and that file."""
    recipe = dishes.write(folder / "in", [ROW | {"image": name}], number=1)
    outside = folder / "secret.png"
    outside.write_bytes((folder / "in/photos/dish_0_0.png").read_bytes())
    return recipe, f"Own/{name}", outside


def fetched(recipe, title):
    """Return what the source gives for a title: content or error."""
    with KnowledgeImages(list(load(recipe).sources)) as source:
        ((_, content),) = source.fetch([source.metadata([title])[title]])
    return content


def test_images_are_read_from_the_folder_of_the_table_only(tmp_path):
    recipe, title, outside = write(tmp_path, "photos/link.png")
    (tmp_path / "in/photos/link.png").symlink_to(outside)
    assert fetched(recipe, title).reason == OUTSIDE
    with KnowledgeImages(list(load(recipe).sources)) as source:
        assert source.metadata(["Own/nothing.png", "Castle.png"]).keys() == {"Own/nothing.png"}


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_decomposed_name_of_a_file_is_found(tmp_path, name):
    recipe, title, outside = write(tmp_path, name)
    path = tmp_path / "in" / unicodedata.normalize("NFD", name)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(outside.read_bytes())
    assert fetched(recipe, title) == outside.read_bytes()


def test_a_link_with_a_decomposed_name_does_not_leave_the_folder(tmp_path):
    recipe, title, outside = write(tmp_path, SPELLINGS[0])
    (tmp_path / "in" / unicodedata.normalize("NFD", SPELLINGS[0])).symlink_to(outside)
    assert fetched(recipe, title).reason == OUTSIDE


@pytest.mark.parametrize("letters", ["a" * 300, "é" * 100], ids=["long", "long when decomposed"])
def test_a_name_that_no_file_can_have_is_one_rejection(tmp_path, letters):
    recipe, title, _ = write(tmp_path, f"photos/{letters}.png")
    with KnowledgeImages(list(load(recipe).sources)) as source:
        (title,) = [row.title for row in read(source._rows._files) if letters[0] * 20 in row.title]
    assert fetched(recipe, title).reason == UNREADABLE_FILE
    assert fingerprints.images(load(recipe))


def test_rows_about_images_are_on_disk_while_they_are_read(tmp_path):
    recipe, _, _ = write(tmp_path, "photos/dish_0_0.png")
    with KnowledgeImages(list(load(recipe).sources), tmp_path / "scratch") as source:
        assert list(tmp_path.glob("scratch/*/rows"))
        title = "Own/photos/dish_0_0.png"
        infos = source.metadata([title, "Own/photos/dish_0_1.png"])
        assert infos[title].refused.reason == DIFFERENT_TERMS
        assert [info.title for info, _ in source.fetch(infos.values())] == list(infos)
    assert not (tmp_path / "scratch").exists()


def test_a_changed_image_changes_the_fingerprint(tmp_path):
    recipe, _, _ = write(tmp_path, "photos/dish_0_0.png")
    before = fingerprints.images(load(recipe))
    (tmp_path / "in/photos/dish_0_0.png").write_bytes(b"other")
    assert fingerprints.images(load(recipe)) != before
