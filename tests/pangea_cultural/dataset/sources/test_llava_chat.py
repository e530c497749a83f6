"""The reader of LLaVA chat files."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pangea_cultural.dataset.sources import llava_chat, reasons
from pangea_cultural.dataset.sources.types import Conversation, SourceRow
from tests.helpers.source_rows import RecordedRead, chat_object, messages


def read_chat(path, rows, *, default_language="en"):
    path.write_text(json.dumps(rows))
    read = RecordedRead()
    return list(llava_chat.read(path, read.callbacks, default_language=default_language)), read


def test_chat_row_keeps_all_turns(tmp_path):
    conversation = messages("<image>\nWas?", "Das.", "Wo? ", " Hier.")
    rows, read = read_chat(tmp_path / "a.json", [chat_object(conversations=conversation)])
    assert rows == [
        SourceRow(Conversation("a", "de", (("Was?", "Das."), ("Wo?", "Hier.")), question_type="chat"), ("1.png",))
    ]
    assert not read.rejected.counts
    assert not read.notes.counts


@pytest.mark.parametrize("image", [None, "", []])
def test_chat_row_needs_no_image(tmp_path, image):
    (row,), _ = read_chat(tmp_path / "a.json", [chat_object(image=image, conversations=messages("Was?", "Das."))])
    assert row.images == ()


def test_single_image_removes_all_placeholders(tmp_path):
    conversation = messages("<image>Was <image>?", "Das. <image>")
    (row,), _ = read_chat(tmp_path / "a.json", [chat_object(image=["1.png"], conversations=conversation)])
    assert row.conversation.turns == (("Was ?", "Das."),)


def test_several_images_keep_their_placeholders(tmp_path):
    conversation = messages("<image> oder", "Ja.", "<image>?", "Nein.")
    (row,), _ = read_chat(tmp_path / "a.json", [chat_object(image=["1.png", "2.png"], conversations=conversation)])
    assert row.images == ("1.png", "2.png")
    assert row.conversation.turns == (("<image> oder", "Ja."), ("<image>?", "Nein."))


def test_first_turn_of_gpt_is_dropped_with_a_note(tmp_path):
    conversation = [{"from": "gpt", "value": "Hallo!"}, *messages("Was?", "Das.")]
    (row,), read = read_chat(tmp_path / "a.json", [chat_object(conversations=conversation)])
    assert row.conversation.turns == (("Was?", "Das."),)
    assert read.notes.counts == {reasons.REMARK_FIRST_TURN: 1}
    assert not read.rejected.counts


def test_missing_language_becomes_the_default_language(tmp_path):
    row = chat_object()
    del row["language"]
    (french,), _ = read_chat(tmp_path / "a.json", [row], default_language="fr")
    assert french.conversation.language == "fr"
    rows, read = read_chat(tmp_path / "a.json", [row], default_language="")
    assert rows == []
    assert read.rejected.counts == {reasons.NO_LANGUAGE: 1}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"image": "../1.png"}, reasons.IMAGE_PATH_OUTSIDE_FOLDER),
        ({"image": "/1.png"}, reasons.IMAGE_PATH_OUTSIDE_FOLDER),
        ({"image": 3}, reasons.INVALID_IMAGE_PATH),
        ({"image": ["1.png", None]}, reasons.INVALID_IMAGE_PATH),
        ({"image": ["1.png", "2.png"]}, reasons.PLACEHOLDER_COUNT),
        ({"image": None}, reasons.PLACEHOLDER_COUNT),
        (
            {"image": ["1.png", "2.png"], "conversations": messages("<image><image>", "<image>")},
            reasons.PLACEHOLDER_IN_ANSWER,
        ),
        ({"language": "\ud800"}, reasons.UNKNOWN_LANGUAGE),
        ({"conversations": None}, reasons.NOT_A_LIST_OF_TURNS),
        ({"conversations": ["Was?"]}, reasons.NOT_A_LIST_OF_TURNS),
        ({"conversations": []}, reasons.TURNS_DO_NOT_ALTERNATE),
        ({"conversations": messages("Was?")}, reasons.TURNS_DO_NOT_ALTERNATE),
        ({"conversations": messages("Was?", "Das.")[1:]}, reasons.TURNS_DO_NOT_ALTERNATE),
        ({"conversations": messages("Was?", "Das.") * 2 + messages("Wo?")}, reasons.TURNS_DO_NOT_ALTERNATE),
        ({"conversations": [{"from": "system", "value": "x"}, *messages("Was?", "Das.")]}, reasons.SYSTEM_TURN),
        ({"conversations": [{"from": "me", "value": "x"}]}, reasons.UNKNOWN_SPEAKER),
        ({"conversations": messages("Was?", None)}, reasons.TEXT_NOT_A_STRING),
        ({"conversations": messages("Was?", "\ud800")}, reasons.TEXT_NOT_UNICODE),
        ({"conversations": messages("<image>", "Das.")}, reasons.EMPTY_TEXT),
        ({"conversations": messages("Was?", " ")}, reasons.EMPTY_TEXT),
        ({"conversations": messages("Was?", "\u200b\ufeff")}, reasons.EMPTY_TEXT),
    ],
)
def test_invalid_chat_row_is_counted_with_its_reason(tmp_path, fields, reason):
    rows, read = read_chat(tmp_path / "a.json", [chat_object(**fields), chat_object(id="good")])
    assert [row.conversation.id for row in rows] == ["good"]
    assert read.rejected.counts == {reason: 1}
    assert read.rejected.examples == {reason: ["a"]}


def test_bytes_that_are_not_utf_8_reject_only_their_row(tmp_path):
    bad, good = chat_object(id="bad", conversations=messages("Was?", "?!")), chat_object(id="good")
    (tmp_path / "a.json").write_bytes(json.dumps([bad, good]).encode().replace(b"?!", b"\xff"))
    read = RecordedRead()
    rows = list(llava_chat.read(tmp_path / "a.json", read.callbacks, default_language="en"))
    assert [row.conversation.id for row in rows] == ["good"]
    assert read.rejected.examples == {reasons.TEXT_NOT_UNICODE: ["bad"]}


@pytest.mark.parametrize("id", [None, "", [], {}, "\ud800"])
def test_row_without_a_valid_id_is_named_by_its_number(tmp_path, id):
    rows, _ = read_chat(tmp_path / "a.json", [chat_object(), chat_object(id=id), chat_object(id=1.5)])
    assert [row.conversation.id for row in rows] == ["a", "row 2", "1.5"]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
PATHS = st.sampled_from(["1.png", "a/2.png", "../3.png", "/4.png", ".", "a\0b"]) | ANYTHING
TEXTS = st.sampled_from(["Was?", "<image>", "<image>\nWas?", " ", "\ud800"]) | ANYTHING
TURNS = st.fixed_dictionaries(
    {}, optional={"from": st.sampled_from(["human", "gpt", "gpt", "human", "system"]) | ANYTHING, "value": TEXTS}
)
CHATS = st.fixed_dictionaries(
    {},
    optional={
        "id": ANYTHING,
        "image": PATHS | st.lists(PATHS, max_size=3),
        "language": st.sampled_from(["de", "iw", "xx", None]) | ANYTHING,
        "conversations": st.lists(TURNS, max_size=4) | st.just(messages("<image>\nWas?", "Das.")) | ANYTHING,
    },
)


@settings(deadline=None)  # the machine may be busy
@given(item=CHATS | ANYTHING)
def test_any_json_is_either_a_valid_row_or_rejected(tmp_path_factory, item):
    rows, read = read_chat(tmp_path_factory.getbasetemp() / "any.json", [item])
    assert len(rows) + sum(read.rejected.counts.values()) == 1
    for row in rows:
        placeholders = sum(text.count("<image>") for turn in row.conversation.turns for text in turn)
        assert placeholders == (len(row.images) if len(row.images) > 1 else 0)
        assert all(text for turn in row.conversation.turns for text in turn)
        assert not any(path.startswith("/") or ".." in path.split("/") for path in row.images)
