"""Readers of training data: every row is taken as it should be, or dropped under a reason."""

import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from pangea_cultural import config
from pangea_cultural.dataset import question as vqa
from pangea_cultural.errors import UserError
from pangea_cultural.training import recipe
from pangea_cultural.training.data.rejections import ReadCallbacks, ReasonCounter
from pangea_cultural.training.data.sources import culturalground, export, fields, json_reader, llava_chat, m3ls
from pangea_cultural.training.data.sources.config import Source
from pangea_cultural.training.data.sources.open import open_source
from pangea_cultural.training.data.types import Conversation, SourceRow
from pangea_cultural.utils.console import Reporter
from pangea_cultural.utils.files import write_json
from tests.helpers import tiny


class Told:
    """A callbacks that remembers."""

    def __init__(self):
        self.rejected, self.notes, self.steps = ReasonCounter(), ReasonCounter(), []
        self.callbacks = ReadCallbacks(self.rejected.add, self.notes.add, self.steps.append)


def said(*texts):
    return [{"from": ("human", "gpt")[n % 2], "value": text} for n, text in enumerate(texts)]


def talk(**fields):
    return {"id": "a", "image": "1.png", "language": "de", "conversations": said("<image>\nWas?", "Das.")} | fields


def read_chat(path, rows, *, default_language="en"):
    path.write_text(json.dumps(rows))
    told = Told()
    return list(llava_chat.read(path, told.callbacks, default_language=default_language)), told


def only_reason(told):
    (reason,) = told.rejected.counts
    return reason


# JSON of any length


@pytest.fixture
def narrow(monkeypatch):
    """Windows of a few characters, so that rows span several."""
    monkeypatch.setattr(json_reader, "MEBIBYTE", 7)
    monkeypatch.setattr(json_reader, "LONGEST_ROW", 300)


def items(path, content):
    path.write_bytes(content)
    told = Told()
    found = [item for _, item in json_reader._items(path, told.callbacks)]
    return found, told


@pytest.mark.parametrize("indent", [None, 2])
def test_rows_of_an_array_may_span_windows(narrow, tmp_path, indent):
    rows = [{"a": "ü" * 30, "b": [1, {"c": "]},{"}]}, {}, 12345678, "x", []]
    found, told = items(tmp_path / "a.json", json.dumps(rows, indent=indent).encode())
    assert found == rows
    assert sum(told.steps) == json_reader.mebibytes(tmp_path / "a.json")


@pytest.mark.parametrize("length", range(1, 12))
def test_a_number_that_a_window_cuts_is_read_whole(monkeypatch, tmp_path, length):
    monkeypatch.setattr(json_reader, "MEBIBYTE", length)
    assert items(tmp_path / "a.json", b"[1234567890, 12]")[0] == [1234567890, 12]


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b" \n"])
def test_what_a_file_is_shows_in_its_first_character(tmp_path, start):
    assert items(tmp_path / "a", start + b'[{"a": 1}, {"a": 2}]')[0] == [{"a": 1}, {"a": 2}]
    assert items(tmp_path / "a", start + b'{"a": 1}\n\n{"a": 2}')[0] == [{"a": 1}, {"a": 2}]


def test_an_empty_array_and_an_empty_file_have_no_rows(tmp_path):
    assert items(tmp_path / "a", b"[ ]")[0] == items(tmp_path / "a", b"")[0] == []


@pytest.mark.parametrize(
    "content",
    [
        b'[{"a": 1}',
        b'[{"a": 1},',
        b'[{"a": 1},]',
        b'[{"a": 1} {"a": 2}]',
        b'[{"a": 1}] [{"a": 2}]',
        b'[{"a": 1}, {"a": nope}]',
        b'[{"a": 1}, \xff]',
        b'[{"a": 1}, {"a": "' + b"x" * 1000 + b'"}]',
    ],
)
def test_a_broken_array_is_refused_with_its_place(narrow, tmp_path, content):
    with pytest.raises(UserError, match=r"a\.json: broken JSON after row 1"):
        items(tmp_path / "a.json", content)


def test_brackets_without_end_are_refused(tmp_path):
    with pytest.raises(UserError, match="broken JSON after row 1"):
        items(tmp_path / "a.json", b'[{"a": 1}, ' + b"[" * 100_000)


def test_a_broken_line_is_a_rejected_row(tmp_path):
    lines = [b'{"a": 1}', b'{"a": ', b"[" * 100_000, b'{"a": "\xff"}', b'{"a": 2}']
    found, told = items(tmp_path / "a.jsonl", b"\n".join(lines))
    assert found == [{"a": 1}, {"a": 2}]
    assert told.rejected.counts == {"not JSON": 3}
    assert told.rejected.examples == {"not JSON": ["row 2", "row 3", "row 4"]}


