"""Entity types: groups, classes and their order, superclasses, refusals."""

import dataclasses
import re

import pytest

from factory.reference import entity_types as module
from factory.reference.entity_types import (
    A_CLASS,
    ANY,
    MAX_STEPS,
    Verdict,
    classify,
    entity_types,
    group_names,
    group_of,
    refused_classes,
    type_of,
    types_of,
)
from factory.wikidata.values import ITEM
from pangea_cultural.errors import UserError

GROUPS = {
    "place": {"building", "street", "site", "settlement", "area", "nature"},
    "work": {"visual_work", "text", "film", "music"},
    "thing": {"vehicle", "dress", "object"},
}


def test_types_and_groups():
    single = {"person", "organization", "event", "food", "practice", "deity", "flag"}
    assert set(entity_types()) == single | set().union(*GROUPS.values())
    assert {name: set(types_of(name)) for name in GROUPS} == GROUPS
    assert all(types_of(name) == (name,) and group_of(name) == name for name in single)
    assert group_of("film") == "work"
    assert group_of(ANY) == ANY
    assert types_of(ANY) == ()
    assert set(group_names()) == {ANY, *entity_types(), *GROUPS}


def test_a_class_has_one_row_in_both_tables():
    classes = [item for row in (*entity_types().values(), *refused_classes().values()) for item in row.classes]
    assert len(classes) == len(set(classes)) > 600
    assert all(ITEM.fullmatch(item) for item in classes)
    assert all(row.classes for row in entity_types().values())


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (["Q5"], "person"),
        (["Q23413", "Q33506"], "building"),
        (["Q515", "Q755707"], "settlement"),  # a city that is a municipality as well
        (["Q755707"], "area"),
        (["Q484170"], "settlement"),
        (["Q8072", "Q23442"], "nature"),
        (["Q6581615", "Q839954"], "building"),  # ancient baths: the building is more specific than the site
        (["Q3918", "Q31855"], "organization"),
        (["Q740752", "Q15640053"], ANY),  # a tram system is a company, but is not called an organization
        (["Q5741069"], ANY),
        (["Q15991303"], ANY),
        (["Q79007", "Q123705"], "street"),
        (["Q1248784", "Q94993988"], "site"),  # an airport has many buildings
        (["Q15079751", "Q1852859"], "area"),  # a part of a city
        (["Q2581649", "Q19844914", "Q1497364"], "organization"),  # a college in a university building
        (["Q27686", "Q4830453"], "building"),  # a hotel that is a business
        (["Q41176", "Q43229"], "building"),  # both broad
        (["Q852190", "Q105999"], "vehicle"),
        (["Q186516"], "flag"),
        (["Q99999999"], ANY),
        ([], ANY),
    ],
)
def test_the_most_specific_type_of_several_classes_wins(classes, expected):
    assert type_of(classes) == expected
    assert type_of(reversed(classes)) == expected


def test_an_unknown_class_has_the_type_of_its_nearest_superclass():
    above = {"Q1000": ["Q1001", "Q1002"], "Q1001": ["Q43229"], "Q1002": ["Q1003"], "Q1003": ["Q5"]}
    assert type_of(["Q1000"], lambda item: above.get(item, ())) == "organization", "two steps, to person three"
    assert type_of(["Q1000", "Q11446"], lambda item: above.get(item, ())) == "vehicle", "a class of the table is nearer"


def test_steps_are_limited_and_circles_end():
    chain = {f"Q{99000 + n}": [f"Q{99001 + n}"] for n in range(MAX_STEPS + 1)}
    chain[f"Q{99000 + MAX_STEPS}"] = ["Q5"]
    assert type_of(["Q99000"], lambda item: chain.get(item, ())) == ANY
    assert type_of(["Q99001"], lambda item: chain.get(item, ())) == "person"
    assert type_of(["Q1"], lambda item: {"Q1": ["Q2"], "Q2": ["Q1"]}[item]) == ANY


def test_refusals_win_at_equal_distance_and_reach_subclasses():
    assert classify(["Q2467461", "Q31855"]) == Verdict(ANY, "department of an institution")
    above = {"Q1000": ["Q2467461"], "Q2467461": ["Q43229"]}
    assert classify(["Q1000"], (), lambda item: above.get(item, ())).refusal == "department of an institution"
    assert classify(["Q6465"]) == Verdict("area"), "a French department is a place"


@pytest.mark.parametrize(
    ("classes", "superclasses", "expected"),
    [
        ([], ["Q23413"], Verdict("building", A_CLASS)),
        ([], ["Q56061"], Verdict("area", A_CLASS)),
        ([], ["Q99999999"], Verdict(ANY, A_CLASS)),
        ([], ["Q34379"], Verdict("object")),
        ([], ["Q154"], Verdict("food")),
        (["Q746549"], ["Q2095"], Verdict("food")),
        (["Q6979593"], ["Q6979593"], Verdict(ANY)),
        (["Q8142"], ["Q363958"], Verdict(ANY)),
        (["Q6256"], ["Q56061"], Verdict("area", A_CLASS)),
        (["Q20667921"], ["Q2311958"], Verdict(ANY, "class of classes")),
    ],
)
def test_classes_are_refused_unless_they_are_kinds_of_things(classes, superclasses, expected):
    assert classify(classes, superclasses) == expected


def test_wrong_row_is_a_one_line_error(tmp_path):
    path = tmp_path / "entity_types.toml"
    path.write_text('[ruin.classes]\nP31 = "ruin"\n')
    with pytest.raises(UserError, match=re.escape("'P31' is not an item. Write Q and a number.")) as caught:
        dataclasses.replace(module.TABLE, path=path).find("ruin")
    assert "\n" not in str(caught.value)


def test_the_tables_ship_with_the_package():
    assert module.TABLE.path.is_file()
    assert module.REFUSED_TABLE.path.is_file()
