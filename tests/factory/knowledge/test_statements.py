"""Statements: what a row means, and the reasons to reject one."""

import pytest

from factory.knowledge import errors as reasons
from factory.knowledge import ids, statements
from factory.knowledge.errors import RowError
from factory.scope import Scope
from pangea_cultural.reference import own_tables
from pangea_cultural.reference.ids import is_entity
from pangea_cultural.reference.licenses import NO_LICENSE, NON_FREE, UNKNOWN
from pangea_cultural.reference.own_tables import OwnTables

RELATIONS = {
    "eaten_at": {"label": "eaten at", "value_type": "text", "asked_of": ["food"]},
    "main_part": {"label": "main part", "value_type": "item", "asked_of": ["food"]},
    "weight": {"label": "weight", "value_type": "quantity", "asked_of": ["food"]},
    "since": {"label": "since", "value_type": "time", "asked_of": ["food"]},
}
USUAL = {"entity": "mole", "relation": "eaten_at", "value": "la cena", "language": "es", "license": "CC0-1.0"}


@pytest.fixture(autouse=True)
def tables(tmp_path):
    with own_tables.using(OwnTables({"property": tmp_path}, {"property": RELATIONS})):
        yield


def read(**cells):
    scope = Scope(regions=("mexico",), languages=("es", "no", "zh"), properties=("label", *RELATIONS))
    return statements.read(USUAL | cells, "a.csv", scope)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"entity": ""}, reasons.NO_ENTITY),
        ({"entity": "Q42"}, reasons.WIKIDATA_ENTITY),
        ({"relation": "", "value": ""}, reasons.NOTHING_STATED),
        ({"relation": ""}, reasons.VALUE_WITHOUT_RELATION),
        ({"relation": "eatenat"}, reasons.UNKNOWN_RELATION),
        ({"relation": "label"}, reasons.UNKNOWN_RELATION),
        ({"relation": "P17/P36"}, reasons.UNKNOWN_RELATION),
        ({"relation": "P84"}, reasons.NOT_ASKED),
        ({"value": ""}, reasons.NO_VALUE),
        ({"language": ""}, reasons.NO_LANGUAGE),
        ({"language": "klingon"}, reasons.UNKNOWN_LANGUAGE),
        ({"language": "de"}, reasons.OTHER_LANGUAGE),
        ({"region": "atlantis"}, reasons.UNKNOWN_REGION),
        ({"type": "dish"}, reasons.UNKNOWN_TYPE),
        ({"license": ""}, NO_LICENSE),
        ({"license": "All rights reserved"}, NON_FREE),
        ({"license": "my own terms"}, UNKNOWN),
        ({"license": "CC BY-NC 4.0"}, NON_FREE),
        ({"license": "CC BY 4.0"}, reasons.NO_AUTHOR),
        ({"relation": "since", "value": "long ago"}, reasons.WRONG_VALUE),
        ({"relation": "since", "value": "1889-13"}, reasons.WRONG_VALUE),
        ({"relation": "since", "value": "0"}, reasons.WRONG_VALUE),
        ({"relation": "weight", "value": "3 stones"}, reasons.WRONG_VALUE),
    ],
)
def test_a_wrong_row_has_a_reason(cells, reason):
    with pytest.raises(RowError) as caught:
        read(**cells)
    assert caught.value.reason == reason


def test_an_unknown_name_is_answered_with_near_ones():
    with pytest.raises(RowError) as caught:
        read(relation="eaten_a")
    assert "Did you mean eaten_at?" in caught.value.detail


@pytest.mark.parametrize(
    ("cells", "value"),
    [
        ({"relation": "since", "value": "1889"}, "+1889-00-00T00:00:00Z/9/Q1985727"),
        ({"relation": "since", "value": "1492-10-12"}, "+1492-10-12T00:00:00Z/11/Q1985786"),
        ({"relation": "since", "value": "-44"}, "-0044-00-00T00:00:00Z/9/Q1985786"),
        ({"relation": "weight", "value": "2.50 kg"}, "2.5/Q11570"),
        ({"relation": "weight", "value": "12"}, "12/1"),
        ({"relation": "main_part", "value": "maize"}, "x:maize"),
        ({"relation": "main_part", "value": "Q11575"}, "Q11575"),
        ({"relation": "name", "value": "Mole"}, "Mole"),
    ],
)
def test_values_have_the_keys_of_the_store(cells, value):
    assert read(**cells).value == value


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("es", "es"),
        ("ES", "es"),
        ("Spanish", "es"),
        ("Español", "es"),
        ("no", "no"),
        ("nb", "nb"),
        ("zh-Hant", "zh-hant"),
        ("mul", "mul"),
    ],
)
def test_languages_become_codes_of_labels(language, code):
    assert read(language=language).language == code


def test_source_replaces_the_author_of_a_statement():
    assert read(license="CC BY 4.0", source="Interview 12").source == "Interview 12"


def test_image_without_an_entity_is_an_entity():
    first, other = (read(entity="", image=f"{name}.jpg").entity for name in "ab")
    assert first != other and first.startswith("x:image~")


def test_region_and_type_are_named_as_people_write_them():
    row = read(region="South Korea", type="Visual work")
    assert (row.region, row.entity_type) == ("south_korea", "visual_work")


@pytest.mark.parametrize(
    ("key", "name"), [("mole", "x:mole"), ("mole_negro.2", "x:mole_negro.2"), ("x:mole", "x:mole"), ("12", "x:12")]
)
def test_plain_keys_are_ids(key, name):
    assert ids.entity_id(key) == name


def test_different_keys_have_different_ids():
    keys = [
        "ano",
        "año",
        "Ano",
        "Día de Muertos",
        "día de muertos",
        "الفطور",
        "العشاء",
        "a" * 300,
        "a" * 299,
        "x:A",
        "Q",
    ]
    found = {ids.entity_id(key) for key in keys}
    assert len(found) == len(keys) and all(is_entity(name) and not name.startswith("Q") for name in found)
    assert ids.entity_id("Día de Muertos").startswith("x:dia_de_muertos~")