def test_a_line_without_end_does_not_take_all_memory(narrow, tmp_path):
    found, told = items(tmp_path / "a.jsonl", b'{"a": "' + b"x" * 1000 + b'"}\n{"a": 2}')
    assert found == [{"a": 2}]
    assert set(told.rejected.counts) == {"not JSON"}


# Fields


@pytest.mark.parametrize(
    "path", ["../a.png", "/etc/passwd", "a/../../b.png", "..", "a\0b", "", ".", "./", 3, None, ["a"], {}, "\ud800.png"]
)
def test_a_image_path_that_leads_out_or_nowhere_is_refused(path):
    with pytest.raises(fields.RowError):
        fields.image(path)


def test_one_image_has_one_path():
    assert fields.image("./a//b.png") == fields.image("a/b.png") == "a/b.png"
    assert fields.image("a/..b.png") == "a/..b.png"


@pytest.mark.parametrize(("alias", "code"), [("de", "de"), ("iw", "he"), ("jw", "jv"), ("nb", "no"), ("NO", "no")])
def test_languages_are_known_by_aliases(alias, code):
    assert fields.language_code(alias, "") == code


@pytest.mark.parametrize("value", ["klingon", 3, ["de"], {}])
def test_an_unknown_language_is_refused(value):
    with pytest.raises(fields.RowError, match="unknown language"):
        fields.language_code(value, "en")


# Chat


def test_a_chat_row_is_taken_with_all_its_turns(tmp_path):
    rows, told = read_chat(tmp_path / "a.json", [talk(conversations=said("<image>\nWas?", "Das.", "Wo? ", " Hier."))])
    assert rows == [
        SourceRow(Conversation("a", "de", (("Was?", "Das."), ("Wo?", "Hier.")), question_type="chat"), ("1.png",))
    ]
    assert not told.rejected.counts
    assert not told.notes.counts


@pytest.mark.parametrize("shown", [None, "", []])
def test_a_row_may_have_no_image(tmp_path, shown):
    (row,), _ = read_chat(tmp_path / "a.json", [talk(image=shown, conversations=said("Was?", "Das."))])
    assert row.images == ()


def test_with_one_image_all_marks_are_taken_off(tmp_path):
    asked = said("<image>Was <image>?", "Das. <image>")
    (row,), _ = read_chat(tmp_path / "a.json", [talk(image=["1.png"], conversations=asked)])
    assert row.conversation.turns == (("Was ?", "Das."),)


def test_with_several_images_marks_stay_where_they_stand(tmp_path):
    asked = said("<image> oder", "Ja.", "<image>?", "Nein.")
    (row,), _ = read_chat(tmp_path / "a.json", [talk(image=["1.png", "2.png"], conversations=asked)])
    assert row.images == ("1.png", "2.png")
    assert row.conversation.turns == (("<image> oder", "Ja."), ("<image>?", "Nein."))


def test_a_first_turn_that_is_not_the_humans_is_left_out_with_a_note(tmp_path):
    early = [{"from": "gpt", "value": "Hallo!"}, *said("Was?", "Das.")]
    (row,), told = read_chat(tmp_path / "a.json", [talk(conversations=early)])
    assert row.conversation.turns == (("Was?", "Das."),)
    assert sum(told.notes.counts.values()) == 1
    assert not told.rejected.counts


def test_a_row_without_a_language_is_in_the_default_one(tmp_path):
    row = talk()
    del row["language"]
    (found,), _ = read_chat(tmp_path / "a.json", [row], default_language="fr")
    assert found.conversation.language == "fr"
    nothing, told = read_chat(tmp_path / "a.json", [row], default_language="")
    assert nothing == []
    assert told.rejected.counts == {"no language": 1}


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"image": "../1.png"}, "image path outside the images folder"),
        ({"image": "/1.png"}, "image path outside the images folder"),
        ({"image": 3}, "an image path that is none"),
        ({"image": ["1.png", None]}, "an image path that is none"),
        ({"image": ["1.png", "2.png"]}, "image marks and images differ in number"),
        ({"image": None}, "image marks and images differ in number"),
        (
            {"image": ["1.png", "2.png"], "conversations": said("<image><image>", "<image>")},
            "an image mark in an answer",
        ),
        ({"language": "klingon"}, "unknown language"),
        ({"conversations": None}, "conversations that are no list of turns"),
        ({"conversations": ["Was?"]}, "conversations that are no list of turns"),
        ({"conversations": []}, "turns that are not question and answer by turns"),
        ({"conversations": said("Was?")}, "turns that are not question and answer by turns"),
        ({"conversations": said("Was?", "Das.")[1:]}, "turns that are not question and answer by turns"),
        ({"conversations": said("Was?", "Das.") * 2 + said("Wo?")}, "turns that are not question and answer by turns"),
        ({"conversations": [{"from": "system", "value": "x"}, *said("Was?", "Das.")]}, "a system turn"),
        ({"conversations": [{"from": "me", "value": "x"}]}, "a speaker that is neither human nor gpt"),
        ({"conversations": said("Was?", None)}, "a text that is not a string"),
        ({"conversations": said("Was?", "\ud800")}, "a text that is not Unicode"),
        ({"conversations": said("<image>", "Das.")}, "a question or answer without words"),
        ({"conversations": said("Was?", " ")}, "a question or answer without words"),
    ],
)
def test_what_is_wrong_with_a_chat_row_is_counted(tmp_path, wrong, reason):
    rows, told = read_chat(tmp_path / "a.json", [talk(**wrong), talk(id="good")])
    assert [row.conversation.id for row in rows] == ["good"]
    assert told.rejected.counts == {reason: 1}
    assert told.rejected.examples == {reason: ["a"]}


