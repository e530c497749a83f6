"""The reader of M3LS."""

import json
import os

import pytest

from pangea_cultural import config
from pangea_cultural.dataset.sources import json_reader, m3ls, reasons
from pangea_cultural.errors import UserError
from pangea_cultural.training.recipe import RECIPES, Recipe
from tests.helpers.source_rows import RecordedRead, chat_object, conversations, open_corpus

PUBLISHED = {"type": "m3ls", "path": "M3LS", "instruction": "Summarize."}


def read_file(path, rows, columns=None, instruction=""):
    path.write_text(json.dumps(rows))
    read = RecordedRead()
    columns = columns and config.parse(m3ls.Columns, columns, where="test")
    rows = m3ls.read(path, read.callbacks, columns=columns, instruction=instruction, default_language="")
    return list(rows), read


def section(*images, **fields):
    return {"images": [[name, None] for name in images], "para": ["Long. \n", " "], "subheading": "Head"} | fields


def article(*sections, **fields):
    head = {"url": "https://example.org", "title": "T", "summary": " S. ", "keyword": ["k"]}
    return head | {str(number): section for number, section in enumerate(sections)} | fields


def write_published(folder, articles, images=("there.jpg",)):
    """Write a language folder of M3LS as published."""
    for name in ("articles", "imagefolder"):
        (folder / name).mkdir(parents=True)
    for name, content in articles.items():
        (folder / f"articles/{name}.json").write_text(content if isinstance(content, str) else json.dumps(content))
    for name in images:
        (folder / "imagefolder" / name).touch()


def test_columns_of_the_recipe_make_a_question(tmp_path):
    columns = {"text": "body", "summary": "short", "images": "files", "language": "lang"}
    rows = [
        {"body": "Long. ", "short": "S.", "files": ["1.png", "2.png"], "lang": "hi"},
        {"body": "Long.", "short": "S.", "files": "1.png", "lang": "hi"},
        {"body": "Long.", "short": "S.", "lang": "hi"},
        {"body": " ", "short": "S.", "lang": "hi"},
        {"body": "Long.", "lang": "hi"},
    ]
    rows, read = read_file(tmp_path / "a.json", rows, columns, "Summarize.")
    questions = [row.conversation.turns[0][0] for row in rows]
    assert questions == ["<image>\n<image>\nSummarize.\n\nLong.", *["Summarize.\n\nLong."] * 2]
    assert {row.conversation.turns[0][1] for row in rows} == {"S."}
    assert [len(row.images) for row in rows] == [2, 1, 0]
    assert read.rejected.counts == {reasons.EMPTY_TEXT: 1, reasons.TEXT_NOT_A_STRING: 1}


def test_row_of_unknown_layout_is_rejected(tmp_path):
    rows, read = read_file(tmp_path / "a.json", [chat_object(), {"text": "Long.", "summary": "S."}])
    assert [row.conversation.id for row in rows] == ["a"]
    assert read.rejected.counts == {reasons.UNKNOWN_ROW_LAYOUT: 1}


def test_published_folders_are_read_one_by_one(tmp_path):
    write_published(tmp_path / "M3LS/bbcindonesia", {"b": article(section("there.jpg")), "a": article(section())})
    write_published(tmp_path / "M3LS/bbcnewsgujarati", {"c": article(section("gone.jpg", "there.jpg"))})
    corpus = open_corpus(tmp_path, **PUBLISHED)
    articles = conversations(corpus)
    ids = ["bbcindonesia/a", "bbcindonesia/b", "bbcnewsgujarati/c"]
    assert [(one.id, one.language) for one in articles] == list(zip(ids, ["id", "id", "gu"], strict=True))
    assert {one.turns for one in articles} == {(("Summarize.\n\nHead\nLong.", "S."),)}
    images = [corpus.images(index) for index in range(3)]
    assert images == [(), ("bbcindonesia/imagefolder/there.jpg",), ("bbcnewsgujarati/imagefolder/there.jpg",)]
    assert all(path.is_file() for index in range(3) for path in corpus.group(index).images)


