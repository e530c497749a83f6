import re

import pytest

from factory.questions import templates
from factory.reference.properties import properties
from pangea_cultural.errors import UserError


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a function that writes the English templates."""
    monkeypatch.setattr(templates, "folder", lambda: tmp_path)
    templates.load.cache_clear()
    yield (tmp_path / "en.toml").write_text
    templates.load.cache_clear()


@pytest.mark.parametrize("code", templates.available_languages())
def test_shipped_templates_are_valid(code):
    rows = templates.load(code)
    assert rows and all(properties()[row.property].question for row in rows)
    assert len({row.id for row in rows}) == len(rows)


def test_templates_are_numbered_per_property_and_type(write):
    write('[P17]\nany = ["Where is it?", "Which country?"]\nflag = ["Whose flag?"]\n')
    assert [(row.id, row.text) for row in templates.load("en")] == [
        ("en/P17/any/1", "Where is it?"),
        ("en/P17/any/2", "Which country?"),
        ("en/P17/flag/1", "Whose flag?"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[P17\n", "is not TOML"),
        ('[P99999999]\nany = ["Where?"]\n', "unknown property 'P99999999'"),
        ('P17 = ["Where?"]\n', "P17 must be a table of entity types"),
        ('[P17]\nflags = ["Where?"]\n', "unknown entity type 'flags'"),
        ('[P17]\nany = "Where?"\n', "P17.any must be a list of questions"),
        ("[P17]\nany = []\n", "P17.any must be a list of questions"),
        ('[P17]\nany = [" "]\n', "a question must be text"),
        ('[P17]\nany = ["Where is {name}?"]\n', "has a slot"),
        ('[P17]\nany = ["Where?", "Where?"]\n', "en/P17/any/2 repeats en/P17/any/1"),
    ],
)
def test_wrong_templates_are_a_one_line_error(write, content, message):
    write(content)
    with pytest.raises(UserError, match=f"(?i){re.escape(message)}") as caught:
        templates.load("en")
    assert "en.toml" in str(caught.value) and "\n" not in str(caught.value)


def test_missing_templates_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(templates, "folder", lambda: tmp_path)
    templates.load.cache_clear()
    with pytest.raises(UserError, match=r"No templates at .*en\.toml"):
        templates.load("en")