def test_bytes_that_are_no_text_cost_their_row_only(tmp_path):
    rows = json.dumps([talk(id="bad", conversations=said("Was?", "?!")), talk(id="good")]).encode()
    (tmp_path / "a.json").write_bytes(rows.replace(b"?!", b"\xff"))
    told = Told()
    found = list(llava_chat.read(tmp_path / "a.json", told.callbacks, default_language="en"))
    assert [row.conversation.id for row in found] == ["good"]
    assert told.rejected.examples == {"a text that is not Unicode": ["bad"]}


@pytest.mark.parametrize("id", [None, "", [], {}, "\ud800"])
def test_a_row_without_an_id_is_called_by_its_number(tmp_path, id):
    rows, _ = read_chat(tmp_path / "a.json", [talk(), talk(id=id), talk(id=1.5)])
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
TALKS = st.fixed_dictionaries(
    {},
    optional={
        "id": ANYTHING,
        "image": PATHS | st.lists(PATHS, max_size=3),
        "language": st.sampled_from(["de", "iw", "xx", None]) | ANYTHING,
        "conversations": st.lists(TURNS, max_size=4) | st.just(said("<image>\nWas?", "Das.")) | ANYTHING,
    },
)


@settings(deadline=None)  # the machine may be busy
@given(row=TALKS | ANYTHING)
def test_no_chat_row_whatever_crashes_the_reader(tmp_path_factory, row):
    rows, told = read_chat(tmp_path_factory.getbasetemp() / "any.json", [row])
    assert len(rows) + sum(told.rejected.counts.values()) == 1
    for found in rows:
        marks = sum(text.count("<image>") for turn in found.conversation.turns for text in turn)
        assert marks == (len(found.images) if len(found.images) > 1 else 0)
        assert all(text for turn in found.conversation.turns for text in turn)
        assert not any(path.startswith("/") or ".." in path.split("/") for path in found.images)


# CulturalGround


def published(**fields):
    asked = said('<image>\n"Which town is this?"', '"The town is Espoo."')
    row = {"id": "Q1_None", "image": "Images/japan/1.jpg", "language": "iw", "conversations": asked}
    return row | fields


REFINED = {
    "id": "Q1",
    "property_id": "None",
    "language": "hi",
    "original_question": "What?",
    "reformulated_question": '"Which town is this?"',
    "original_answer": "Espoo",
    "reformulated_answer": "The town is Espoo.",
    "label": "Espoo",
    "media": "1.jpg",
    "image": "None",
}


def read_ground(path, *rows):
    path.write_text("\n".join(map(json.dumps, rows)))
    told = Told()
    return list(culturalground.read(path, told.callbacks)), told


def test_a_published_chat_row_loses_its_quotes_and_gains_a_region(tmp_path):
    (row,), _ = read_ground(tmp_path / "CulturalGround-OE-Filtered-14M.json", published())
    turns = (("Which town is this?", "The town is Espoo."),)
    assert row == SourceRow(Conversation("Q1_None", "he", turns, "japan", "open"), ("japan/1.jpg",))


def test_a_regions_folder_is_known_in_any_case(tmp_path):
    (row,), _ = read_ground(tmp_path / "a.json", published(image="Images/Japan/1.jpg"))
    assert (row.conversation.region, row.images) == ("japan", ("japan/1.jpg",))


def test_a_published_file_of_choices_is_known_by_its_name(tmp_path):
    (row,), _ = read_ground(tmp_path / "CulturalGround-MCQs-Filtered-7M.json", published())
    assert row.conversation.question_type == "choice"


