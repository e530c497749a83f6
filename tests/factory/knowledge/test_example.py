"""The example of own knowledge, from its files to the report."""

import csv
import re
from pathlib import Path

import pytest

import factory
from factory.exchange.card.attribution import ATTRIBUTION
from factory.store.store import Store
from pangea_cultural.dataset.check import check
from pangea_cultural.dataset.export import SPLITS, Export
from tests.helpers import world

FOLDER = Path(factory.__file__).parent / "own_knowledge"
EGYPT = {"bread", "car", "bicycle", "table", "window", "shoe"}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("example")
    (folder / "output.txt").write_text(world.build("own-knowledge", folder))
    return folder


@pytest.fixture(scope="module")
def export(workspace):
    return Export.open(workspace / "exports/own-knowledge")


@pytest.fixture(scope="module")
def questions(export):
    return [row for split in SPLITS for row in export.questions(split)]


def test_every_row_of_the_example_is_used(workspace):
    with Store.open(workspace / "store.duckdb", read_only=True) as store:
        assert store.value("SELECT count(*) FROM rejection WHERE unit IN ('row', 'file')") == 0
        for name in ("statements.csv", "images.csv"):
            with (FOLDER / name).open(encoding="utf-8") as file:
                lines = sum(1 for _ in csv.reader(file)) - 1
            assert store.value("SELECT count(DISTINCT line) FROM statement WHERE file = ?", [name]) == lines


def test_export_is_valid_and_ends_with_its_audit(workspace, export):
    assert check(export) == []
    assert export.manifest["audit"]["choice_rows"] > 150
    assert "Audit:" in (workspace / "output.txt").read_text()
    assert export.manifest["unreviewed_languages"] == ["en", "es", "ar"]


def test_all_relations_and_languages_are_asked(questions):
    assert {row.property for row in questions} == {"label", "occasion", "made_of", "everyday_word"}
    assert {row.language for row in questions} == {"en", "es", "ar"}
    assert {row.region for row in questions} == {"mexico", "egypt"}
    assert {row.question_type for row in questions} == {"open", "choice"}


def test_a_word_of_a_dialect_is_asked_in_its_language_only(questions):
    words = {
        (row.language, row.entity.removeprefix("x:") in EGYPT) for row in questions if row.property == "everyday_word"
    }
    assert words == {("es", False), ("ar", True)}


def test_a_second_name_is_a_right_answer(questions):
    rows = [row for row in questions if row.entity == "x:straw" and row.property == "label" and row.language == "es"]
    assert rows and {tuple(row.answers) for row in rows} == {("pajilla", "popote")}


def test_no_wrong_option_is_a_right_answer(questions):
    choices = [row for row in questions if row.question_type == "choice"]
    assert choices
    for row in choices:
        assert sum(option in row.answers for option in row.choices) == 1 and row.answer in row.choices
        assert len(set(row.choices)) == 4


def test_texts_do_not_name_the_answer(questions):
    assert [row.id for row in questions if row.answer.casefold() in row.question.casefold()] == []


def test_templates_are_right_in_form():
    assert "right in form" in world.run("data", "templates", "check", "own-knowledge")


def test_page_has_arabic_from_right_to_left(workspace, export):
    page = workspace / "page.html"
    world.run("data", "report", export.path, "--out", page)
    text = page.read_text("utf-8")
    assert 'lang="ar" dir="rtl"' in text and "everyday word" in text
    assert "Statements of own knowledge" in text


def test_card_names_the_licenses_of_images_and_statements(workspace, export):
    folder = workspace / "parquet"
    world.run("data", "export", "--format", "parquet", folder, "--data", export.path)
    card = (folder / "README.md").read_text("utf-8")
    assert re.search(r"^license:\n- cc0-1\.0$", card, re.MULTILINE)
    assert "license of the statement" in card and "Facts are from Wikidata" not in card
    assert (folder / "statements.parquet").is_file() and (folder / ATTRIBUTION).is_file()
