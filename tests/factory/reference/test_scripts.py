import duckdb
import pytest

from factory.reference.scripts import SCRIPTS, fits_script, letters_of
from pangea_cultural.reference.languages import languages


@pytest.mark.parametrize(
    ("text", "script", "fits"),
    [
        ("Москва", "Cyrl", True),
        ("Moscow", "Cyrl", False),
        ("iPhone 15 в Москве", "Cyrl", True),
        ("iPhone 15 Pro в Москве", "Cyrl", False),
        ("1900", "Thai", True),
        ("", "Thai", True),
        ("東京タワー", "Jpan", True),
        ("東京", "Hans", True),
        ("서울 서울", "Kore", True),
    ],
)
def test_share_of_foreign_letters_decides(text, script, fits):
    assert fits_script(text, script) == fits


def test_foreign_share_is_inclusive():
    assert fits_script("аb", "Cyrl")
    assert not fits_script("аb", "Cyrl", foreign_share=0.4)


def test_every_language_has_a_known_script():
    assert {row.script for row in languages().values()} <= SCRIPTS.keys()


@pytest.mark.parametrize("script", SCRIPTS)
def test_patterns_of_python_and_of_duckdb_know_a_script(script):
    assert not fits_script("\N{RUNIC LETTER FEHU FEOH FE F}", script)
    text = duckdb.execute(f"SELECT regexp_replace('1ᚠ', '[^{letters_of(script)}]', '')").fetchall()
    assert text == [("1",)]