@pytest.mark.parametrize("text", ['"Espoo', 'Espoo"', 'the "Espoo"', '"'])
def test_a_quote_at_one_end_belongs_to_the_text(tmp_path, text):
    (row,), _ = read_ground(tmp_path / "a.jsonl", published(conversations=said("What?", text)))
    assert row.conversation.turns[0][1] == text


def test_a_refined_row_has_its_region_from_the_files_name(tmp_path):
    (row,), _ = read_ground(tmp_path / "india_refined.jsonl", REFINED)
    turns = (("Which town is this?", "The town is Espoo."),)
    assert row == SourceRow(Conversation("Q1", "hi", turns, "india", "open"), ("india/1.jpg",))


def test_both_published_layouts_may_stand_in_one_file(tmp_path):
    rows, _ = read_ground(tmp_path / "india_refined.jsonl", REFINED, published())
    assert [row.conversation.region for row in rows] == ["india", "japan"]


def test_a_folder_that_is_no_region_is_noted(tmp_path):
    rows, told = read_ground(tmp_path / "atlantis_refined.jsonl", REFINED, published(image="x/Atlantis/1.jpg"))
    assert [(row.conversation.region, row.images) for row in rows] == [
        ("", ("atlantis/1.jpg",)),
        ("", ("Atlantis/1.jpg",)),
    ]
    assert sum(told.notes.counts.values()) == 2


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (REFINED | {"media": "None"}, "no image in a region's folder"),
        (REFINED | {"media": "../1.jpg"}, "image path outside the images folder"),
        (REFINED | {"media": 3}, "an image path that is none"),
        (REFINED | {"reformulated_answer": "None"}, "no refined question and answer"),
        (REFINED | {"reformulated_answer": ' "" '}, "a question or answer without words"),
        (REFINED | {"reformulated_question": 3}, "a text that is not a string"),
        (REFINED | {"language": "None"}, "no language"),
        (published(image="1.jpg"), "no image in a region's folder"),
        (published(image=None), "no image in a region's folder"),
        (published(image=["a/1.jpg", "a/2.jpg"]), "no image in a region's folder"),
        (published(conversations=said("What?", '""')), "a question or answer without words"),
        (published(language=None), "no language"),
    ],
)
def test_what_is_wrong_with_a_published_row_is_counted(tmp_path, row, reason):
    rows, told = read_ground(tmp_path / "india_refined.jsonl", row)
    assert rows == []
    assert told.rejected.counts == {reason: 1}


# M3LS


def read_m3ls(path, rows, columns=None, instruction=""):
    path.write_text(json.dumps(rows))
    told = Told()
    columns = columns and config.parse(m3ls.Columns, columns, where="test")
    found = m3ls.read(path, told.callbacks, columns=columns, instruction=instruction, default_language="")
    return list(found), told


def test_columns_of_the_recipe_make_a_question(tmp_path):
    columns = {"text": "body", "summary": "short", "images": "files", "language": "lang"}
    rows = [
        {"body": "Long. ", "short": "S.", "files": ["1.png", "2.png"], "lang": "hi"},
        {"body": "Long.", "short": "S.", "files": "1.png", "lang": "hi"},
        {"body": "Long.", "short": "S.", "lang": "hi"},
        {"body": " ", "short": "S.", "lang": "hi"},
        {"body": "Long.", "lang": "hi"},
    ]
    found, told = read_m3ls(tmp_path / "a.json", rows, columns, "Summarize.")
    questions = [row.conversation.turns[0][0] for row in found]
    assert questions == ["<image>\n<image>\nSummarize.\n\nLong.", *["Summarize.\n\nLong."] * 2]
    assert {row.conversation.turns[0][1] for row in found} == {"S."}
    assert [len(row.images) for row in found] == [2, 1, 0]
    assert told.rejected.counts == {"a question or answer without words": 1, "a text that is not a string": 1}


def test_nothing_is_guessed_of_a_row_of_another_form(tmp_path):
    found, told = read_m3ls(tmp_path / "a.json", [talk(), {"text": "Long.", "summary": "S."}])
    assert [row.conversation.id for row in found] == ["a"]
    assert told.rejected.counts == {"neither a chat object nor columns in the recipe": 1}


def section(*images, **fields):
    return {"images": [[name, None] for name in images], "para": ["Long. \n", " "], "subheading": "Head"} | fields


def article(*sections, **fields):
    head = {"url": "https://example.org", "title": "T", "summary": " S. ", "keyword": ["k"]}
    return head | {str(number): section for number, section in enumerate(sections)} | fields


