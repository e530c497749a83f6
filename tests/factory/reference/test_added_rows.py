"""Builds with rows that a user added to the tables of regions, languages and properties."""

import dataclasses
import shutil

import pytest

from factory.questions import templates
from factory.reference import properties as property_table
from factory.store.store import Store
from pangea_cultural.dataset.export import SPLITS, Export
from pangea_cultural.reference import languages as language_table
from pangea_cultural.reference import regions as region_table
from tests.helpers import world
from tests.helpers.world import item, labels, text


def clear_caches():
    templates.available_languages.cache_clear()
    templates.load.cache_clear()


@pytest.fixture
def add_row(monkeypatch, tmp_path):
    """Return a function that appends a row to a table."""

    def add(module, row, name="TABLE"):
        table = getattr(module, name)
        path = tmp_path / table.path.name
        path.write_text(table.path.read_text("utf-8") + row)
        monkeypatch.setattr(module, name, dataclasses.replace(table, path=path))
        clear_caches()

    yield add
    monkeypatch.undo()
    clear_caches()


@pytest.fixture
def add_template(monkeypatch, tmp_path):
    """Return a function that appends templates to a language."""
    folder = tmp_path / "templates"
    shutil.copytree(templates.folder(), folder)
    monkeypatch.setattr(templates, "folder", lambda: folder)

    def add(code, content):
        with (folder / f"{code}.toml").open("a") as file:
            file.write(content)
        clear_caches()

    return add


GUARDIAN_ROW = """
[P9990001]
label = "guardian"
theme = "heritage"
value_type = "item"
asked_of = ["building", "person"]
"""
GUARDIAN = """
[P9990001]
say = ["Guardian: {value}"]
[P9990001.building]
ask = ["Who guards this?"]
[P9990001.person]
ask = ["Who guards this person?"]
"""


def document(qid, names, **claims):
    """Return a document, by default of a castle."""
    claims = {"P31": [item("Q23413")]} | claims
    return {"type": "item", "id": qid, "lastrevid": 1, "labels": labels(**names), "claims": claims}


def build(folder, documents, recipe):
    """Build from documents, each with a photo, and return the questions and rejections."""
    full_recipe = f'name = "added"\n{recipe}\n{world.PHOTOS}'
    world.build(world.lay_out(folder, full_recipe, world.with_photos(folder, documents)), folder / "workspace")
    export = Export.open(folder / "workspace/exports/added")
    with Store.open(folder / "workspace/store.duckdb", read_only=True) as store:
        rejections = store.rows("SELECT stage, item, reason, items FROM rejection")
    return [row for split in SPLITS for row in export.questions(split)], rejections


def test_added_region_gets_questions(add_row, tmp_path):
    row = '[atlantis]\nname = "Atlantis"\nqid = "Q99000000"\niso = "XZ"\nlanguages = ["el"]\nalso = ["Q99000001"]\n'
    add_row(region_table, "\n" + row)
    documents = [
        document("Q1000", {"en": "Temple"}, P17=[item("Q99000000")]),
        document("Q1001", {"en": "Harbour"}, P17=[item("Q99000001")]),
        document("Q99000000", {"en": "Atlantis"}),
        document("Q99000001", {"en": "Old Atlantis"}),
    ]
    rows, _ = build(tmp_path, documents, 'regions = ["atlantis"]\nlanguages = ["en"]\nproperties = ["P17"]')
    assert {(row.entity, row.region, row.answer) for row in rows} == {
        ("Q1000", "atlantis", "Atlantis"),
        ("Q1001", "atlantis", "Old Atlantis"),
    }


def test_added_property_gets_questions(add_row, add_template, tmp_path):
    add_row(property_table, GUARDIAN_ROW)
    add_template("en", GUARDIAN)
    documents = [
        document("Q1000", {"en": "Temple"}, P17=[item("Q17")], P9990001=[item("Q2000")]),
        document("Q2000", {"en": "a dragon"}),
    ]
    rows, _ = build(tmp_path, documents, 'languages = ["en"]\nproperties = ["P9990001"]')
    assert [(row.question, row.answer, row.sentence) for row in rows] == [
        ("Who guards this?", "a dragon", "Guardian: a dragon")
    ]


def test_added_link_property_links_entities_in_the_next_build(add_row, tmp_path):
    row = '[P9990002]\nlabel = "realm"\ntheme = "place"\nvalue_type = "item"\nregion_link = true\nquestion = false\n'
    food = {"P31": [item("Q746549")], "P9990002": [item("Q17")], "P495": [item("Q142")]}
    documents = [document("Q1000", {"en": "Soup"}, **food), document("Q142", {"en": "France"})]
    recipe = 'languages = ["en"]\nproperties = ["P495"]\nregions = ["japan"]'
    assert build(tmp_path, documents, recipe)[0] == []
    add_row(property_table, "\n" + row)
    rows, _ = build(tmp_path, documents, recipe)
    assert {row.region for row in rows} == {"japan"}


