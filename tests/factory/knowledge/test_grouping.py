"""Rows about one entity: names, texts of several languages as one value, contradictions and repetitions."""

import pytest

from factory.knowledge.errors import CONTRADICTION, OTHER_TYPE, REPEATED
from factory.knowledge.grouping import group
from factory.knowledge.ids import text_id
from factory.knowledge.sorting import Stated
from factory.knowledge.statements import Statement
from pangea_cultural.reference import own_tables
from pangea_cultural.reference.own_tables import OwnTables

RELATIONS = {
    "meal": {"label": "meal", "value_type": "text", "asked_of": ["food"]},
    "part": {"label": "part", "value_type": "item", "asked_of": ["food"], "functional": True},
    "motto": {"label": "motto", "value_type": "text", "asked_of": ["food"], "functional": True},
}
EMPTY = dict.fromkeys(("entity_type", "region", "image", "language", "author", "source", "license"), "")


@pytest.fixture(autouse=True)
def tables(tmp_path):
    with own_tables.using(OwnTables({"property": tmp_path}, {"property": RELATIONS})):
        yield


def stated(*rows):
    """Group rows of relation, value, language and other cells."""
    found = []
    for line, (relation, value, language, *more) in enumerate(rows, 2):
        value_type = "text" if relation == "name" else RELATIONS[relation]["value_type"] if relation else ""
        cells = EMPTY | {"relation": relation, "value": value, "language": language, "value_type": value_type}
        statement = Statement(entity="x:a", **(cells | dict(more)))
        found.append(
            Stated(f"a.csv:{line}", "a.csv", line, f"Own/{statement.image}" * bool(statement.image), statement)
        )
    return group("x:a", found)


def test_texts_of_all_languages_are_one_value():
    found = stated(("meal", "cena", "es"), ("meal", "dinner", "en"))
    value = text_id({"es": "cena", "en": "dinner"})
    assert found.texts == {value: {"es": "cena", "en": "dinner"}}
    assert found.claims == [("meal", "item", value, False)]
    assert [used[1:] for used in found.used] == [("meal", value)] * 2


def test_equal_texts_of_two_entities_are_equal_values():
    assert (
        stated(("meal", "dinner", "en"), ("meal", "cena", "es")).texts
        == stated(("meal", "cena", "es"), ("meal", "dinner", "en")).texts
    )


def test_a_language_with_fewer_texts_repeats_its_last_one():
    found = stated(("meal", "cena", "es"), ("meal", "boda", "es"), ("meal", "dinner", "en"))
    assert list(found.texts.values()) == [{"es": "cena", "en": "dinner"}, {"es": "boda", "en": "dinner"}]
    assert len(found.claims) == 2


def test_a_text_in_one_language_has_no_name_in_others():
    assert list(stated(("meal", "cena", "es")).texts.values()) == [{"es": "cena"}]


def test_further_names_are_kept_beside_the_first():
    found = stated(
        ("name", "popote", "es"), ("name", "pajilla", "es"), ("name", "straw", "en"), ("name", "pajita", "es")
    )
    assert found.labels == {"es": "popote", "es-x-also1": "pajilla", "es-x-also2": "pajita", "en": "straw"}


def test_repeated_rows_are_rejected_with_the_place_of_the_first():
    found = stated(("meal", "cena", "es"), ("meal", "cena", "es"), ("meal", "cena", "es", ("region", "mexico")))
    assert [(row.place, row.reason, row.detail) for row in found.rejected] == [("a.csv:3", REPEATED, "a.csv:2")]
    assert found.regions == ["mexico"]


def test_a_row_with_another_type_is_rejected():
    found = stated(("name", "a", "es", ("entity_type", "food")), ("name", "b", "en", ("entity_type", "dress")))
    assert [(row.place, row.reason) for row in found.rejected] == [("a.csv:3", OTHER_TYPE)]
    assert found.entity_type == "food" and found.labels == {"es": "a"}


def test_two_values_of_a_relation_that_has_one_are_rejected():
    found = stated(("part", "x:maize", ""), ("part", "x:wheat", ""), ("name", "a", "es"))
    assert [(row.place, row.reason, row.detail) for row in found.rejected] == [
        ("a.csv:2", CONTRADICTION, "part: a.csv:2, a.csv:3"),
        ("a.csv:3", CONTRADICTION, "part: a.csv:2, a.csv:3"),
    ]
    assert found.claims == []


def test_texts_contradict_each_other_in_one_language_only():
    found = stated(("motto", "a", "es"), ("motto", "b", "en"), ("motto", "c", "en"))
    assert [row.place for row in found.rejected] == ["a.csv:3", "a.csv:4"]
    assert list(found.texts.values()) == [{"es": "a"}]


def test_images_are_claims_in_the_order_of_the_rows():
    rows = [("", "", "", ("image", name)) for name in ("b.png", "a.png", "b.png")]
    found = stated(*rows)
    assert found.claims == [("P18", "string", "Own/b.png", False), ("P18", "string", "Own/a.png", False)]
    assert [row.reason for row in found.rejected] == [REPEATED]


def test_a_value_has_a_source_if_one_of_its_rows_does():
    rows = [("part", "x:maize", ""), ("part", "x:maize", "", ("region", "mexico"), ("source", "a book"))]
    assert stated(*rows).claims == [("part", "item", "x:maize", True)]


def test_every_row_is_used_or_rejected():
    rows = [
        ("meal", "cena", "es"),
        ("meal", "cena", "es"),
        ("part", "x:a", ""),
        ("part", "x:b", ""),
        ("name", "a", "es"),
    ]
    found = stated(*rows, ("name", "b", "es", ("image", "a.png")))
    assert {row.place for row, *_ in found.used} | {row.place for row in found.rejected} == {
        f"a.csv:{line}" for line in range(2, 8)
    }
