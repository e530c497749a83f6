"""Text of times: as precise as they are certain, in the words of each language."""

import re

import pytest
from babel import Locale, localedata
from hypothesis import given, settings
from hypothesis import strategies as st

from factory.wikidata import locales, times, values
from factory.wikidata.locales import CannotRenderError
from factory.wikidata.times import render, said, times_table
from pangea_cultural.reference.languages import language, training_languages

GREGORIAN, JULIAN = "Q1985727", "Q1985786"
LANGUAGES = training_languages()


def key(time, precision, calendar=GREGORIAN):
    return f"{time}T00:00:00Z/{precision}/{calendar}"


@pytest.mark.parametrize(
    ("value", "language", "text"),
    [
        (key("+1889-03-31", 11), "de", "31. März 1889"),
        (key("+1889-03-31", 11), "ja", "1889年3月31日"),
        (key("+1889-11-11", 11), "ja", "1889年11月11日"),
        (key("+1889-03-31", 11), "bn", "৩১ মার্চ, ১৮৮৯"),
        (key("+1889-03-31", 11), "vi", "ngày 31 tháng 3 năm 1889"),
        (key("+1889-12-01", 11), "mn", "1889 оны 12 дугаар сарын 1"),
        (key("+1889-05-01", 11), "fr", "1er mai 1889"),
        (key("+1889-05-11", 11), "fr", "11 mai 1889"),
        (key("+1889-05-01", 11), "it", "1º maggio 1889"),
        (key("+1889-03-00", 10), "en", "March 1889"),
        (key("+1889-03-00", 10), "th", "มีนาคม ค.ศ. 1889"),
        (key("+1889-00-00", 9), "en", "1889"),
        (key("+1889-00-00", 9), "th", "ค.ศ. 1889"),
        (key("+1889-00-00", 9), "fa", "۱۸۸۹ میلادی"),
        (key("+1889-00-00", 9), "bg", "1889 г."),
        (key("+1889-00-00", 9), "zh-hant", "1889年"),
        (key("+0079-00-00", 9), "en", "79 AD"),
        (key("+0079-00-00", 9), "ko", "서기 79년"),
        (key("+10000-00-00", 9), "en", "10000"),
        (key("-0079-00-00", 9), "de", "79 v. Chr."),
        (key("-0079-00-00", 9), "ja", "紀元前79年"),
        (key("-0044-03-15", 11, JULIAN), "en", "44 BC"),
        (key("+1857-00-00", 8), "en", "1850–1859"),
        (key("+1850-00-00", 8), "ru", "1850–1859 годы"),
        (key("+1301-00-00", 7), "en", "14th century"),
        (key("+1850-00-00", 7), "fr", "XIXe siècle"),
        (key("+0066-00-00", 7), "fr", "Ier siècle"),
        (key("+2001-00-00", 7), "en", "21st century"),
        (key("+1150-00-00", 7), "en", "12th century"),
        (key("+1850-00-00", 7), "ro", "secolul al XIX-lea"),
        (key("+0150-00-00", 7), "ur", "دوسری صدی"),
        (key("+1850-00-00", 7), "bn", "১৯শ শতক"),
        (key("-0450-00-00", 7), "el", "5ος αιώνας π.Χ."),
        (key("+1850-00-00", 7), "zh-hant", "19世紀"),
    ],
)
def test_times_are_said_as_people_write_them(value, language, text):
    assert render(value, language)[0] == text


@pytest.mark.parametrize(
    ("value", "form", "year"),
    [
        (key("+1500-06-11", 11, JULIAN), "day", 1500),
        (key("+1582-10-04", 11, JULIAN), "day", 1582),
        (key("+1582-10-15", 11), "day", 1582),
        (key("+1700-02-29", 11, JULIAN), "year", 1700),
        (key("+1917-11-07", 11), "day", 1917),
        (key("+1917-10-25", 11, JULIAN), "year", 1917),
        (key("+1452-04-15", 11), "year", 1452),
        (key("+1452-04-00", 10), "year", 1452),
        (key("+1452-04-00", 10, JULIAN), "month", 1452),
        (key("+1500-06-00", 9, JULIAN), "year", 1500),
    ],
)
def test_a_day_is_said_in_the_calendar_of_its_time(value, form, year):
    assert said(value)[:2] == (form, year)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (key("+1000-00-00", 6), times.IMPRECISE_TIME),
        (key("+1300-00-00", 7), times.AMBIGUOUS_CENTURY),
        (key("-0500-00-00", 7), times.AMBIGUOUS_CENTURY),
        (key("-0050-00-00", 8), times.DECADE_BCE),
        (key("+1750-12-25", 11, JULIAN), times.TURN_OF_THE_YEAR),
        (key("+1750-12-00", 10, JULIAN), times.TURN_OF_THE_YEAR),
        (key("+1452-01-05", 11), times.TURN_OF_THE_YEAR),
        (key("+1889-02-31", 11), times.NO_SUCH_DAY),
        (key("+1889-02-11", 11, "Q42"), times.OTHER_CALENDAR),
    ],
)
def test_uncertain_times_are_not_said(value, reason):
    with pytest.raises(CannotRenderError, match=re.escape(reason)):
        render(value, "en")


def test_the_table_has_every_training_language():
    assert set(LANGUAGES) | {"zh-hant"} == times_table().keys()


@pytest.mark.parametrize("code", LANGUAGES)
def test_texts_of_a_language_have_its_digits_and_letters(code):
    from factory.reference.scripts import fits_script

    native = times_table()[code].get("digits")
    for year in ("+0079", "+1857", "+2021", "-0079"):
        for precision in (7, 8, 9, 10, 11):
            try:
                text, form = render(key(f"{year}-12-25", precision), code)
            except CannotRenderError:
                continue
            assert "{" not in text and text == " ".join(text.split()), text
            assert not native or not re.search("[0-9]", text), text
            # The era is "a.C." and the century "XIX" also where another script is written.
            if form in ("day", "month"):
                assert fits_script(text, language(code).script), text


def test_a_language_outside_the_table_has_days_and_no_centuries():
    assert render(key("+1889-03-31", 11), "sv")[0] == "31 mars 1889"
    with pytest.raises(CannotRenderError, match=times.NO_WORDING):
        render(key("+1850-00-00", 7), "sv")


@settings(max_examples=200, deadline=None)
@given(
    st.integers(-3000, 3000).filter(bool),
    st.integers(1, 12),
    st.integers(1, 31),
    st.integers(0, 14),
    st.sampled_from([GREGORIAN, JULIAN]),
    st.sampled_from([*LANGUAGES, "sv", "mr"]),
)
def test_any_time_has_a_text_or_a_reason(year, month, day, precision, calendar, code):
    sign = "-" if year < 0 else "+"
    value = f"{sign}{abs(year):04d}-{month:02d}-{day:02d}T00:00:00Z/{precision}/{calendar}"
    try:
        text, form = render(value, code)
    except CannotRenderError as error:
        reasons = (value for name, value in vars(times).items() if name.isupper() and isinstance(value, str))
        assert str(error) in reasons
        return
    assert text and form in times.FORMS.values()
    if form == "day":
        assert day <= values.days_in_month(year, month, calendar) and year > 0


def test_months_of_a_language_are_its_own_after_a_look_at_another(monkeypatch):
    monkeypatch.setattr(localedata, "_cache", {})
    for cached in (times._words, locales.locale_of):
        cached.cache_clear()
    assert Locale.parse("zh").months["stand-alone"]["wide"][3] == "三月"
    assert render(key("+1889-03-00", 10), "th")[0] == "มีนาคม ค.ศ. 1889"