def test_single_language_folder_is_read(tmp_path):
    write_published(tmp_path / "bbcmundo", {"a": article(section("there.jpg"))})
    corpus = open_corpus(tmp_path, **PUBLISHED | {"path": "bbcmundo"})
    assert corpus.languages == ("es",) and corpus.images(0) == ("imagefolder/there.jpg",)


def test_sections_are_in_numeric_order_and_may_lack_keys(tmp_path):
    sections = {str(number): {"para": [f"Part {number}."]} for number in (10, 9, 1)} | {"2": {"subheading": None}}
    sections |= {"9" * 5000: {"para": ["Not a section."]}}
    write_published(tmp_path / "bbchindi", {"a": article(**sections)})
    (one,) = conversations(open_corpus(tmp_path, **PUBLISHED | {"path": "bbchindi"}))
    assert one.turns[0][0] == "Summarize.\n\nPart 1.\nPart 9.\nPart 10."


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (article(section("gone.jpg")), reasons.IMAGE_MISSING),
        (article(section("x" * 300)), reasons.IMAGE_MISSING),
        (article(section("there.jpg", "../outside.jpg")), reasons.IMAGE_PATH_OUTSIDE_FOLDER),
        (article(section("/etc/passwd")), reasons.IMAGE_PATH_OUTSIDE_FOLDER),
        (article(section(images=["there.jpg"])), reasons.INVALID_IMAGE_PATH),
        (article(section(images="there.jpg")), reasons.IMAGES_NOT_A_LIST),
        (article(section(para="Long.")), reasons.PARAGRAPHS_NOT_A_LIST),
        (article(section(para=[3])), reasons.TEXT_NOT_A_STRING),
        (article([]), reasons.SECTION_NOT_AN_OBJECT),
        (article(), reasons.EMPTY_TEXT),
        (article(section(), summary=""), reasons.EMPTY_TEXT),
        (article(section(), summary=None), reasons.TEXT_NOT_A_STRING),
        ([], reasons.NOT_AN_OBJECT),
        ('{"summary": ', reasons.NOT_JSON),
        ("[" * 100_000, reasons.NOT_JSON),
    ],
)
def test_invalid_article_is_counted_with_its_reason(tmp_path, content, reason):
    write_published(tmp_path / "bbchindi", {"bad": content, "good": article(section())})
    (tmp_path / "bbchindi/outside.jpg").touch()
    corpus = open_corpus(tmp_path, **PUBLISHED | {"path": "bbchindi"})
    assert [one.id for one in conversations(corpus)] == ["bbchindi/good"]
    assert (corpus.rejected, corpus.examples) == ({reason: 1}, {reason: ["bbchindi/bad"]})


def test_article_name_that_is_not_utf_8_is_counted(tmp_path):
    not_utf_8 = os.fsdecode(b"\xff")
    write_published(tmp_path / "M3LS/bbchindi", {"a": article(section()), not_utf_8: article(section())})
    write_published(tmp_path / f"M3LS/bbc{not_utf_8}", {"a": article(section())})
    corpus = open_corpus(tmp_path, **PUBLISHED | {"default_language": "hi"})
    assert [one.id for one in conversations(corpus)] == ["bbchindi/a"]
    assert corpus.examples == {reasons.FILE_NAME_NOT_UTF8: [r"bbchindi/\xff", r"bbc\xff/a"]}


def test_oversized_article_is_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(json_reader, "MAX_ROW_LENGTH", 200)
    write_published(tmp_path / "bbchindi", {"a": article(section()), "b": article(section(para=["Long." * 40]))})
    corpus = open_corpus(tmp_path, **PUBLISHED | {"path": "bbchindi"})
    assert [one.id for one in conversations(corpus)] == ["bbchindi/a"]
    assert corpus.examples == {reasons.NOT_JSON: ["bbchindi/b"]}


