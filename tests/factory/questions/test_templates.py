import re

import pytest

from factory.questions import templates
from factory.questions.template_checks import problems
from factory.questions.wordings import types_of, unreviewed_languages
from factory.reference.properties import properties
from factory.scope import Scope
from pangea_cultural.errors import UserError
from pangea_cultural.reference.languages import training_languages

FILES = (*training_languages(), "zh-hant")


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a function that writes the English templates after their instructions."""
    monkeypatch.setattr(templates, "folder", lambda: tmp_path)
    templates.load.cache_clear()
    head = '[instructions]\nchoice = "A letter."\nshort = "A word."\n'
    yield lambda content: (tmp_path / "en.toml").write_text(head + content)
    templates.load.cache_clear()


def test_all_languages_have_templates():
    assert set(templates.available_languages()) == set(training_languages())


@pytest.mark.parametrize("name", FILES)
def test_every_asked_property_and_type_has_two_questions_and_a_frame(name):
    content = templates.load(name)
    for row in properties().values():
        for entity_type in types_of(row.id) if row.question else ():
            asks, says, many = (content.find(row.id, entity_type, kind) for kind in templates.KINDS)
            assert len(asks) >= 2 and says, (row.id, entity_type)
            assert many or row.id == "label", (row.id, entity_type)


@pytest.mark.parametrize("name", FILES)
def test_files_have_the_keys_of_the_english_one(name):
    assert templates.load(name).by_key.keys() == templates.load("en").by_key.keys()


@pytest.mark.parametrize("name", FILES)
def test_texts_have_script_marks_and_blanks_of_the_language(name):
    assert problems(name, templates.load(name).templates) == []


@pytest.mark.parametrize("name", FILES)
def test_a_question_is_asked_of_one_property_only(name):
    seen = {}
    for row in templates.load(name).templates:
        if row.kind == "ask":
            other = seen.setdefault((row.text, row.entity_type), row.property)
            assert other == row.property, row.text


def test_chinese_of_taiwan_has_traditional_characters():
    from opencc import OpenCC

    simplified = OpenCC("t2s")
    texts = [row.text for row in templates.load("zh-hant").templates]
    assert sum(simplified.convert(text) != text for text in texts) > 0.8 * len(texts)
    assert all(simplified.convert(row.text) == row.text for row in templates.load("zh").templates)


def test_templates_are_numbered_per_property_type_and_kind(write):
    asks = 'place.ask = ["Where is it?", "Which country?"]\nflag.ask = ["Whose flag?"]\n'
    write('[P17]\nsay = ["Land: {value}"]\n' + asks)
    assert [(row.id, row.text) for row in templates.load("en").templates] == [
        ("en/P17/say/1", "Land: {value}"),
        ("en/P17/place/ask/1", "Where is it?"),
        ("en/P17/place/ask/2", "Which country?"),
        ("en/P17/flag/ask/1", "Whose flag?"),
    ]


def test_type_has_the_templates_of_its_group_and_the_frames_of_all_types(write):
    asks = 'place.ask = ["Where is this place?"]\nbuilding.ask = ["Where is this building?"]\n'
    write('[P17]\nsay = ["Land: {value}"]\n' + asks)
    content = templates.load("en")
    asks = {name: content.find("P17", name, "ask") for name in ("building", "settlement", "person")}
    assert [row.text for row in asks["building"]] == ["Where is this building?"]
    assert [row.text for row in asks["settlement"]] == ["Where is this place?"]
    assert asks["person"] == ()
    assert [row.text for row in content.find("P17", "building", "say")] == ["Land: {value}"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[P17\n", "is not TOML"),
        ('[P99999999]\nany.ask = ["Where?"]\n', "unknown property 'P99999999'"),
        ("[P17]\nflags.ask = 1\n", "unknown entity type 'flags'"),
        ('[P17]\nflag = ["Where?"]\n', "P17.flag must be a table with the key `ask`"),
        ('[P17]\nflag.ask = "Where?"\n', "P17.flag.ask must be a list of texts"),
        ("[P17]\nflag.ask = []\n", "P17.flag.ask must be a list of texts"),
        ('[P17]\nflag.asks = ["Where?"]\n', "unknown key 'asks'"),
        ('[P17]\nflag.ask = [" "]\n', "an entry must be text"),
        ('[P17]\nflag.ask = ["Where is {name}?"]\n', "has a slot. Remove it"),
        ('[P17]\nsay = ["It is {values}."]\n', "has a slot. Only {value} is allowed"),
        ('[P17]\nsay = ["Yes."]\n', "has no slot. Write {value}"),
        ('[P17]\nflag.ask = ["Where?", "Where?"]\n', "en/P17/flag/ask/2 repeats en/P17/flag/ask/1"),
    ],
)
def test_wrong_templates_are_a_one_line_error(write, content, message):
    write(content)
    with pytest.raises(UserError, match=f"(?i){re.escape(message)}") as caught:
        templates.load("en")
    assert "en.toml" in str(caught.value) and "\n" not in str(caught.value)


def test_instructions_are_required(tmp_path, monkeypatch):
    monkeypatch.setattr(templates, "folder", lambda: tmp_path)
    templates.load.cache_clear()
    (tmp_path / "en.toml").write_text('[P17]\nsay = ["It is {value}."]\n')
    with pytest.raises(UserError, match="the table `instructions` must have the keys choice and short"):
        templates.load("en")
    templates.load.cache_clear()


def test_missing_templates_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(templates, "folder", lambda: tmp_path)
    templates.load.cache_clear()
    with pytest.raises(UserError, match=r"No templates at .*en\.toml"):
        templates.load("en")
    templates.load.cache_clear()


def test_unreviewed_languages_include_the_regional_form():
    scope = Scope(languages=("de", "zh"), regions=("taiwan",), properties=("P17",))
    assert unreviewed_languages(scope) == ["de", "zh", "zh-hant"]
