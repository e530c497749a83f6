"""The interface's texts: complete, with their values, in the script of their language."""

import string
import tomllib
import unicodedata
from importlib import resources

import pytest

from demos.ask import texts
from demos.ask.gallery import Gallery
from demos.ask.layout import MAX_QUESTION
from demos.ask.visit import Visit
from pangea_cultural.reference.languages import language, training_languages

SCRIPTS = {
    "Arab": "ARABIC",
    "Beng": "BENGALI",
    "Cyrl": "CYRILLIC",
    "Deva": "DEVANAGARI",
    "Ethi": "ETHIOPIC",
    "Grek": "GREEK",
    "Hans": "CJK",
    "Hebr": "HEBREW",
    "Jpan": ("CJK", "HIRAGANA", "KATAKANA"),
    "Kore": "HANGUL",
    "Latn": "LATIN",
    "Sinh": "SINHALA",
    "Taml": "TAMIL",
    "Telu": "TELUGU",
    "Thai": "THAI",
}
KEPT = ("Enter", "Wikidata")
"""Words that stay in Latin letters."""


def test_table_has_the_languages_of_the_project_and_is_not_reviewed_by_us():
    content = tomllib.loads(resources.files("demos.ask").joinpath("texts.toml").read_text("utf-8"))
    assert set(content) == set(training_languages()) == set(texts.codes()) and len(content) == 39
    assert all(isinstance(rows["reviewed"], str) for rows in content.values())


@pytest.mark.parametrize("code", texts.codes())
def test_texts_of_a_language_are_complete_and_in_its_script(code):
    english, rows = texts.table()["en"], texts.table()[code]
    assert list(rows) == list(english)
    for name, text in rows.items():
        assert text.strip() == text and unicodedata.is_normalized("NFC", text), name
        assert values(text) == values(english[name]), name
        assert text[-1] not in ".。" or english[name][-1] == ".", name
        for word in (*KEPT, *(f"{{{value}}}" for value in values(text))):
            text = text.replace(word, "")
        letters = [character for character in text if character.isalpha()]
        expected = SCRIPTS[language(code).script]
        foreign = [letter for letter in letters if not unicodedata.name(letter).startswith(expected)]
        assert letters and not foreign, name


def values(text):
    return sorted(field for _, field, _, _ in string.Formatter().parse(text) if field)


@pytest.mark.parametrize("code", sorted(set(texts.codes()) - {"en"}))
def test_texts_are_translated(code):
    english, rows = texts.table()["en"], texts.table()[code]
    same = [name for name, text in rows.items() if text == english[name]]
    assert len(same) <= 4, same


def test_limit_has_no_separator_because_german_reads_it_as_a_decimal_comma():
    said = Visit([], Gallery([]), [], None).compare({"path": "a.jpg"}, "?" * (MAX_QUESTION + 1), "", "de", None, [])
    assert f" {MAX_QUESTION} Zeichen" in said


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ("", "en"),
        ("pt-BR,en", "pt"),
        ("nb", "no"),
        ("iw", "he"),
        ("xx,yy,ZH-Hant-TW", "zh"),
        ("<script>,../..", "en"),
        ("x," * 10_000, "en"),
    ],
)
def test_browser_language_chooses_the_interface(wanted, code):
    assert texts.preferred(wanted) == code


def test_languages_from_right_to_left():
    assert {code for code in texts.codes() if texts.is_rtl(code)} == {"ar", "fa", "he", "ur"}
