"""Conversion of RDF values: numbers and the Julian calendar."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factory.entities.sources.sparql import rdf_values
from tests.helpers.servers import rdf_export


def amount(text):
    parts = {"quantityAmount": {"type": "literal", "value": text}, "quantityUnit": {"type": "uri", "value": "1"}}
    return rdf_values.deep(parts)["value"]["amount"]


@pytest.mark.parametrize("text", ["330", "+330.0", "3.3E2", "330.000"])
def test_amounts_are_equal_in_all_notations(text):
    assert amount(text) == "+330"


@pytest.mark.parametrize("text", ["1E999999999", "NaN", "Infinity", "many", ""])
def test_malformed_number_gives_no_amount(text):
    assert amount(text) is None


@settings(max_examples=100, deadline=None)
@given(st.integers(-2_000_000, 4_000_000))
def test_julian_days_are_counted_without_gaps(number):
    year, month, day = rdf_values.julian_date(number)
    assert rdf_values.gregorian_day_number(*rdf_export.julian_in_gregorian(year, month, day)) == number
