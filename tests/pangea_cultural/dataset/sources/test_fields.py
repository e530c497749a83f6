"""Validation of single fields of a row."""

import pytest

from pangea_cultural.dataset.sources import fields, reasons


@pytest.mark.parametrize(
    "path", ["../a.png", "/etc/passwd", "a/../../b.png", "..", "a\0b", "", ".", "./", 3, None, ["a"], {}, "\ud800.png"]
)
def test_invalid_image_path_is_rejected(path):
    with pytest.raises(fields.RowError):
        fields.image(path)


def test_image_path_is_normalized():
    assert fields.image("./a//b.png") == fields.image("a/b.png") == "a/b.png"
    assert fields.image("a/..b.png") == "a/..b.png"


@pytest.mark.parametrize(
    ("alias", "code"),
    [
        *(("de", "de"), ("iw", "he"), ("jw", "jv"), ("nb", "no"), ("NO", "no")),
        *(("pt-BR", "pt"), ("zh_Hant_TW", "zh"), ("iw-IL", "he")),
    ],
)
def test_language_alias_gives_its_code(alias, code):
    assert fields.language_code(alias, "") == code


@pytest.mark.parametrize("value", ["klingon", "xx-DE", "-", 3, ["de"], {}])
def test_unknown_language_is_rejected(value):
    with pytest.raises(fields.RowError, match=reasons.UNKNOWN_LANGUAGE):
        fields.language_code(value, "en")
