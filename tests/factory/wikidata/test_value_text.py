"""Text of times and quantities, and what it says."""

import pytest

from factory.wikidata.value_text import CannotRenderError, render


def test_a_text_states_its_form():
    assert render("time", "+1889-03-31T00:00:00Z/11/Q1985727", "de") == ("31. März 1889", "day")
    assert render("time", "+1750-06-11T00:00:00Z/11/Q1985786", "de") == ("1750", "year")
    assert render("quantity", "330/Q11573", "de") == ("330 Meter", "quantity")


def test_a_language_without_a_locale_is_a_reason():
    with pytest.raises(CannotRenderError, match="CLDR lacks the language"):
        render("quantity", "330/Q11573", "min")
