"""The property table: ids, value types, links to regions, and properties that are not asked about."""

import dataclasses
import re

import pytest

from factory import recipe
from factory.questions import templates
from factory.reference import properties as module
from factory.reference.properties import properties, property_of
from pangea_cultural.errors import UserError

PATHS = ("P17/P36", "P17/P37", "P17/P30")
PLUTO = '[P9990001]\nlabel = "orbit"\ntheme = "place"\nvalue_type = "item"\n'


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
    assert {n for n, row in properties().items() if not row.question} == {"P27", "P279", "P1889"}
    with pytest.raises(UserError, match="Unknown property 'P1889'"):
        recipe._askable("P1889")


def test_faith_and_ethnicity_are_sensitive():
    assert {n for n, row in properties().items() if row.sensitive} == {"P140", "P172"}


def test_properties_with_templates_are_asked():
    for code in templates.available_languages():
        assert all(properties()[row.property].question for row in templates.load(code)), code


def test_image_properties_are_not_asked():
    assert not set(module.PHOTO_PROPERTIES) & set(properties())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("P9990001", "Q9990001"), "'Q9990001' is not a property"),
        (("P9990001", '"P17/P9"'), "is not a property. Write P and a number, or a path"),
        (('"item"', '"itme"'), "value_type: Input should be 'item', 'time' or 'quantity'"),
        (("theme", "teme"), "Unknown key 'teme'. Did you mean theme"),
        (("label", 'path = ["P1", "P2"]\nlabel'), 'Name its table after them: ["P1/P2"]'),
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