@pytest.mark.timeout(20)
def test_only_regular_files_are_articles(tmp_path):
    write_published(tmp_path / "bbchindi", {"a": article(section())})
    os.mkfifo(tmp_path / "bbchindi/articles/pipe.json")
    (tmp_path / "bbchindi/articles/folder.json").mkdir()
    assert open_corpus(tmp_path, **PUBLISHED | {"path": "bbchindi"}).num_conversations == 1


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


def test_every_published_folder_has_a_language():
    assert {m3ls.language_of(f"bbc{name}"): name for name in PUBLISHED_FOLDERS.values()} == PUBLISHED_FOLDERS


def test_folder_name_in_capitals_is_read(tmp_path):
    write_published(tmp_path / "M3LS/BBCHindi", {"a": article(section())})
    assert open_corpus(tmp_path, **PUBLISHED).languages == ("hi",)


def test_folder_of_unknown_language_needs_a_default_language(tmp_path):
    write_published(tmp_path / "bbcklingon", {"a": article(section())})
    with pytest.raises(UserError, match="no questions"):
        open_corpus(tmp_path, **PUBLISHED | {"path": "bbcklingon"})
    assert open_corpus(tmp_path, **PUBLISHED | {"path": "bbcklingon", "default_language": "mr"}).languages == ("mr",)


def test_added_image_makes_a_new_corpus(tmp_path):
    write_published(tmp_path / "bbchindi", {"a": article(section("late.jpg")), "b": article(section())})
    before = open_corpus(tmp_path, **PUBLISHED | {"path": "bbchindi"})
    (tmp_path / "bbchindi/imagefolder/late.jpg").touch()
    after = open_corpus(tmp_path, **PUBLISHED | {"path": "bbchindi"})
    assert (before.num_conversations, after.num_conversations) == (1, 2)


@pytest.mark.parametrize("change", [{"images": "p"}, {"columns": {"text": "t", "summary": "s"}}, {"instruction": ""}])
def test_published_layout_rejects_keys_of_other_layouts(tmp_path, change):
    write_published(tmp_path / "M3LS/bbchindi", {"a": article(section())})
    with pytest.raises(UserError, match=r"is published M3LS\. Set instruction"):
        open_corpus(tmp_path, **PUBLISHED | change)


def test_recipe_of_the_paper_reads_published_m3ls(tmp_path):
    write_published(tmp_path / "data/M3LS/bbchindi", {"a": article(section("there.jpg"))})
    source = config.load(Recipe, config.find("recipe", "culturalpangea-7b", RECIPES)).sources[-1].model_dump()
    assert open_corpus(tmp_path, **source).languages == ("hi",)


def test_articles_without_an_image_folder_are_an_error(tmp_path):
    write_published(tmp_path / "M3LS/bbchindi", {"a": article(section())}, images=())
    (tmp_path / "M3LS/bbchindi/imagefolder").rmdir()
    with pytest.raises(UserError, match=r"No images at .*imagefolder\. Unpack the complete archive\."):
        open_corpus(tmp_path, **PUBLISHED)


@pytest.mark.parametrize("part", ["articles", "articles/a.json"])
def test_part_of_a_published_folder_is_an_error(tmp_path, part):
    write_published(tmp_path / "bbchindi", {"a": article(section("there.jpg"))})
    message = f"bbchindi/{part} is a part of published M3LS. Use the language's folder .*/bbchindi\\.$"
    with pytest.raises(UserError, match=message):
        open_corpus(tmp_path, **PUBLISHED | {"path": f"bbchindi/{part}"})


def test_other_file_in_a_folder_named_articles_is_read(tmp_path):
    (tmp_path / "articles").mkdir()
    (tmp_path / "articles/m3ls.json").write_text(json.dumps([chat_object()]))
    assert open_corpus(tmp_path, type="m3ls", path="articles/m3ls.json").num_conversations == 1
