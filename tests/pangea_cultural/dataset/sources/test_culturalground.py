"""The reader of CulturalGround."""

import json

import pytest

from pangea_cultural.dataset.sources import culturalground, reasons
from pangea_cultural.dataset.sources.types import Conversation, SourceRow
from pangea_cultural.training.data.reasons import EXCLUDED_REGION
from tests.helpers.source_rows import RecordedRead, conversations, culturalground_object, messages, open_corpus

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


def read_objects(path, *rows):
    path.write_text("\n".join(map(json.dumps, rows)))
    read = RecordedRead()
    return list(culturalground.read(path, read.callbacks)), read


def test_chat_row_loses_its_quotes_and_gains_a_region(tmp_path):
    (row,), _ = read_objects(tmp_path / "CulturalGround-OE-Filtered-14M.json", culturalground_object())
    turns = (("Which town is this?", "The town is Espoo."),)
    assert row == SourceRow(Conversation("Q1_None", "he", turns, "japan", "open"), ("japan/1.jpg",))


def test_region_folder_matches_in_any_case(tmp_path):
    (row,), _ = read_objects(tmp_path / "a.json", culturalground_object(image="Images/Japan/1.jpg"))
    assert (row.conversation.region, row.images) == ("japan", ("japan/1.jpg",))


def test_file_name_with_mcq_means_multiple_choice(tmp_path):
    (row,), _ = read_objects(tmp_path / "CulturalGround-MCQs-Filtered-7M.json", culturalground_object())
    assert row.conversation.question_type == "choice"


@pytest.mark.parametrize("text", ['"Espoo', 'Espoo"', 'the "Espoo"', '"'])
def test_quote_at_one_end_stays(tmp_path, text):
    (row,), _ = read_objects(tmp_path / "a.jsonl", culturalground_object(conversations=messages("What?", text)))
    assert row.conversation.turns[0][1] == text


def test_refined_row_takes_its_region_from_the_file_name(tmp_path):
    (row,), _ = read_objects(tmp_path / "india_refined.jsonl", REFINED)
    turns = (("Which town is this?", "The town is Espoo."),)
    assert row == SourceRow(Conversation("Q1", "hi", turns, "india", "open"), ("india/1.jpg",))


def test_one_file_may_contain_both_layouts(tmp_path):
    rows, _ = read_objects(tmp_path / "india_refined.jsonl", REFINED, culturalground_object())
    assert [row.conversation.region for row in rows] == ["india", "japan"]


def test_unknown_region_is_noted(tmp_path):
    rows, read = read_objects(
        tmp_path / "atlantis_refined.jsonl", REFINED, culturalground_object(image="x/Atlantis/1.jpg")
    )
    assert [(row.conversation.region, row.images) for row in rows] == [
        ("", ("atlantis/1.jpg",)),
        ("", ("Atlantis/1.jpg",)),
    ]
    assert read.notes.counts == {reasons.REMARK_UNKNOWN_REGION: 2}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (REFINED | {"media": "None"}, reasons.NO_REGION_FOLDER),
        (REFINED | {"media": "../1.jpg"}, reasons.IMAGE_PATH_OUTSIDE_FOLDER),
        (REFINED | {"media": 3}, reasons.INVALID_IMAGE_PATH),
        (REFINED | {"reformulated_answer": "None"}, reasons.NO_REFINED_QUESTION),
        (REFINED | {"reformulated_answer": ' "" '}, reasons.EMPTY_TEXT),
        (REFINED | {"reformulated_question": 3}, reasons.TEXT_NOT_A_STRING),
        (REFINED | {"language": "None"}, reasons.NO_LANGUAGE),
        (culturalground_object(image="1.jpg"), reasons.NO_REGION_FOLDER),
        (culturalground_object(image=None), reasons.NO_REGION_FOLDER),
        (culturalground_object(image=["a/1.jpg", "a/2.jpg"]), reasons.NO_REGION_FOLDER),
        (culturalground_object(conversations=messages("What?", '""')), reasons.EMPTY_TEXT),
        (culturalground_object(language=None), reasons.NO_LANGUAGE),
    ],
)
def test_invalid_row_is_counted_with_its_reason(tmp_path, row, reason):
    rows, read = read_objects(tmp_path / "india_refined.jsonl", row)
    assert rows == []
    assert read.rejected.counts == {reason: 1}


def test_region_filter_keeps_only_the_named_regions(tmp_path):
    rows = [
        culturalground_object(),
        culturalground_object(id="other", image="Images/india/1.jpg"),
        culturalground_object(id="none", image="x/mars/1.jpg"),
    ]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    corpus = open_corpus(tmp_path, type="culturalground", path="a.json", regions=["india"])
    assert [(one.id, one.region) for one in conversations(corpus)] == [("other", "india")]
    assert corpus.rejected == {EXCLUDED_REGION: 2}