def write_published(folder, articles, images=("there.jpg",)):
    """A language of M3LS in its published layout."""
    for name in ("articles", "imagefolder"):
        (folder / name).mkdir(parents=True)
    for name, content in articles.items():
        (folder / f"articles/{name}.json").write_text(content if isinstance(content, str) else json.dumps(content))
    for name in images:
        (folder / "imagefolder" / name).touch()


PUBLISHED = {"type": "m3ls", "path": "M3LS", "instruction": "Summarize."}


def test_published_articles_are_read_folder_by_folder(tmp_path):
    write_published(tmp_path / "M3LS/bbcindonesia", {"b": article(section("there.jpg")), "a": article(section())})
    write_published(tmp_path / "M3LS/bbcnewsgujarati", {"c": article(section("gone.jpg", "there.jpg"))})
    corpus = opened(tmp_path, **PUBLISHED)
    asked = conversations(corpus)
    names = ["bbcindonesia/a", "bbcindonesia/b", "bbcnewsgujarati/c"]
    assert [(one.id, one.language) for one in asked] == list(zip(names, ["id", "id", "gu"], strict=True))
    assert {one.turns for one in asked} == {(("Summarize.\n\nHead\nLong.", "S."),)}
    shown = [corpus.images(number) for number in range(3)]
    assert shown == [(), ("bbcindonesia/imagefolder/there.jpg",), ("bbcnewsgujarati/imagefolder/there.jpg",)]
    assert all(path.is_file() for number in range(3) for path in corpus.group(number).images)


def test_the_folder_of_one_language_is_read_alone(tmp_path):
    write_published(tmp_path / "bbcmundo", {"a": article(section("there.jpg"))})
    corpus = opened(tmp_path, **PUBLISHED | {"path": "bbcmundo"})
    assert corpus.languages == ("es",) and corpus.images(0) == ("imagefolder/there.jpg",)