def test_added_language_gets_questions(add_row, add_template, tmp_path):
    row = '[eo]\nname = "Esperanto"\nnative = "Esperanto"\nscript = "Latn"\naliases = ["epo"]\n'
    add_row(language_table, "\n" + row)
    instructions = '[instructions]\nchoice = "Respondu per la litero."\nshort = "Respondu mallonge."\n'
    add_template(
        "eo", instructions + '[P17]\nsay = ["Lando: {value}"]\n[P17.place]\nask = ["En kiu lando ĝi estas?"]\n'
    )
    documents = [
        document("Q1000", {"en": "Temple"}, P17=[item("Q17")]),
        document("Q17", {"en": "Japan", "eo": "Japanio"}),
    ]
    rows, _ = build(tmp_path, documents, 'languages = ["en", "epo"]\nproperties = ["P17"]')
    assert {(row.language, row.answer) for row in rows} == {("en", "Japan"), ("eo", "Japanujo")}, "CLDR names countries"


def test_added_ambiguous_state_is_named_in_the_rejections(add_row, tmp_path):
    row = '[Q99000009]\nlabel = "Old Union"\ntoday = "Japan, France"\n'
    add_row(region_table, "\n" + row, "STATES_TABLE")
    documents = [
        document("Q1000", {"en": "Bridge"}, P17=[item("Q99000009")]),
        document("Q1001", {"en": "Tower"}, P17=[item("Q99000009"), item("Q142")]),
        document("Q1002", {"en": "Hall"}, P17=[item("Q15180")]),
        document("Q142", {"en": "France"}),
        document("Q99000009", {"en": "Old Union"}),
    ]
    rows, rejections = build(tmp_path, documents, 'languages = ["en"]\nproperties = ["P17"]')
    reasons = {reason: items for stage, _, reason, items in rejections if stage == "select"}
    assert reasons["country is a historic state of several regions: Old Union"] == 1
    assert reasons["country is a historic state of several regions: Soviet Union"] == 1
    assert {(row.entity, row.region) for row in rows} == {("Q1001", "france")}


def test_edited_row_restarts_the_build(add_row, add_template, tmp_path):
    row = (
        '\n[P9990001]\nlabel = "guardian"\ntheme = "heritage"\nvalue_type = "item"\nasked_of = ["building", "person"]\n'
    )
    add_row(property_table, row)
    add_template("en", GUARDIAN)
    documents = [
        document("Q1000", {"en": "A person"}, P31=[item("Q5")], P27=[item("Q17")], P9990001=[item("Q2000")]),
        document("Q2000", {"en": "a dragon"}),
    ]
    recipe = 'languages = ["en"]\nproperties = ["P9990001"]'
    assert len(build(tmp_path, documents, recipe)[0]) == 1
    add_row(property_table, "sensitive = true\n")
    rows, rejections = build(tmp_path, documents, recipe)
    assert rows == []
    assert ("questions", "Q1000 P9990001", "sensitive about a person", 1) in rejections


def test_faith_is_asked_about_a_temple_but_not_about_a_person(add_row, add_template, tmp_path):
    add_row(property_table, GUARDIAN_ROW + "sensitive = true\n")
    add_template("en", GUARDIAN)
    documents = [
        document("Q1000", {"en": "Temple"}, P17=[item("Q17")], P9990001=[item("Q748")]),
        document("Q1001", {"en": "A person"}, P31=[item("Q5")], P27=[item("Q17")], P9990001=[item("Q748")]),
        document("Q748", {"en": "Buddhism"}),
    ]
    rows, rejections = build(tmp_path, documents, 'languages = ["en"]\nproperties = ["P9990001"]')
    assert {row.entity for row in rows} == {"Q1000"}
    assert ("questions", "Q1001 P9990001", "sensitive about a person", 1) in rejections


def test_property_without_templates_is_rejected(add_row, tmp_path):
    add_row(property_table, GUARDIAN_ROW)
    documents = [
        document("Q1000", {"en": "Temple"}, P17=[item("Q17")], P9990001=[item("Q2000")]),
        document("Q17", {"en": "Japan"}),
        document("Q2000", {"en": "weaving"}),
    ]
    rows, rejections = build(tmp_path, documents, 'languages = ["en"]\nproperties = ["P17", "P9990001"]')
    assert {row.property for row in rows} == {"P17"}
    assert ("questions", "P9990001 en", "no template", 2) in rejections


def test_traditional_chinese_labels_are_kept_for_taiwan(tmp_path):
    names = {"en": "Taipei 101", "zh-hant": "臺北101", "zh-hans": "台北101", "sq": "Taipei"}
    documents = [document("Q83101", names, P17=[item("Q865")], P18=[text("a.jpg")])]
    build(tmp_path, documents, 'languages = ["zh"]\nproperties = ["P17"]')
    with Store.open(tmp_path / "workspace/store.duckdb", read_only=True) as store:
        codes = store.rows("SELECT language FROM label WHERE entity = 'Q83101' ORDER BY language")
    assert [code for (code,) in codes] == ["en", "zh-hans", "zh-hant"]
