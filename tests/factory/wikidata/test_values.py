"""Wikidata's values: keys, precision, malformed ones."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.wikidata import values
from tests.helpers.wikibase import quantity

GREGORIAN = "http://www.wikidata.org/entity/Q1985727"
JULIAN = "http://www.wikidata.org/entity/Q1985786"
EARTH = "http://www.wikidata.org/entity/Q2"


def time(text, precision=11, calendar=GREGORIAN):
    return {"type": "time", "value": {"time": text, "precision": precision, "calendarmodel": calendar}}


@pytest.mark.parametrize(
    ("datavalue", "expected"),
    [
        ({"type": "wikibase-entityid", "value": {"id": "Q42", "numeric-id": 42}}, ("item", "Q42")),
        # Documents from before 2016 have no id.
        ({"type": "wikibase-entityid", "value": {"numeric-id": 42}}, ("item", "Q42")),
        (time("+1889-03-31T00:00:00Z"), ("time", "+1889-03-31T00:00:00Z/11/Q1985727")),
        (time("-15000000-00-00T00:00:00Z", 3), ("time", "-15000000-00-00T00:00:00Z/3/Q1985727")),
        (
            {"type": "quantity", "value": {"amount": "+330.5", "unit": "http://www.wikidata.org/entity/Q11573"}},
            ("quantity", "330.5/Q11573"),
        ),
        ({"type": "quantity", "value": {"amount": "+12", "unit": "1"}}, ("quantity", "12/1")),
        (time("+00000001889-07-14T00:00:00Z", 9), ("time", "+1889-00-00T00:00:00Z/9/Q1985727")),
        (time("+1500-02-29T00:00:00Z", 11, JULIAN), ("time", "+1500-02-29T00:00:00Z/11/Q1985786")),
        (
            {"type": "quantity", "value": {"amount": "-012.50", "unit": "http://www.wikidata.org/entity/Q199"}},
            ("quantity", "-12.5/1"),
        ),
        (
            {"type": "globecoordinate", "value": {"latitude": 48.858222222222224, "longitude": -0.0, "globe": EARTH}},
            ("coordinate", "48.85822222222,0/Q2"),
        ),
        ({"type": "string", "value": "  Tour Eiffel.jpg "}, ("string", "Tour Eiffel.jpg")),
        ({"type": "monolingualtext", "value": {"language": "fr", "text": "tour"}}, ("monolingual", "fr:tour")),
    ],
)
def test_key_of_each_type(datavalue, expected):
    assert values.key(datavalue) == expected


@pytest.mark.parametrize(
    "datavalue",
    [
        {},
        {"type": "wikibase-entityid", "value": {"id": "P31"}},
        {"type": "wikibase-entityid", "value": "Q42"},
        {"type": "time", "value": {"time": "1889", "precision": 11, "calendarmodel": GREGORIAN}},
        {"type": "quantity", "value": {"amount": "many", "unit": "1"}},
        {"type": "string", "value": None},
        {"type": "string", "value": "\ud800"},
        {"type": ["string"], "value": "x"},
        {"type": "wikibase-entityid", "value": {"numeric-id": True}},
        {"type": "wikibase-entityid", "value": {"id": "Q٤٢"}},
        {"type": "quantity", "value": {"amount": "+1e5", "unit": "1"}},
        {"type": "globecoordinate", "value": {"latitude": True, "longitude": 1, "globe": EARTH}},
        {"type": "globecoordinate", "value": {"latitude": float("nan"), "longitude": 1, "globe": EARTH}},
        {"type": "monolingualtext", "value": {"language": "fr", "text": 7}},
        time("+0000-00-00T00:00:00Z", 9),
        time("+1889-00-00T00:00:00Z", 11),
        time("+1889-02-30T00:00:00Z", 11),
        time("+1500-02-29T00:00:00Z", 11),
        time("+1889-00-00T00:00:00Z", True),
        time("+99999999999999999-00-00T00:00:00Z", 9),
        {"type": "no-such-type", "value": 1},
    ],
)
def test_malformed_values_are_rejected(datavalue):
    with pytest.raises(values.MalformedValueError):
        values.key(datavalue)


@pytest.mark.parametrize(
    "limits",
    [{"lowerBound": "+1"}, {"lowerBound": "+4", "upperBound": "+9"}, {"lowerBound": 1, "upperBound": 9}],
)
def test_malformed_bounds_are_rejected(limits):
    with pytest.raises(values.MalformedValueError, match="bounds"):
        values.bounds({"type": "quantity", "value": {"amount": "+3", "unit": "1", **limits}})


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**40), max_value=10**40))
def test_decimal_numbers_are_canonical(number):
    once = values.decimal(f"{number:f}")
    assert Decimal(once) == number and values.decimal(once) == once


def test_key_of_a_time_can_be_read():
    value_type, key = values.key(time("-0079-08-00T00:00:00Z", 10))
    assert value_type == "time"
    assert values.read_time(key) == values.Time(year=-79, month=8, day=0, precision=10, calendar="Q1985727")


@pytest.mark.parametrize(
    ("datavalue", "expected"),
    [
        (quantity("+330", lowerBound="+329.5", upperBound="+330.50"), "329.5 to 330.5"),
        (quantity("+330"), ""),
        (time("+1889-03-31T00:00:00Z", 11), "day, Gregorian"),
        (time("+1300-00-00T00:00:00Z", 7, JULIAN), "century, Julian"),
        (time("+1300-00-00T00:00:00Z", 9, "http://www.wikidata.org/entity/Q12138"), "year, Q12138"),
        ({"type": "string", "value": "a/b"}, ""),
    ],
)
def test_accuracy_is_displayed(datavalue, expected):
    assert values.exactness(*values.key(datavalue), values.bounds(datavalue)) == expected