def test_sections_come_by_number_and_may_lack_what_they_do_not_need(tmp_path):
    long = {str(number): {"para": [f"Part {number}."]} for number in (10, 9, 1)} | {"2": {"subheading": None}}
    write_published(tmp_path / "bbchindi", {"a": article(**long)})
    (asked,) = conversations(opened(tmp_path, **PUBLISHED | {"path": "bbchindi"}))
    assert asked.turns[0][0] == "Summarize.\n\nPart 1.\nPart 9.\nPart 10."


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (article(section("gone.jpg")), "image missing"),
        (article(section("x" * 300)), "image missing"),
        (article(section("there.jpg", "../outside.jpg")), "image path outside the images folder"),
        (article(section("/etc/passwd")), "image path outside the images folder"),
        (article(section(images=["there.jpg"])), "an image path that is none"),
        (article(section(images="there.jpg")), "images that is no list"),
        (article(section(para="Long.")), "para that is no list"),
        (article(section(para=[3])), "a text that is not a string"),
        (article([]), "a section that is none"),
        (article(), "a question or answer without words"),
        (article(section(), summary=""), "a question or answer without words"),
        (article(section(), summary=None), "a text that is not a string"),
        ([], "not a JSON object"),
        ('{"summary": ', "not JSON"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_what_is_wrong_with_an_article_is_counted(tmp_path, wrong, reason):
    write_published(tmp_path / "bbchindi", {"bad": wrong, "good": article(section())})
    (tmp_path / "bbchindi/outside.jpg").touch()
    corpus = opened(tmp_path, **PUBLISHED | {"path": "bbchindi"})
    assert [asked.id for asked in conversations(corpus)] == ["bbchindi/good"]
    assert (corpus.rejected, corpus.examples) == ({reason: 1}, {reason: ["bbchindi/bad"]})


def test_an_article_whose_name_is_not_utf_8_is_counted(tmp_path):
    strange = os.fsdecode(b"\xff")
    write_published(tmp_path / "M3LS/bbchindi", {"a": article(section()), strange: article(section())})
    write_published(tmp_path / f"M3LS/bbc{strange}", {"a": article(section())})
    corpus = opened(tmp_path, **PUBLISHED | {"default_language": "hi"})
    assert [asked.id for asked in conversations(corpus)] == ["bbchindi/a"]
    assert corpus.examples == {"file name that is not UTF-8": [r"bbchindi/\xff", r"bbc\xff/a"]}


def test_an_article_without_end_is_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(json_reader, "LONGEST_ROW", 200)
    write_published(tmp_path / "bbchindi", {"a": article(section()), "b": article(section(para=["Long." * 40]))})
    corpus = opened(tmp_path, **PUBLISHED | {"path": "bbchindi"})
    assert [asked.id for asked in conversations(corpus)] == ["bbchindi/a"]
    assert corpus.examples == {"not JSON": ["bbchindi/b"]}


@pytest.mark.timeout(20)
def test_only_regular_files_are_articles(tmp_path):
    write_published(tmp_path / "bbchindi", {"a": article(section())})
    os.mkfifo(tmp_path / "bbchindi/articles/pipe.json")
    (tmp_path / "bbchindi/articles/folder.json").mkdir()
    assert opened(tmp_path, **PUBLISHED | {"path": "bbchindi"}).num_conversations == 1


PUBLISHED_FOLDERS = {
    "bn": "bangla",
    "en": "english",
    "es": "mundo",
    "fr": "afrique",
    "gu": "newsgujarati",
    "hi": "hindi",
    "id": "indonesia",
    "ja": "japanese",
    "mr": "marathi",
    "ne": "nepali",
    "pa": "newspunjabi",
    "ps": "pashto",
    "pt": "brasil",
    "ru": "russian",
    "si": "sinhala",
    "ta": "tamil",
    "te": "newstelugu",
    "uk": "ua",
    "ur": "urdu",
    "zh": "chinese",
}


def test_the_language_of_every_published_folder_is_known():
    assert {m3ls.language_of(f"bbc{name}"): name for name in PUBLISHED_FOLDERS.values()} == PUBLISHED_FOLDERS


def test_folders_in_capitals_are_read_too(tmp_path):
    write_published(tmp_path / "M3LS/BBCHindi", {"a": article(section())})
    assert opened(tmp_path, **PUBLISHED).languages == ("hi",)


def test_articles_in_a_folder_of_no_language_are_dropped_unless_the_recipe_says_which(tmp_path):
    write_published(tmp_path / "bbcklingon", {"a": article(section())})
    with pytest.raises(UserError, match="no questions"):
        opened(tmp_path, **PUBLISHED | {"path": "bbcklingon"})
    assert opened(tmp_path, **PUBLISHED | {"path": "bbcklingon", "default_language": "mr"}).languages == ("mr",)


def test_a_image_that_is_there_now_makes_a_new_corpus(tmp_path):
    write_published(tmp_path / "bbchindi", {"a": article(section("late.jpg")), "b": article(section())})
    before = opened(tmp_path, **PUBLISHED | {"path": "bbchindi"})
    (tmp_path / "bbchindi/imagefolder/late.jpg").touch()
    now = opened(tmp_path, **PUBLISHED | {"path": "bbchindi"})
    assert (before.num_conversations, now.num_conversations) == (1, 2)


@pytest.mark.parametrize("change", [{"images": "p"}, {"columns": {"text": "t", "summary": "s"}}, {"instruction": ""}])
def test_what_does_not_go_with_the_published_layout_is_refused(tmp_path, change):
    write_published(tmp_path / "M3LS/bbchindi", {"a": article(section())})
    with pytest.raises(UserError, match="M3LS as published: give it an instruction"):
        opened(tmp_path, **PUBLISHED | change)


def test_the_papers_recipe_reads_m3ls_as_published(tmp_path):
    write_published(tmp_path / "data/M3LS/bbchindi", {"a": article(section("there.jpg"))})
    path = config.find("recipe", "culturalpangea-7b", recipe.RECIPES)
    said = config.load(recipe.Recipe, path).sources[-1].model_dump()
    assert opened(tmp_path, **said).languages == ("hi",)


def test_articles_without_their_folder_of_images_are_refused(tmp_path):
    write_published(tmp_path / "M3LS/bbchindi", {"a": article(section())}, images=())
    (tmp_path / "M3LS/bbchindi/imagefolder").rmdir()
    with pytest.raises(UserError, match=r"no images at .*imagefolder: unpack the whole archive"):
        opened(tmp_path, **PUBLISHED)


@pytest.mark.parametrize("part", ["articles", "articles/a.json"])
def test_a_part_of_a_language_as_published_is_refused(tmp_path, part):
    write_published(tmp_path / "bbchindi", {"a": article(section("there.jpg"))})
    with pytest.raises(UserError, match=f"bbchindi/{part} is a part of .*: give the language's folder .*/bbchindi$"):
        opened(tmp_path, **PUBLISHED | {"path": f"bbchindi/{part}"})


def test_a_file_that_the_user_has_made_may_lie_in_a_folder_called_articles(tmp_path):
    (tmp_path / "articles").mkdir()
    (tmp_path / "articles/m3ls.json").write_text(json.dumps([talk()]))
    assert opened(tmp_path, type="m3ls", path="articles/m3ls.json").num_conversations == 1


# Recipe and cache


def source(**fields):
    return TypeAdapter(Source).validate_python(fields)


class Recipe(config.Config):
    sources: tuple[Source, ...]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"type": "export", "path": "e", "weight": 2, "count": 3}, "either weight or count"),
        ({"type": "export", "path": "e", "regions": ["japn"]}, "Did you mean japan"),
        ({"type": "chat", "path": "e", "languages": ["xx"]}, "Unknown language 'xx'"),
        ({"type": "chat", "path": "e", "default_language": "xx"}, "Unknown language 'xx'"),
        (
            {"type": "chat", "path": "e", "split": "dev"},
            "Unknown key 'split'. Known: count, default_language, estimate",
        ),
        ({"type": "m3ls", "path": "e", "columns": {"text": "t", "summary": "s"}}, "columns need an instruction"),
        ({"type": "export", "path": "e", "split": "all"}, "'train', 'dev', 'test' or 'unseen'"),
    ],
)
def test_a_wrong_source_is_refused_in_one_line(fields, message):
    with pytest.raises(UserError, match=message):
        config.parse(Recipe, {"sources": [fields]}, where="r.toml")


