"""Text of times and quantities."""

import pytest

from factory.wikidata.value_text import CannotRenderError, render


@pytest.mark.parametrize(
    ("value", "language", "text"),
    [
        ("+1889-03-31T00:00:00Z/11/Q1985727", "de", "31. März 1889"),
        ("+1889-03-31T00:00:00Z/11/Q1985727", "ja", "1889年3月31日"),
        ("+1889-03-00T00:00:00Z/10/Q1985727", "en", "March 1889"),
        # Month and day below the precision are ignored.
        ("+1889-01-01T00:00:00Z/9/Q1985727", "en", "1889"),
        ("+1500-06-00T00:00:00Z/9/Q1985786", "ru", "1500"),
    ],
)
def test_text_of_times(value, language, text):
    assert render("time", value, language) == text


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("+1300-00-00T00:00:00Z/7/Q1985727", "less precise"),
        ("-0079-00-00T00:00:00Z/9/Q1985727", "before the common era"),
        ("+1500-06-11T00:00:00Z/11/Q1985786", "Julian"),
        ("+1889-02-31T00:00:00Z/11/Q1985727", "no such day"),
    ],
)
def test_unusable_times_are_rejected(value, reason):
    with pytest.raises(CannotRenderError, match=reason):
        render("time", value, "en")


def test_text_of_quantities():
    assert render("quantity", "+330/Q11573", "en") == "330 meters"
    assert render("quantity", "+330/Q11573", "zh") == "330米"
    assert render("quantity", "+12500/1", "de") == "12.500"
    with pytest.raises(CannotRenderError, match="unit"):
        render("quantity", "+5/Q712226", "en")
