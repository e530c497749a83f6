"""Opening of sources: files, filters, held-out languages and the cache."""

import json

import pytest

from pangea_cultural.dataset.sources import llava_chat
from pangea_cultural.dataset.sources.reasons import UNKNOWN_LANGUAGE
from pangea_cultural.errors import UserError
from pangea_cultural.training.data.reasons import EXCLUDED_LANGUAGE
from tests.helpers import tiny
from tests.helpers.source_rows import NoteReporter, chat_object, conversations, open_corpus


@pytest.fixture
def workspace(tmp_path):
    tiny.write_export(tmp_path / "export")
    (tmp_path / "chat").mkdir()
    rows = [
        chat_object(),
        chat_object(id="b", language="en"),
        chat_object(id="c", language="xx"),
        chat_object(id="d", language="nl", image="2.png"),
    ]
    (tmp_path / "chat/a.json").write_text(json.dumps(rows))
    return tmp_path


def test_images_are_beside_the_file_unless_the_source_names_a_folder(workspace):
    beside = open_corpus(workspace, type="chat", path="chat/a.json").group(0)
    elsewhere = open_corpus(workspace, type="chat", path="chat/a.json", images="images").group(0)
    assert beside.images == (workspace / "chat/1.png",)
    assert elsewhere.images == (workspace / "images/1.png",)


def test_folder_is_read_file_by_file(workspace):
    (workspace / "chat/b.jsonl").write_text(json.dumps(chat_object(id="later")))
    (workspace / "chat/notes.txt").write_text("no data")
    group = open_corpus(workspace, type="chat", path="chat").group(0)
    assert [one.id for one in group.conversations] == ["a", "b", "later"]
    assert group.images == (workspace / "chat/1.png",)


def test_rejected_rows_are_reported(workspace):
    reporter = NoteReporter()
    corpus = open_corpus(workspace, ["de", "nl"], reporter=reporter, type="chat", path="chat/a.json", languages=["de"])
    assert corpus.rejected == {EXCLUDED_LANGUAGE: 2, UNKNOWN_LANGUAGE: 1}
    assert "2 rejected: language not in the recipe (e.g. b)" in reporter.notes[0]
    assert "1 rejected: unknown language (e.g. c: xx)" in reporter.notes[0]


def corpus_folders(workspace):
    return {path.name for path in (workspace / "cache").iterdir() if path.is_dir()}


def test_corpus_is_built_once(workspace, monkeypatch):
    first = open_corpus(workspace, type="chat", path="chat/a.json")
    monkeypatch.setattr(llava_chat, "read", None)
    again = open_corpus(workspace, type="chat", path="chat/a.json", count=2, images="elsewhere")
    assert len(corpus_folders(workspace)) == 1
    assert again.num_conversations == first.num_conversations


@pytest.mark.parametrize(
    "change",
    [
        {"languages": ["de"]},
        {"default_language": "fr"},
        {"held_out_languages": ["fr"]},
        {"recipe_languages": ["de", "en"]},
    ],
)
def test_changed_settings_make_a_new_corpus(workspace, change):
    open_corpus(workspace, type="chat", path="chat/a.json")
    fields = {"type": "chat", "path": "chat/a.json"} | change
    open_corpus(workspace, fields.pop("recipe_languages", ()), fields.pop("held_out_languages", ()), **fields)
    assert len(corpus_folders(workspace)) == 2


def test_changed_data_makes_a_new_corpus(workspace):
    open_corpus(workspace, type="chat", path="chat/a.json")
    (workspace / "chat/a.json").write_text(json.dumps([chat_object(id="new")]))
    assert [one.id for one in conversations(open_corpus(workspace, type="chat", path="chat/a.json"))] == ["new"]


def test_row_in_a_held_out_language_is_an_error(workspace):
    with pytest.raises(UserError, match="row d is in the held-out language nl"):
        open_corpus(workspace, held_out_languages=["nl"], type="chat", path="chat/a.json")
    assert open_corpus(workspace, ["de"], ["nl"], type="chat", path="chat/a.json").num_conversations == 1


@pytest.mark.parametrize(
    ("fields", "languages", "message"),
    [
        (
            {"type": "chat", "path": "a/general.json"},
            (),
            r"No chat data at .*/a/general\.json\. Run `pcult data synthetic-chat .*/a` to create it\.",
        ),
        (
            {"type": "chat", "path": "PangeaIns.json"},
            (),
            r"No chat data at .*/PangeaIns\.json\. Put a file, or a folder with \.json or \.jsonl files there\.",
        ),
        ({"type": "m3ls", "path": "none.json"}, (), r"No m3ls data at .*none\.json\. .* archives \(bbc\*/articles\)"),
        ({"type": "culturalground", "path": "cache"}, (), "No culturalground data at .*cache"),
        ({"type": "export", "path": "chat"}, (), "No complete export"),
        ({"type": "chat", "path": "chat/a.json"}, ("ja",), "no questions in ja"),
        (
            {"type": "chat", "path": "chat/a.json", "languages": ["de"]},
            ("ja",),
            "none of its languages de is a language of the recipe",
        ),
    ],
)
def test_source_without_questions_is_an_error(workspace, fields, languages, message):
    (workspace / "cache").mkdir()
    with pytest.raises(UserError, match=message):
        open_corpus(workspace, languages, **fields)
