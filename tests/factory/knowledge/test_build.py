"""Builds of own knowledge: rejections that add up, resumption, changed files, other sources, and withdrawals."""

import itertools
import signal

import pytest

from factory.entities import stage as select_stage
from factory.entities.sources import knowledge
from factory.images.candidates import ENOUGH
from factory.images.license_rule import NO_AUTHOR
from factory.images.sources.rows import OUTSIDE, UNREADABLE_FILE
from factory.knowledge import errors as reasons
from factory.recipe import load
from factory.store.store import Store
from pangea_cultural.dataset.check import check
from pangea_cultural.dataset.export import SPLITS, Export
from pangea_cultural.errors import UserError
from pangea_cultural.reference.licenses import NO_LICENSE
from pangea_cultural.utils.images import UNREADABLE
from tests.factory.knowledge import dishes
from tests.helpers import world
from tests.helpers.interrupted_writes import Interrupted, after_write, raise_interrupted
from tests.helpers.runs import forked
from tests.helpers.store_contents import contents

TEXT = {"entity": "dish_0", "relation": "eaten_at", "value": "x", "language": "en", "license": "CC0-1.0"}
WRONG = (
    (TEXT | {"language": "xx"}, reasons.UNKNOWN_LANGUAGE),
    (TEXT | {"relation": "eaten_att"}, reasons.UNKNOWN_RELATION),
    (TEXT | {"license": ""}, NO_LICENSE),
    (TEXT | {"value": "=A1"}, reasons.FORMULA),
    (TEXT | {"value": "breakfast"}, reasons.REPEATED),
    (TEXT | {"relation": "main_part", "value": "maize"}, reasons.CONTRADICTION),
    (TEXT | {"relation": "main_part", "value": "wheat"}, reasons.CONTRADICTION),
)
IMAGE = {"entity": "dish_0", "author": "A. Cook", "license": "CC0-1.0"}
WRONG_IMAGES = (
    (IMAGE | {"image": "../outside.png"}, OUTSIDE),
    (IMAGE | {"image": "photos/none.png"}, UNREADABLE_FILE),
    (IMAGE | {"image": "photos/text.png"}, UNREADABLE),
    (IMAGE | {"image": "photos/free.png", "license": ""}, NO_LICENSE),
    (IMAGE | {"image": "photos/anonymous.png", "license": "CC BY 4.0", "author": ""}, NO_AUTHOR),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A build of dishes with wrong rows at the end of the table, and the number of their first line."""
    folder = tmp_path_factory.mktemp("dishes")
    text = dishes.RECIPE.replace("[split]", "[images]\nmax_per_entity = 9\n[split]")
    recipe = dishes.write(folder / "in", [row for row, _ in (*WRONG, *WRONG_IMAGES)], text)
    for name in ("free", "anonymous"):
        (folder / f"in/photos/{name}.png").write_bytes((folder / "in/photos/dish_1_0.png").read_bytes())
    (folder / "in/photos/text.png").write_text("no image")
    (folder / "outside.png").write_bytes((folder / "in/photos/dish_1_0.png").read_bytes())
    world.build(recipe, folder / "out")
    return folder


FIRST_WRONG = len(list(dishes.rows())) + 2


def listed(folder, *options):
    return world.pcult_json("data", "reject-reasons", "--list", *options, "--workspace", folder / "out")


def test_wrong_rows_are_listed_with_file_and_line(folder):
    found = {row["item"]: row["reason"] for row in listed(folder) if row["unit"] == "row"}
    expected = {f"dishes.csv:{line}": reason for line, (_, reason) in enumerate(WRONG, FIRST_WRONG)}
    assert found == expected


def test_wrong_images_are_listed_with_file_and_line(folder):
    found = {row["detail"].split(": ")[0]: row["reason"] for row in listed(folder) if row["unit"] == "file"}
    first = FIRST_WRONG + len(WRONG)
    assert found == {f"dishes.csv:{line}": reason for line, (_, reason) in enumerate(WRONG_IMAGES, first)}


def test_images_over_the_limit_are_listed(tmp_path):
    recipe = dishes.write(tmp_path / "in", number=1, recipe=dishes.RECIPE.replace("[tables]", LIMIT))
    world.build(recipe, tmp_path / "out", "--stage", "images")
    found = [(row["reason"], row["detail"]) for row in listed(tmp_path) if row["unit"] == "file"]
    assert found == [(ENOUGH, "dishes.csv:3"), (ENOUGH, "dishes.csv:4")]


LIMIT = "[images]\nmax_per_entity = 1\n[tables]"


def test_rows_are_used_or_rejected(folder):
    with Store.open(folder / "out/store.duckdb", read_only=True) as store:
        used = store.value("SELECT count(DISTINCT line) FROM statement")
        rejected = store.value("SELECT sum(items) FROM rejection WHERE unit = 'row'")
    # Rows of wrong images state an image, which the stage `images` rejects.
    assert used == len(list(dishes.rows())) + len(WRONG_IMAGES)
    assert rejected == len(WRONG)


def test_good_rows_become_a_valid_export(folder):
    export = Export.open(folder / "out/exports/dishes")
    assert check(export) == []
    assert {row.property for split in SPLITS for row in export.questions(split)} == {"label", "eaten_at"}
    assert export.statements().num_rows == 13 * 6


def test_listed_reasons_can_be_chosen(folder):
    rows = listed(folder, "--reason", "LICENSE")
    # A statement and an image without a license, and an image whose license asks for an author.
    assert sorted(row["reason"] for row in rows) == sorted([NO_LICENSE, NO_LICENSE, NO_AUTHOR])
    text = world.run("data", "reject-reasons", "--list", "--workspace", folder / "out")
    assert all(f"dishes.csv:{line}" in text for line in range(FIRST_WRONG, FIRST_WRONG + len(WRONG)))


def test_wrong_options_are_true_of_other_entities_of_the_relation(folder):
    export = Export.open(folder / "out/exports/dishes")
    meals = {code: {meal[n] for meal in dishes.MEALS} for n, code in enumerate(dishes.LANGUAGES)}
    rows = [row for split in SPLITS for row in export.questions(split) if row.property == "eaten_at" and row.choices]
    right = {f"x:dish_{n}": dishes.MEALS[n % 5] for n in range(13)}
    assert {row.language for row in rows} == set(dishes.LANGUAGES)
    for row in rows:
        assert row.answer in right[row.entity] and row.choices.count(row.answer) == 1
        wrong = {*row.choices} - {row.answer}
        assert len(wrong) == 3 and wrong <= meals[row.language]


def test_an_interrupted_build_ends_as_an_undisturbed_one(tmp_path, monkeypatch):
    monkeypatch.setattr(knowledge, "BATCH_ENTITIES", 3)
    monkeypatch.setattr(knowledge, "BATCH_REJECTIONS", 2)
    recipe = dishes.write(tmp_path / "in", [row for row, _ in WRONG], number=8)
    world.build(recipe, tmp_path / "whole", "--stage", "images")
    for number in itertools.count(1):
        try:
            with after_write(number, raise_interrupted):
                world.build(recipe, tmp_path / "parts", "--stage", "images")
        except Interrupted:
            continue
        break
    assert number > 8
    assert contents(tmp_path / "parts")[0] == contents(tmp_path / "whole")[0]
    tables = [_statements(tmp_path / name) for name in ("parts", "whole")]
    assert tables[0] == tables[1] != []


KILLED = """
import itertools, sys, tempfile
from pangea_cultural.cli import main
from tests.helpers.interrupted_writes import kill
from factory.knowledge import disk, sorting
sorting.BATCH_ROWS = 20
append, calls = disk.append, itertools.count(1)

def counted(*arguments):
    append(*arguments)
    if next(calls) == 5:
        kill()

disk.append = counted
tempfile.tempdir = sys.argv[1]
main(sys.argv[2:])
"""


def test_a_build_killed_while_it_reads_rows_resumes(tmp_path):
    recipe = dishes.write(tmp_path / "in", [row for row, _ in WRONG], number=8)
    world.build(recipe, tmp_path / "whole", "--stage", "select")
    arguments = ["build", str(recipe), "--workspace", str(tmp_path / "parts"), "--stage", "select", "--quiet"]
    (tmp_path / "temporary").mkdir()
    killed = forked.finish([str(tmp_path / "temporary"), *arguments], tmp_path, script=KILLED)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    with Store.open(tmp_path / "parts/store.duckdb", read_only=True) as store:
        assert store.value("SELECT count(*) FROM entity") == 0, "it was reading"
    assert not [*(tmp_path / "temporary").iterdir()]
    assert [*(tmp_path / "parts").glob(".*.scratch/*")]
    world.build(recipe, tmp_path / "parts", "--stage", "select")
    assert contents(tmp_path / "parts")[0] == contents(tmp_path / "whole")[0]
    assert _statements(tmp_path / "parts") == _statements(tmp_path / "whole") != []
    assert not [*(tmp_path / "parts").glob(".*.scratch")]


def _statements(workspace):
    with Store.open(workspace / "store.duckdb", read_only=True) as store:
        return store.rows("SELECT * FROM statement ORDER BY ALL")


def test_a_changed_file_is_read_again(tmp_path):
    recipe = dishes.write(tmp_path / "in", number=6)
    world.build(recipe, tmp_path / "out")
    rows = [row for row in dishes.rows(6) if row.get("entity") != "dish_5"]
    dishes.write_csv(tmp_path / "in/dishes.csv", rows)
    world.build(recipe, tmp_path / "out")
    left = [(f"x:dish_{n}",) for n in range(5)]
    with Store.open(tmp_path / "out/store.duckdb", read_only=True) as store:
        assert store.rows("SELECT entity FROM entity WHERE selected ORDER BY entity") == left
        assert store.rows("SELECT DISTINCT entity FROM statement ORDER BY entity") == left
        assert store.rows("SELECT DISTINCT entity FROM question_key ORDER BY entity") == left


def test_a_repaired_image_needs_no_change_of_the_table(tmp_path):
    text = dishes.RECIPE.replace("[split]", "[images]\nmax_per_entity = 9\n[split]")
    recipe = dishes.write(tmp_path / "in", [IMAGE | {"image": "photos/later.png"}], text, number=6)
    world.build(recipe, tmp_path / "out")
    assert [row["reason"] for row in listed(tmp_path) if row["unit"] == "file"] == [UNREADABLE_FILE]
    assert _images_of(tmp_path, "x:dish_0") == 3
    (tmp_path / "in/photos/later.png").write_bytes((tmp_path / "in/photos/dish_1_0.png").read_bytes())
    world.build(recipe, tmp_path / "out")
    assert [row for row in listed(tmp_path) if row["unit"] == "file"] == []
    assert _images_of(tmp_path, "x:dish_0") == 4


def _images_of(folder, entity):
    with Store.open(folder / "out/store.duckdb", read_only=True) as store:
        return store.value("SELECT count(*) FROM entity_image WHERE entity = ?", [entity])


def test_names_statements_and_images_can_be_in_files_of_their_own(tmp_path):
    recipe = dishes.write(tmp_path / "in", number=4)
    names, others = [], []
    for row in dishes.rows(4):
        (names if row.get("relation") == "name" else others).append(row)
    (tmp_path / "in/dishes.csv").unlink()
    dishes.write_csv(tmp_path / "in/b.csv", names)
    dishes.write_csv(tmp_path / "in/a.csv", others)
    text = recipe.read_text().replace('"dishes.csv"', '"b.csv"\n[[sources]]\ntype = "knowledge"\npath = "a.csv"')
    recipe.write_text(text)
    world.build(recipe, tmp_path / "out")
    with Store.open(tmp_path / "out/store.duckdb", read_only=True) as store:
        assert store.value("SELECT count(*) FROM label WHERE entity = 'x:dish_3'") == 3
        assert store.value("SELECT count(*) FROM entity_image WHERE entity = 'x:dish_3'") == 3


def test_own_knowledge_and_a_dump_are_one_data_set(tmp_path):
    world.write(tmp_path / "in/castles")
    images = '[[images.sources]]\ntype = "folder"\npath = "castles/images/images.jsonl"\n'
    dump = '[[sources]]\ntype = "dump"\npath = "castles/dump.json"\n'
    text = dishes.RECIPE.replace('"mexico"', '"mexico", "japan", "france"').replace('"since"', '"since", "P17"')
    more = [{"entity": "dish_0", "relation": "main_part", "value": "Q142", "license": "CC0-1.0"}]
    folder = tmp_path / "in/dishes"
    recipe = dishes.write(folder, more, text.replace("[tables]", f"{dump}{images}[tables]"), number=4)
    recipe = recipe.rename(tmp_path / "in/recipe.toml")
    moved = recipe.read_text().replace('"dishes.csv"', '"dishes/dishes.csv"').replace('= "re', '= "dishes/re')
    recipe.write_text(moved.replace('= "templates"', '= "dishes/templates"'))
    world.build(recipe, tmp_path / "out")
    export = Export.open(tmp_path / "out/exports/dishes")
    rows = [row for split in SPLITS for row in export.questions(split)]
    assert {row.entity[:2] for row in rows} == {"x:", "Q9"}
    assert {row.answer for row in rows if row.property == "main_part" and row.language == "en"} == {"France"}
    assert {row.region for row in rows} >= {"mexico", "japan"}


def test_a_table_without_a_usable_row_names_the_first_reason(tmp_path):
    recipe = dishes.write(tmp_path / "in", number=1)
    dishes.write_csv(tmp_path / "in/dishes.csv", [TEXT | {"license": ""}])
    error = world.error_of("build", recipe, "--workspace", tmp_path / "out", "--quiet")
    assert "No usable row in dishes.csv: dishes.csv:2: no license" in error


def test_own_regions_and_types_need_no_item_of_wikidata(tmp_path):
    text = dishes.RECIPE.replace('"mexico"', '"oaxaca"').replace(
        "[tables]", '[tables]\nregions = "regions.toml"\nentity_types = "types.toml"'
    )
    recipe = dishes.write(tmp_path / "in", recipe=text, number=1)
    content = [row | {"region": "oaxaca", "type": "own_dish"} if "image" in row else row for row in dishes.rows(4)]
    dishes.write_csv(tmp_path / "in/dishes.csv", content)
    (tmp_path / "in/regions.toml").write_text('[oaxaca]\nname = "Oaxaca"\nlanguages = ["es"]\n')
    (tmp_path / "in/types.toml").write_text("[own_dish]\n")
    world.build(recipe, tmp_path / "out", "--stage", "select")
    with Store.open(tmp_path / "out/store.duckdb", read_only=True) as store:
        assert store.rows("SELECT DISTINCT entity_type, region FROM entity JOIN entity_region USING (entity)") == [
            ("own_dish", "oaxaca")
        ]


def test_an_unknown_region_in_the_recipe_is_refused(tmp_path):
    recipe = dishes.write(tmp_path / "in", number=1)
    recipe.write_text(recipe.read_text().replace('"dishes.csv"', '"dishes.csv"\nregion = "atlantis"'))
    with pytest.raises(UserError, match="Unknown region 'atlantis'"):
        load(recipe)


def test_entity_ids_are_kept_short_in_memory():
    assert [select_stage._short(name) for name in ("Q17", "x:mole")] == [17, "x:mole"]
