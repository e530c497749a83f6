"""The reader of exports."""

import shutil
from collections import Counter

import pytest

from pangea_cultural.dataset.export import Export
from pangea_cultural.dataset.question import Question
from pangea_cultural.dataset.sources import fields, reasons
from pangea_cultural.errors import UserError
from pangea_cultural.training.data import reasons as training_reasons
from pangea_cultural.training.data.sources.config import ExportSource
from pangea_cultural.training.data.sources.export import source_row
from pangea_cultural.utils.files import write_json
from tests.helpers import tiny
from tests.helpers.source_rows import conversations, open_corpus

REASONS = {
    "language": training_reasons.EXCLUDED_LANGUAGE,
    "region": training_reasons.EXCLUDED_REGION,
    "question_type": training_reasons.EXCLUDED_QUESTION_TYPE,
}
HEAD = {"id": "a", "region": "japan", "entity": "Q1", "image": "1.png", "question": "What?", "answer": "Peru"}
SOURCE = ExportSource(type="export", path="exports/a")


@pytest.fixture
def workspace(tmp_path):
    tiny.write_export(tmp_path / "export")
    return tmp_path


def test_export_is_read_one_split_at_a_time(workspace):
    train = open_corpus(workspace, type="export", path="export")
    dev = open_corpus(workspace, ["nl"], type="export", path="export", split="dev")
    group = train.group(0)
    assert (train.num_groups, dev.num_groups) == (10, 5)
    assert group.source == 1
    assert group.images[0].is_file()
    assert group.caption in tiny.NAMES["en"].values()
    assert {one.question_type for one in conversations(train)} == {"open", "choice"}
    assert {one.region for one in conversations(train)} == {"japan"}
    assert {one.language for one in conversations(dev)} == {"nl"}


@pytest.mark.parametrize(
    ("property", "language", "caption"), [("label", "en", "Peru"), ("label", "de", ""), ("P17", "en", "")]
)
def test_english_label_is_the_caption(property, language, caption):
    question = Question(**HEAD, question_type="open", property=property, language=language, answers=("Peru",))
    assert source_row(question, SOURCE).caption == caption


@pytest.mark.parametrize(
    ("fields", "turn"),
    [
        ({}, ("What?\nBriefly.", "Peru")),
        ({"instructions": False}, ("What?", "Peru")),
        ({"answer_style": "sentence"}, ("What?", "It is Peru.")),
    ],
)
def test_source_decides_the_style_of_answers(fields, turn):
    texts = {"sentence": "It is Peru.", "instruction": "Briefly."}
    question = Question(**HEAD, **texts, question_type="open", property="P17", language="en", answers=("Peru",))
    source = ExportSource(type="export", path="exports/a", **fields)
    assert source_row(question, source).conversation.turns == (turn,)


def test_both_styles_are_equally_frequent_and_stay_the_same():
    source = ExportSource(type="export", path="exports/a", answer_style="both")
    texts = {"sentence": "It is Peru.", "question_type": "open", "property": "P17", "language": "en"}
    rows = [Question(**HEAD | {"id": str(n)}, **texts, answers=("Peru",)) for n in range(400)]
    answers = [source_row(row, source).conversation.turns[0][1] for row in rows]
    assert 0.4 < answers.count("Peru") / 400 < 0.6
    assert answers == [source_row(row, source).conversation.turns[0][1] for row in rows]


def test_choice_without_its_answer_is_rejected():
    choices = {"question_type": "choice", "choices": ("Chad", "Fiji")}
    with pytest.raises(fields.RowError, match=reasons.ANSWER_NOT_A_CHOICE):
        source_row(Question(**HEAD, **choices, property="P17", language="en", answers=("Peru",)), SOURCE)


@pytest.mark.parametrize(
    ("changes", "style"),
    [({"question": " "}, "short"), ({"answer": ""}, "short"), ({"sentence": "\u200b"}, "sentence")],
)
def test_blank_text_is_rejected(changes, style):
    row = HEAD | {"question_type": "open", "property": "P17", "language": "en", "instruction": "Briefly."} | changes
    source = ExportSource(type="export", path="exports/a", answer_style=style)
    with pytest.raises(fields.RowError, match=reasons.EMPTY_TEXT):
        source_row(Question(**row, answers=("Peru",)), source)


def test_captions_are_english_whatever_languages_are_trained(workspace):
    corpus = open_corpus(workspace, ["de"], type="export", path="export", question_types=["choice"])
    assert {one.language for one in conversations(corpus)} == {"de"}
    assert all(answer in "ABCD" for one in conversations(corpus) for _, answer in one.turns)
    captions = {corpus.group(index).caption for index in range(corpus.num_groups)}
    assert captions == set(tiny.NAMES["en"].values())


def test_rows_that_the_recipe_does_not_want_are_counted_by_their_first_reason(workspace):
    """Those that give captions are counted where they are written."""
    rows = Export.open(workspace / "export").table("train").to_pylist()
    wanted = {"language": ["de"], "region": ["japan"], "question_type": ["choice"]}
    expected = Counter()
    for row in rows:
        reason = next((REASONS[name] for name, values in wanted.items() if row[name] not in values), None)
        expected[reason] += 1
    corpus = open_corpus(workspace, ["de"], type="export", path="export", question_types=["choice"], regions=["japan"])
    assert corpus.num_conversations == expected.pop(None)
    assert corpus.rejected == expected and len(expected) == 2
    by_id = {row["id"]: row for row in rows}
    assert all(by_id[id]["language"] != "de" for id in corpus.examples[REASONS["language"]])


def test_table_that_differs_from_the_manifest_is_an_error(workspace):
    table = workspace / "export/questions-train.parquet"
    shutil.copy(workspace / "export/questions-dev.parquet", table)
    with pytest.raises(UserError, match=r"questions-train\.parquet has changed since .* Run `pcult data check"):
        open_corpus(workspace, ["de"], type="export", path="export")


def test_export_with_a_held_out_language_in_train_is_an_error(tmp_path):
    export = tiny.write_export(tmp_path / "export", held_out_languages=())
    write_json(tmp_path / "export/export.json", export.manifest | {"held_out_languages": ["nl"]})
    message = r"export: row .* of train is in the held-out language nl\. Build the export again\."
    with pytest.raises(UserError, match=message):
        open_corpus(tmp_path, ["de"], ["nl"], type="export", path="export")
    dev = open_corpus(tmp_path, ["de"], ["nl"], type="export", path="export", split="dev")
    assert dev.languages == ("de",), "other splits may have held-out languages"
