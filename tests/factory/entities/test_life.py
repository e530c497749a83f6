"""Living people and minors."""

import pytest

from factory.entities.life import life
from factory.wikidata.entity import read_entity
from tests.helpers.wikibase import document, item, statement, time


def born(text, precision=9, rank="normal"):
    return statement(time(f"{text}T00:00:00Z", precision), rank)


def person(*births, deaths=(), **claims):
    facts = {"P31": [statement(item("Q5"))], "P569": list(births), "P570": list(deaths)} | claims
    return read_entity(document("Q900", facts))


@pytest.mark.parametrize(
    ("entity", "expected"),
    [
        (person(born("+1970-00-00")), "living"),
        (person(), "living"),
        (person(born("+1911-00-00")), "living"),
        (person(born("+1910-00-00")), ""),
        (person(born("+1970-00-00"), deaths=[born("+2001-00-00")]), ""),
        (person(born("+1970-00-00"), deaths=[statement("somevalue")]), ""),
        (person(born("+1970-00-00"), deaths=[statement("novalue")]), "living"),
        (person(born("+1970-00-00"), deaths=[born("+2001-00-00", rank="deprecated")]), "living"),
        (person(born("+1970-00-00"), P119=[statement(item("Q1"))]), ""),
        (person(born("+2007-12-31", 11)), "living"),
        (person(born("+2008-01-01", 11)), "minor"),
        (person(born("+2015-00-00"), statement("somevalue", "preferred")), "minor"),
        (person(born("+2000-00-00"), born("+2010-00-00")), "minor"),
        (person(born("+1900-00-00", 7)), ""),
        (person(born("+2000-00-00", 7)), "living"),
        (person(born("+2010-00-00", 8)), "minor"),
        (person(born("-0100-00-00", 7)), ""),
    ],
)
def test_life(entity, expected):
    assert life(entity, 2026) == expected


def test_only_people_live():
    ship = read_entity(document("Q901", {"P31": [statement(item("Q11446"))]}))
    assert life(ship, 2026) == ""
