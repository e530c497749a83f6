"""The stage `split`: unseen categories, images that look the same, held-out entities."""

import numpy as np
import pyarrow as pa
import pytest

from factory.recipe import load
from factory.splits import signatures
from factory.splits import stage as splits
from factory.splits.config import SplitConfig
from factory.store.store import Store
from pangea_cultural.dataset.export import Export
from pangea_cultural.errors import UserError
from pangea_cultural.utils.console import Reporter
from tests.factory.questions.question_store import Thing, fill
from tests.helpers import world

QUIET = Reporter(quiet=True)


def test_images_of_an_unseen_category_are_all_in_unseen(castles):
    export = Export.open(castles / "workspace/exports/castles")
    with Store.open(castles / "workspace/store.duckdb", read_only=True) as store:
        others = {row[0] for row in store.rows("SELECT 'images/' || path FROM image WHERE file LIKE '%e.png'")}
    assert others == {row.image for row in export.questions("unseen")}


def split_of(folder, things, **config):
    """The split of each file after the stage, and the parts of held-out entities."""
    with Store.open(folder / "store.duckdb") as store:
        fill(store, things)
        splits.run(store, SplitConfig(**config), seed=0)
        files = dict(store.rows("SELECT file, split FROM image JOIN split USING (image)"))
        return files, dict(store.rows("FROM held_out_entity"))


def things(number=40, **fields):
    return [Thing(f"Q{n}", images=(f"{n}a", f"{n}b"), **fields) for n in range(1, number)]


def test_entities_of_a_held_out_region_are_in_unseen(tmp_path):
    kenyan = Thing("Q1000", region="kenya", images=("k",))
    files, held_out = split_of(tmp_path, [*things(), kenyan], held_out_regions=("kenya",))
    assert held_out == {"Q1000": "region"}
    assert [file for file, split in files.items() if split == "unseen"] == ["k.png"]


def test_entities_of_a_held_out_type_are_in_unseen(tmp_path):
    dish = Thing("Q1000", type="food", images=("d",))
    files, held_out = split_of(tmp_path, [*things(), dish], held_out_types=("food",))
    assert held_out == {"Q1000": "type"} and files["d.png"] == "unseen"


def test_a_share_of_the_entities_is_held_out_with_all_images(tmp_path):
    files, held_out = split_of(tmp_path, things(), held_out_entities=0.3)
    assert 0.1 < len(held_out) / 39 < 0.5
    unseen = {file for file, split in files.items() if split == "unseen"}
    assert unseen == {f"{entity[1:]}{letter}.png" for entity in held_out for letter in "ab"}


def test_entities_that_share_an_image_with_a_held_out_one_are_held_out_too(tmp_path):
    chain = [
        Thing("Q1000", region="kenya", images=("one",)),
        Thing("Q1001", images=("one", "two")),
        Thing("Q1002", images=("two", "three")),
    ]
    files, held_out = split_of(tmp_path, [*things(), *chain], held_out_regions=("kenya",))
    assert held_out == {"Q1000": "region", "Q1001": "related", "Q1002": "related"}
    assert {files[f"{name}.png"] for name in ("one", "two", "three")} == {"unseen"}


def test_nothing_left_for_train_is_an_error(tmp_path):
    with pytest.raises(UserError, match="No image is left for train"):
        split_of(tmp_path, things(10), held_out_regions=("germany",))


def mark_alike(store, *groups):
    """Give the images of each group one signature, and all others random ones."""
    draw = np.random.default_rng(0)
    images = dict(store.rows("SELECT file, image FROM image ORDER BY file"))
    hashes = {file: draw.bytes(32) for file in images}
    for group in groups:
        hashes |= dict.fromkeys(group, hashes[group[0]])
    rows = [{"image": images[file], "hash": hashes[file], "colors": bytes(32)} for file in images]
    store.append("image_signature", pa.Table.from_pylist(rows))


def test_images_that_look_the_same_are_in_one_split(tmp_path):
    files = [f"{n}{letter}.png" for n in range(1, 40) for letter in "ab"]
    groups = [files[start : start + 3] for start in range(0, len(files) - 2, 3)]
    with Store.open(tmp_path / "store.duckdb") as store:
        fill(store, things())
        mark_alike(store, *groups)
        found = {}
        for near_duplicates in (True, False):
            splits.run(store, SplitConfig(dev=0.3, test=0.3, near_duplicates=near_duplicates), seed=0)
            found[near_duplicates] = dict(store.rows("SELECT file, split FROM image JOIN split USING (image)"))
    assert all(len({found[True][file] for file in group}) == 1 for group in groups)
    assert len({*found[True].values()}) > 1
    assert any(len({found[False][file] for file in group}) > 1 for group in groups)


def test_an_image_that_looks_like_one_of_a_held_out_entity_is_held_out_with_its_entity(tmp_path):
    with Store.open(tmp_path / "store.duckdb") as store:
        fill(store, [*things(), Thing("Q1000", region="kenya", images=("k",))])
        mark_alike(store, ["k.png", "7a.png"])
        splits.run(store, SplitConfig(held_out_regions=("kenya",)), seed=0)
        assert dict(store.rows("FROM held_out_entity")) == {"Q1000": "region", "Q7": "related"}
        unseen = store.rows("SELECT file FROM image JOIN split USING (image) WHERE split = 'unseen' ORDER BY file")
    assert unseen == [("7a.png",), ("7b.png",), ("k.png",)]


def test_signatures_are_computed_once_and_unreadable_files_are_rejections(castles, tmp_path):
    with Store.open(castles / "workspace/store.duckdb", read_only=True) as store:
        images = store.table("FROM image ORDER BY image")
        before = store.rows("FROM image_signature ORDER BY image")
    with Store.open(tmp_path / "store.duckdb") as store:
        store.append("image", images)
        signatures.update(store, castles / "workspace/images", QUIET)
        assert store.rows("FROM image_signature ORDER BY image") == before
        signatures.update(store, tmp_path, QUIET)
        assert store.value("SELECT count(*) FROM rejection") == 0
        store.execute("DELETE FROM image_signature WHERE image = ?", [before[0][0]])
        signatures.update(store, tmp_path, QUIET)
        assert store.rows("SELECT stage, item, unit FROM rejection") == [("split", before[0][0], "file")]


def test_unknown_types_and_regions_are_errors_that_name_near_ones(tmp_path):
    recipe = world.write(tmp_path)
    text = recipe.read_text()
    for key, name, near in (("held_out_types", "fod", "food"), ("held_out_regions", "kenia", "kenya")):
        recipe.write_text(text.replace("[split]", f'[split]\n{key} = ["{name}"]'))
        with pytest.raises(UserError, match=f"Did you mean {near}"):
            load(recipe)
