"""The property table: ids, value types, links to regions, and properties that are not asked about."""

import dataclasses
import re

import pytest

from factory import recipe
from factory.questions import templates
from factory.reference import properties as module
from factory.reference.entity_types import entity_types
from factory.reference.properties import properties, property_of
from pangea_cultural.errors import UserError

PATHS = ("P17/P36", "P17/P37", "P17/P30")
PLUTO = '[P9990001]\nlabel = "orbit"\ntheme = "place"\nvalue_type = "item"\nasked_of = ["site"]\n'


def test_table_has_76_properties_besides_name_paths_and_citizenship():
    assert len(set(properties()) - {"label", "P27", *PATHS}) == 76
    assert set(PATHS) <= set(properties())


def test_ids_are_properties_or_paths_of_properties():
    for name, row in properties().items():
        assert name == row.id
        assert name == "label" or all(re.fullmatch(r"P\d+", step) for step in (row.path or (name,))), row
        assert (name in PATHS) == bool(row.path), row


def test_every_value_type_has_its_properties():
    by_type = {
        value_type: {n for n, row in properties().items() if row.value_type == value_type}
        for value_type in ("time", "quantity")
    }
    assert by_type["time"] == {"P571", "P1619", "P577", "P585", "P569"}
    assert by_type["quantity"] == {"P2048", "P1101", "P1083"}
    assert property_of("P837").value_type == "item", "a day of the year is an item: Easter, 15 August"


def test_link_properties_are_in_order():
    links = [name for name, row in properties().items() if row.region_link]
    assert links == ["P17", "P495", "P2596", "P2341", "P27"], "the order decides which region is the main one"
    assert "P172" not in links, "ethnicity does not link a person to a country"


def test_every_property_is_linked_to_regions_by_link_properties():
    links = {name for name, row in properties().items() if row.region_link}
    for row in properties().values():
        assert row.linked_by, row
        assert {link for link in row.linked_by if "/" not in link} <= links, row
    assert property_of("P106").linked_by == ("P27", "P19/P17")
    assert property_of("P84").linked_by == ("P17",)
    assert property_of("P2012").linked_by[0] == "P495"


def test_visible_properties():
    assert {n for n, row in properties().items() if row.visible} == {"P31", "P149", "P186", "P180", "P462"}


def test_properties_for_links_and_wrong_options_are_not_asked():
    assert {n for n, row in properties().items() if not row.question} == {
        "P27",
        "P279",
        "P1889",
        "P361",
    }
    with pytest.raises(UserError, match="Unknown property 'P1889'"):
        recipe._askable("P1889")


def test_faith_and_ethnicity_are_sensitive():
    assert {n for n, row in properties().items() if row.sensitive} == {"P140", "P172"}


def test_asked_properties_name_the_types_that_they_are_asked_of():
    for name, row in properties().items():
        assert set(row.asked_of) <= set(entity_types()), row
        assert bool(row.asked_of) == (row.question and name != "label"), row
    assert len([row for row in properties().values() if row.asked_of]) == 76 - 3 + len(PATHS)


@pytest.mark.parametrize(
    ("name", "asked", "not_asked"),
    [
        ("P2048", "building visual_work", "person nature"),
        ("P577", "film text music", "event person organization"),
        ("P19", "person", "event visual_work organization"),
        ("P131", "building settlement nature", "organization person event"),
        ("P407", "text film", "visual_work person"),
        ("P17/P36", "flag", "building area"),
        ("P1101", "building", "vehicle site"),
        ("P571", "building organization object", "nature person event food settlement vehicle"),
    ],
)
def test_property_is_asked_only_of_types_that_it_makes_sense_for(name, asked, not_asked):
    types = set(property_of(name).asked_of)
    assert set(asked.split()) <= types
    assert not set(not_asked.split()) & types


def test_private_properties_are_asked_of_people():
    private = {name for name, row in properties().items() if row.private}
    assert {"P569", "P106", "P19", "P69", "P1412", "P172", "P140"} <= private
    assert not {"P800", "P166", "P119"} & private, "known works, honors and graves are public"
    assert all(property_of(name).asked_of for name in private)


def test_states_can_end_and_origins_cannot():
    states = {name for name, row in properties().items() if row.state}
    assert {"P17", "P131", "P276", "P127", "P17/P36"} <= states
    assert not {"P495", "P19", "P170", "P571", "P106", "P69"} & states, "a study that has ended is still a study"


def test_dates_and_measures_have_one_right_value():
    functional = {name for name, row in properties().items() if row.functional}
    assert functional >= {name for name, row in properties().items() if row.value_type in ("time", "quantity")}
    assert not {"P17", "P131", "P170", "P527"} & functional


def test_properties_with_templates_are_asked():
    for code in templates.available_languages():
        assert all(properties()[row.property].question for row in templates.load(code).templates), code


def test_image_properties_are_not_asked():
    assert not set(module.PHOTO_PROPERTIES) & set(properties())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("P9990001", "Q9990001"), "'Q9990001' is not a property"),
        (("P9990001", '"P17/P9"'), "is not a property. Write P and a number, a path, or a word in lower case"),
        (('"item"', '"itme"'), "value_type: Input should be 'item', 'time', 'quantity' or 'text'"),
        (("theme", "teme"), "Unknown key 'teme'. Did you mean theme"),
        (("label", 'path = ["P1", "P2"]\nlabel'), 'Name its table after them: ["P1/P2"]'),
        (("site", "sit"), "asked_of: Unknown entity type 'sit'. Did you mean site"),
        (('asked_of = ["site"]', ""), "Name the entity types in asked_of, or write question = false"),
        (("label", "question = false\nlabel"), "Name the entity types in asked_of, or write question = false"),
        (("label", 'linked_by = ["P27", "country"]\nlabel'), "'country' is not a property"),
    ],
)
def test_wrong_row_is_a_one_line_error(tmp_path, change, message):
    path = tmp_path / "properties.toml"
    path.write_text(PLUTO.replace(*change))
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        dataclasses.replace(module.TABLE, path=path).find("P9990001")
    assert "\n" not in str(caught.value)


def test_the_table_ships_with_the_package():
    assert module.TABLE.path.is_file()
