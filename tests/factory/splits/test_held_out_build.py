"""A build that holds entities out: nothing of them is in train, and the check proves it from the exported files."""

import shutil

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from factory.store.store import Store
from pangea_cultural.dataset.check import check
from pangea_cultural.dataset.export import MANIFEST, Export
from pangea_cultural.dataset.question import QUESTION_SCHEMA
from pangea_cultural.utils.files import sha256_file
from tests.helpers import world

HELD_OUT = '[split]\nheld_out_regions = ["kenya"]\nheld_out_entities = 0.01\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A build of castles that holds out Kenya's, Q9005, whose name is an answer about Germany's."""
    folder = tmp_path_factory.mktemp("held_out")
    recipe = world.write(folder / "world")
    rows = [*world.documents()]
    german = next(row for row in rows if row["id"] == "Q9002")
    german["claims"]["P138"] = [world.item("Q9005")]
    text = recipe.read_text().replace("[split]", HELD_OUT).replace('"P17", "P571"', '"label", "P17", "P571", "P138"')
    world.lay_out(folder / "world", text.replace(world.SOURCE, ""), rows)
    world.build(recipe, folder / "keep")
    recipe.write_text(recipe.read_text().replace(HELD_OUT, HELD_OUT + 'held_out_names = "drop"\n'))
    world.build(recipe, folder / "drop")
    return folder


def opened(folder):
    return Export.open(folder / "exports/castles")


def test_train_has_neither_the_region_nor_its_entity(folder):
    export = opened(folder / "keep")
    train = export.table("train")
    assert "kenya" not in train["region"].to_pylist() and "Q9005" not in train["entity"].to_pylist()
    unseen = export.table("unseen").filter(pc.equal(export.table("unseen")["entity"], "Q9005"))
    assert len(set(unseen["image"].to_pylist())) == 5
    assert check(export) == []


def test_names_of_held_out_entities_are_counted_or_dropped(folder):
    kept, dropped = opened(folder / "keep"), opened(folder / "drop")
    named = [row for row in kept.questions("train") if row.property == "P138"]
    assert named and {row.answer for row in named} == {"Castle 5", "Schloss 5"}
    assert kept.manifest["held_out"] == {"entities": {"region": 1}, "answers_in_train": len(named)}
    assert not any(row.property == "P138" for row in dropped.questions("train"))
    assert dropped.manifest["held_out"]["answers_in_train"] == 0
    assert check(dropped) == []
    with Store.open(folder / "drop/store.duckdb", read_only=True) as store:
        reasons = dict(store.rows("SELECT reason, sum(items) FROM rejection WHERE stage = 'questions' GROUP BY ALL"))
        inputs, kept_rows = store.rows("SELECT inputs, kept FROM stage WHERE name = 'questions'")[0]
        rejected = store.value("SELECT sum(items) FROM rejection WHERE stage = 'questions' AND unit = ''")
    assert reasons["answer is the name of a held-out entity"] == 2 * len(named)
    assert inputs == kept_rows + rejected


def tampered(folder, target, *, move=lambda row: False, **recipe):
    """A copy of the export with some rows of unseen moved to train, and other keys in the recipe's table `split`."""
    shutil.copytree(folder / "exports/castles", target)
    export = Export.open(target)
    rows = {split: export.table(split).to_pylist() for split in ("train", "unseen")}
    rows["train"] += [row for row in rows["unseen"] if move(row)]
    rows["unseen"] = [row for row in rows["unseen"] if not move(row)]
    manifest = export.manifest
    for split, content in rows.items():
        path = target / f"questions-{split}.parquet"
        pq.write_table(pa.Table.from_pylist(content, schema=QUESTION_SCHEMA), path)
        manifest["files"][path.name] = sha256_file(path)
        manifest["questions"][split] = len(content)
    manifest["recipe"]["split"] |= recipe
    (target / MANIFEST).write_bytes(orjson.dumps(manifest))
    return check(Export.open(target))


def test_check_finds_rows_of_held_out_entities(folder, tmp_path):
    problems = tampered(
        folder / "keep", tmp_path / "export", move=lambda row: row["entity"] == "Q9005" and row["language"] != "nl"
    )
    assert any("train: rows of held-out region kenya" in line for line in problems)
    assert any("train: 1 held-out entities, such as Q9005" in line for line in problems)
    assert any("images of held-out entities" in line for line in problems)


def test_check_finds_entities_of_the_held_out_share(folder, tmp_path):
    problems = tampered(folder / "keep", tmp_path / "export", held_out_entities=0.9)
    assert len(problems) == 1 and "entities of the held-out share, such as Q900" in problems[0]


def test_check_finds_held_out_types(folder, tmp_path):
    kinds = set(opened(folder / "keep").table("train")["entity_type"].to_pylist())
    problems = tampered(folder / "keep", tmp_path / "export", held_out_types=sorted(kinds))
    assert problems == [f"train: rows of held-out type {kind}" for kind in sorted(kinds)]


def test_check_finds_names_that_the_recipe_drops(folder, tmp_path):
    problems = tampered(folder / "keep", tmp_path / "export", held_out_names="drop")
    assert len(problems) == 1 and "rows with the name of a held-out entity as answer" in problems[0]


def test_check_finds_images_that_look_like_training_images(folder, tmp_path):
    target = tmp_path / "export"
    shutil.copytree(folder / "keep/exports/castles", target)
    export = Export.open(target)
    source, other = (export.table(split)["image"][0].as_py() for split in ("train", "test"))
    # The same pixels in a file of other bytes.
    world.Image.open(target / source).save(target / other, compress_level=0)
    problems = check(Export.open(target))
    assert f"test: 1 images look like images of train, such as {other} like {source}" in problems
