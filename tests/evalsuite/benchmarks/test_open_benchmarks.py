"""Prompts and scores of benchmarks with open answers: TextVQA, MTVQA, MERLIN-Rare and MMCultureQA."""

import orjson
import pytest

from evalsuite.benchmarks.culture import merlin_rare, mmcultureqa
from evalsuite.benchmarks.mainstream import mtvqa, textvqa


def test_textvqa_prompt_has_small_letters_as_the_harness():
    assert textvqa.prompt({"question": "what is the Brand of this Camera?"}) == (
        "What is the brand of this camera?\nAnswer the question using a single word or phrase."
    )


@pytest.mark.parametrize(
    ("answers", "answer", "reference"),
    [
        (["dakota"] * 10, "Dakota", 1),
        # Two of ten: those who gave it have one other, the eight others have both.
        (["dakota"] * 2 + ["x"] * 8, "dakota", (2 * 1 / 3 + 8 * 2 / 3) / 10),
        (["dakota"] * 1 + ["x"] * 9, "dakota", (0 + 9 * 1 / 3) / 10),
        (["dakota"] * 3 + ["x"] * 7, "dakota", (3 * 2 / 3 + 7) / 10),
        (["x"] * 10, "dakota", 0),
        (["two"] * 10, "2", 1),
        (["the mary's inn"] * 10, "mary 's inn", 1),
        (["8:00"] * 10, "8:00.", 1),
        (["5,000"] * 10, "5000", 1),
        (["it's 5:41 o'clock"] * 10, "It's 5:41 o'clock?", 1),
        (["dakota"] * 10, "It is dakota", 0),
    ],
)
def test_textvqa_is_the_agreement_with_nine_of_ten_annotators(answers, answer, reference):
    assert textvqa.score({"answers": answers}, answer).reference == pytest.approx(reference)


def test_textvqa_robust_score_accepts_a_sentence():
    score = textvqa.score({"answers": ["dakota"] * 10}, "It is a Dakota.")
    assert score.reference == 0 and score.robust == 1
    assert textvqa.score({"answers": [""] * 10}, "x").robust == 0
    assert textvqa.drop({"answers": []}) == "no answers in the data"


def test_mtvqa_reads_the_text_of_a_list():
    pairs = [{"question": " Qui ?", "answer": "L'Oréal"}, {"question": "", "answer": "x"}, {"question": "Où ?"}]
    assert mtvqa.questions({"qa_pairs": str(pairs)}) == [{"question": "Qui ?", "answer": "L'Oréal"}]
    for broken in ("[{'question': ", "3", "[1]", "[" * 9000):
        (row,) = mtvqa.questions({"qa_pairs": broken})
        assert mtvqa.drop(row) == "questions are not readable"


@pytest.mark.parametrize(
    ("right", "answer", "reference", "robust"),
    [
        ("1.5", "Le prix est 1.5 €", 1, 1),
        ("1.5", "15", 1, 0),
        ("L'Oréal", "l'oréal.", 1, 1),
        ("man", "woman", 1, 0),
        (".", "anything", 1, 0),
        ("東京", "東京駅", 1, 1),
    ],
)
def test_mtvqa_scores_as_the_reference_and_without_its_faults(right, answer, reference, robust):
    score = mtvqa.score({"answer": right}, answer)
    assert (score.reference, score.robust) == (reference, robust)


def test_mtvqa_prompt_is_that_of_the_harness():
    assert mtvqa.prompt({"question": " Qui ? "}) == (
        "Qui ?\nAnswer the question using a word or phrase in the language of the question."
    )


def test_merlin_rare_tells_by_which_measures_an_entity_is_rare():
    row = {f"rare_{measure}": measure == "image_count" for measure in merlin_rare.MEASURES}
    facets = merlin_rare.facets(row)
    assert len(facets) == 15 and [name for name, value in facets.items() if value == "yes"] == ["rare by image_count"]


def test_mmcultureqa_names_the_variety_in_the_prompt():
    row = {"split": "ajp", "question": "شو هاد؟"}
    assert mmcultureqa.prompt(row) == (
        "شو هاد؟\nAnswer the question about the image in one or two sentences, in Levantine Arabic. "
        "Give only the answer."
    )
    assert mmcultureqa.language(row) == "ar" and mmcultureqa.language({"split": "en"}) == "en"


def test_mmcultureqa_score_is_rouge_l_and_no_reference():
    row = {"split": "en", "answer": "A coffee pot."}
    assert mmcultureqa.score(row, "a COFFEE pot").robust == 1
    assert 0 < mmcultureqa.score(row, "It is a pot").robust < 1
    assert mmcultureqa.score(row, "tea").robust == 0 and mmcultureqa.score(row, "tea").reference is None
    assert mmcultureqa.DEVTEST.score(row, "tea").robust is None


def test_mmcultureqa_tells_whether_an_answer_is_in_the_language_of_the_question():
    row = {"split": "arz", "answer": "دي دلة قهوة."}
    assert mmcultureqa.score(row, "هذه دلة قهوة عربية كبيرة من النحاس.").more == {"language fidelity": 1}
    assert mmcultureqa.score(row, "It is a large coffee pot made of copper.").more == {"language fidelity": 0}


def test_mmcultureqa_submission_has_one_line_for_each_id():
    rows = [{"id": name, "split": track} for track in ("en", "msa") for name in ("a", "b")]
    lines = mmcultureqa.submission(rows, ["A pot. ", "b\nb", "دلة", ""]).splitlines()
    assert [orjson.loads(line) for line in lines] == [
        {"id": "a", "answers": {"en": "A pot.", "msa": "دلة"}},
        {"id": "b", "answers": {"en": "b\nb", "msa": ""}},
    ]