def test_a_sources_share_is_one_unless_it_says_otherwise():
    assert source(type="chat", path="a").share == 1
    assert source(type="chat", path="a", weight=2).share == 2
    counted = source(type="chat", path="a", count=5)
    assert (counted.weight, counted.share) == (None, 5)
    assert source(**counted.model_dump()) == counted


@pytest.fixture
def workspace(tmp_path):
    tiny.write_export(tmp_path / "export")
    (tmp_path / "chat").mkdir()
    rows = [
        talk(),
        talk(id="b", language="en"),
        talk(id="c", language="xx"),
        talk(id="d", language="nl", image="2.png"),
    ]
    (tmp_path / "chat/a.json").write_text(json.dumps(rows))
    return tmp_path


class Notes(Reporter):
    """A reporter that keeps its notes."""

    def __init__(self):
        super().__init__(quiet=True)
        self.notes = []

    def note(self, text):
        self.notes.append(text)


def opened(workspace, learnt=(), held_out=(), reporter=None, **fields):
    return open_source(
        1,
        source(**fields),
        workspace,
        workspace / "cache",
        languages=learnt,
        held_out=frozenset(held_out),
        reporter=reporter or Notes(),
    )


def conversations(corpus):
    return [asked for index in range(corpus.num_groups) for asked in corpus.group(index).conversations]


def test_an_export_is_read_split_by_split(workspace):
    train = opened(workspace, type="export", path="export")
    dev = opened(workspace, ["nl"], type="export", path="export", split="dev")
    group = train.group(0)
    assert (train.num_groups, dev.num_groups) == (10, 5)
    assert group.source == 1
    assert group.images[0].is_file()
    assert group.caption in tiny.NAMES["en"].values()
    assert {asked.question_type for asked in conversations(train)} == {"open", "choice"}
    assert {asked.region for asked in conversations(train)} == {"japan"}
    assert {asked.language for asked in conversations(dev)} == {"nl"}


@pytest.mark.parametrize(
    ("property", "language", "caption"), [("label", "en", "Peru"), ("label", "de", ""), ("P17", "en", "")]
)
def test_an_english_name_is_a_caption(property, language, caption):
    head = {
        "id": "a",
        "question_type": "open",
        "region": "japan",
        "entity": "Q1",
        "image": "1.png",
        "question": "What?",
    }
    question = vqa.Question(**head, property=property, language=language, answer="Peru", answers=("Peru",))
    assert export._row(question).caption == caption


def test_a_choice_without_its_answer_is_no_row():
    head = {
        "id": "a",
        "question_type": "choice",
        "region": "japan",
        "entity": "Q1",
        "image": "1.png",
        "question": "What?",
    }
    said = {"property": "P17", "language": "en", "answer": "Peru", "answers": ("Peru",), "choices": ("Chad", "Fiji")}
    with pytest.raises(fields.RowError, match="not among the options"):
        export._row(vqa.Question(**head, **said))


def test_only_the_regions_that_a_source_names_are_taken(tmp_path):
    rows = [
        published(),
        published(id="other", image="Images/india/1.jpg"),
        published(id="none", image="x/mars/1.jpg"),
    ]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    corpus = opened(tmp_path, type="culturalground", path="a.json", regions=["india"])
    assert [(asked.id, asked.region) for asked in conversations(corpus)] == [("other", "india")]
    assert corpus.rejected == {"region not in the recipe": 2}


def test_captions_are_english_whichever_languages_are_learnt(workspace):
    corpus = opened(workspace, ["de"], type="export", path="export", questions=["choice"])
    assert {asked.language for asked in conversations(corpus)} == {"de"}
    assert all(answer in "ABCD" for asked in conversations(corpus) for _, answer in asked.turns)
    captions = {corpus.group(index).caption for index in range(corpus.num_groups)}
    assert captions == set(tiny.NAMES["en"].values())


