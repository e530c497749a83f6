"""Text of quantities: every known digit, one unit, the plural of the language."""

import re
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factory.wikidata import quantities
from factory.wikidata.locales import CannotRenderError
from factory.wikidata.quantities import normal, render
from factory.wikidata.times import times_table
from pangea_cultural.reference.languages import training_languages

LANGUAGES = [*training_languages(), "zh-hant"]


@pytest.mark.parametrize(
    ("value", "language", "text"),
    [
        ("330/Q11573", "en", "330 meters"),
        ("1/Q11573", "en", "1 meter"),
        ("0.0004/Q11573", "en", "0.0004 meters"),
        ("12.3456/Q11573", "en", "12.3456 meters"),
        ("330/Q11573", "zh", "330米"),
        ("330/Q11573", "zh-hant", "330 公尺"),
        ("1/Q11573", "ar", "1 متر"),
        ("2/Q11573", "ar", "2 متر"),
        ("3/Q11573", "ar", "3 أمتار"),
        ("11/Q11573", "ar", "11 مترًا"),
        ("2/Q11573", "pl", "2 metry"),
        ("5/Q11573", "pl", "5 metrów"),
        ("1.5/Q11573", "pl", "1,5 metra"),
        ("330/Q11573", "sw", "mita 330"),
        ("330/Q11573", "ig", "330 m"),
        ("330.5/Q11573", "fa", "۳۳۰٫۵ متر"),
        ("54990/1", "de", "54.990"),
        ("54990/1", "bn", "৫৪,৯৯০"),
        ("1234567/1", "hi", "12,34,567"),
        ("1234/1", "es", "1234"),
        ("12345/1", "es", "12.345"),
        ("1234/1", "de", "1.234"),
    ],
)
def test_quantities_are_said_as_people_write_them(value, language, text):
    assert render(value, language) == text


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("170/Q174728", "1.7"),
        ("157.48/Q174728", "1.5748"),
        ("5/Q174789", "0.005"),
        ("0.33/Q828224", "330"),
        ("1.2345/Q828224", "1234.5"),
        ("984/Q3710", "299.9"),
        ("1250/Q3710", "381"),
        ("6/Q3710", "1.8"),
        ("6.56/Q3710", "1.999"),
    ],
)
def test_a_height_is_in_meters_with_its_precision(value, amount):
    assert normal(value) == (Decimal(amount), quantities.METER)


@pytest.mark.parametrize("digits", [26, 30, 40])
def test_a_number_of_many_digits_keeps_them(digits):
    number = ("1234567890" * 4)[:digits]
    for code in LANGUAGES:
        assert _latin(render(f"{number}/Q11573", code), code)[:digits] == number


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("5/Q712226", quantities.UNKNOWN_UNIT),
        ("9" * 41 + "/1", quantities.TOO_LONG),
        ("0." + "0" * 120 + "1/Q11573", quantities.TOO_LONG),
        ("0/1", quantities.NOT_POSITIVE),
        ("-3/Q11573", quantities.NOT_POSITIVE),
    ],
)
def test_unusable_quantities_are_rejected_in_every_language(value, reason):
    for code in LANGUAGES:
        with pytest.raises(CannotRenderError, match=re.escape(reason)):
            render(value, code)


@pytest.mark.parametrize("code", LANGUAGES)
def test_each_language_has_every_unit(code):
    for unit in quantities.CLDR_UNITS:
        for amount in ("1", "2", "3", "11", "100", "1.5"):
            text = render(f"{amount}/{unit}", code)
            assert _latin(text, code) == amount.replace(".", "") and len(text) > len(amount), text


def _latin(text, code):
    """Return a text's digits as 0 to 9."""
    native = times_table().get(code, {}).get("digits", "0123456789")
    return "".join(str(native.index(letter)) for letter in text if letter in native)


@settings(max_examples=300, deadline=None)
@given(st.decimals("0.000001", "1e25", places=6), st.sampled_from(LANGUAGES), st.sampled_from(["1", "Q11573"]))
def test_no_digit_is_lost_or_added(number, code, unit):
    amount = quantities.values.plain(number)
    assert _latin(render(f"{amount}/{unit}", code), code) == amount.replace(".", "")


@settings(max_examples=200, deadline=None)
@given(st.decimals(1, 100_000, places=2))
def test_a_converted_foot_lies_within_the_known_precision(number):
    amount = quantities.values.plain(number)
    known = Decimal(1).scaleb(-len(amount.partition(".")[2]))
    converted, _ = normal(f"{amount}/Q3710")
    assert abs(converted / Decimal("0.3048") - number) <= known / 2