def test_images_lie_beside_the_file_unless_the_recipe_says_where(workspace):
    beside = opened(workspace, type="chat", path="chat/a.json").group(0)
    elsewhere = opened(workspace, type="chat", path="chat/a.json", images="images").group(0)
    assert beside.images == (workspace / "chat/1.png",)
    assert elsewhere.images == (workspace / "images/1.png",)


def test_a_folder_is_read_file_by_file(workspace):
    (workspace / "chat/b.jsonl").write_text(json.dumps(talk(id="later")))
    (workspace / "chat/notes.txt").write_text("no data")
    group = opened(workspace, type="chat", path="chat").group(0)
    assert [asked.id for asked in group.conversations] == ["a", "b", "later"]
    assert group.images == (workspace / "chat/1.png",)


def test_what_was_dropped_is_told(workspace):
    reporter = Notes()
    corpus = opened(workspace, ["de", "nl"], reporter=reporter, type="chat", path="chat/a.json", languages=["de"])
    assert corpus.rejected == {"language not in the recipe": 2, "unknown language": 1}
    assert "2 dropped: language not in the recipe (such as b)" in reporter.notes[0]
    assert "1 dropped: unknown language (such as c)" in reporter.notes[0]


def folders(workspace):
    return {path.name for path in (workspace / "cache").iterdir() if path.is_dir()}


def test_a_corpus_is_built_once(workspace, monkeypatch):
    first = opened(workspace, type="chat", path="chat/a.json")
    monkeypatch.setattr(llava_chat, "read", None)
    again = opened(workspace, type="chat", path="chat/a.json", count=2, images="elsewhere")
    assert len(folders(workspace)) == 1
    assert again.num_conversations == first.num_conversations


@pytest.mark.parametrize(
    "change", [{"languages": ["de"]}, {"default_language": "fr"}, {"held": ["fr"]}, {"wanted": ["de", "en"]}]
)
def test_whatever_changes_the_content_makes_a_new_corpus(workspace, change):
    opened(workspace, type="chat", path="chat/a.json")
    fields = {"type": "chat", "path": "chat/a.json"} | change
    opened(workspace, fields.pop("wanted", ()), fields.pop("held", ()), **fields)
    assert len(folders(workspace)) == 2


def test_changed_data_make_a_new_corpus(workspace):
    opened(workspace, type="chat", path="chat/a.json")
    (workspace / "chat/a.json").write_text(json.dumps([talk(id="new")]))
    assert [asked.id for asked in conversations(opened(workspace, type="chat", path="chat/a.json"))] == ["new"]


def test_a_held_out_row_is_refused_by_name(workspace):
    with pytest.raises(UserError, match="row d is in the held-out language nl"):
        opened(workspace, held_out=["nl"], type="chat", path="chat/a.json")
    assert opened(workspace, ["de"], ["nl"], type="chat", path="chat/a.json").num_conversations == 1


def test_an_export_that_holds_out_a_language_and_has_it_in_train_is_refused(tmp_path):
    leaky = tiny.write_export(tmp_path / "export", held_out=())
    write_json(tmp_path / "export/export.json", leaky.manifest | {"held_out_languages": ["nl"]})
    with pytest.raises(
        UserError, match=r"export: row .* of train is in the held-out language nl: build the export again"
    ):
        opened(tmp_path, ["de"], ["nl"], type="export", path="export")
    dev = opened(tmp_path, ["de"], ["nl"], type="export", path="export", split="dev")
    assert dev.languages == ("de",), "other splits have held-out languages"


@pytest.mark.parametrize(
    ("fields", "learnt", "message"),
    [
        (
            {"type": "chat", "path": "a/general.json"},
            (),
            "no chat data at .*/a/general.json: `pcult data synthetic-chat .*/a`",
        ),
        (
            {"type": "chat", "path": "PangeaIns.json"},
            (),
            "no chat data at .*/PangeaIns.json: put a file there, or a fold",
        ),
        ({"type": "m3ls", "path": "none.json"}, (), r"no m3ls data at .*none.json: .* archives \(bbc…/articles\)"),
        ({"type": "culturalground", "path": "cache"}, (), "no culturalground data at .*cache"),
        ({"type": "export", "path": "chat"}, (), "No complete export"),
        ({"type": "chat", "path": "chat/a.json"}, ("ja",), "no questions in ja"),
        ({"type": "chat", "path": "chat/a.json", "languages": ["de"]}, ("ja",), "its languages de are none"),
    ],
)
def test_a_source_without_questions_is_refused(workspace, fields, learnt, message):
    (workspace / "cache").mkdir()
    with pytest.raises(UserError, match=message):
        opened(workspace, learnt, **fields)
