"""Questions to judges, their verdicts and the scores from them: LLaVA-Bench, xChatBench and Aya Vision Bench."""

import pytest

from evalsuite.benchmarks.mainstream import aya_vision_bench, llava_bench, xchat

HARBOR = {
    "split": "de",
    "question": "Was ist auf diesem Bild des Hafens zu sehen?",
    "gpt_answer": "Zwei Boote liegen im Hafen, dahinter stehen einige alte Häuser.",
    "caption": ["Ein Hafen.", "Zwei Boote."],
}
GERMAN = "Auf dem Bild sind zwei kleine Boote in einem Hafen zu sehen."
ENGLISH = "The photo shows two small boats in a harbor near the old houses."


def test_llava_bench_asks_as_the_harness():
    question = llava_bench.judge_prompt(HARBOR, "Boote.")
    assert question.startswith("[Context]\nEin Hafen.\nZwei Boote.\n\n[Question]\nWas ist")
    assert "\n\n[Assistant 2]\nBoote.\n\n[End of Assistant 2]\n\n[System]\nWe would like to request" in question
    assert question.endswith("affect your judgment.\n\n")


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("8 6.5\nBoth are fine.", (8, 6.5)),
        ("8,6\n", None),
        ("8, 6", None),
        ("Scores: 8 6", None),
        ("8 6 7", None),
        ("", None),
        ("nan 7", None),
        ("88 7", None),
        ("0 7", None),
    ],
)
def test_llava_bench_reads_two_ratings_from_the_first_line(text, verdict):
    if text == "8,6\n":
        verdict = (8, 6)
    assert llava_bench.verdict(text) == verdict


def test_llava_bench_mean_is_the_ratio_of_mean_ratings():
    scores = llava_bench.scores([HARBOR] * 3, [GERMAN] * 3, [(8, 4), (4, 8), None])
    assert [score.robust for score in scores] == pytest.approx([4 / 6, 8 / 6, None])
    assert sum(score.robust for score in scores[:2]) / 2 == pytest.approx((4 + 8) / (8 + 4))
    assert scores[2].reference is None


def test_llava_bench_punishes_another_language_in_the_reference_score():
    german, english, empty = llava_bench.scores([HARBOR] * 3, [GERMAN, ENGLISH, ""], [(8, 8)] * 3)
    assert german.reference == german.robust == 1 and german.more == {"language fidelity": 1}
    assert english.reference == 0 and english.robust == 1 and english.more == {"language fidelity": 0}
    assert empty.reference == 0 and empty.answer is None


RATED = {
    "split": "Kinyarwanda",
    "system_prompt": "You are helpful.",
    "input": "Ni iki?",
    "reference_answer": "Ni inzu.",
    "score_rubric": {"criteria": "Is it right?", "score1_description": "no", "score5_description": "yes"},
}


def test_xchat_prompt_and_question_to_the_judge():
    assert xchat.prompt(RATED) == "You are helpful.\n\nNi iki?"
    question = xchat.judge_prompt(RATED, "Inzu")
    assert "[Answer to rate]\nInzu\n" in question and "Is it right?\n1: no\n2: \n3: \n4: \n5: yes" in question
    assert xchat.image_path({"file": "a/b/data.json", "place": 3}) == "a/b/3.jpg"


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Good.\nScore: 4", (4,)),
        ("score 2 would be harsh. **Score:** 5", (5,)),
        ("Score: 7", None),
        ("Score: 45", None),
        ("I cannot rate it.", None),
    ],
)
def test_xchat_reads_the_last_score(text, verdict):
    assert xchat.verdict(text) == verdict


def test_xchat_scores_are_from_zero_to_one():
    scores = xchat.scores([RATED] * 3, ["Inzu"] * 3, [(1,), (5,), None])
    assert [score.robust for score in scores] == [0, 1, None]
    assert all(score.reference is None for score in scores)


def test_aya_vision_bench_reads_one_verdict():
    assert aya_vision_bench.verdict("[[CORRECT]]") == (1,) and aya_vision_bench.verdict("So: [[WRONG]].") == (0,)
    assert aya_vision_bench.verdict("[[CORRECT]] or [[WRONG]]") is None and aya_vision_bench.verdict("yes") is None
    row = {"split": "deu_Latn", "prompt": "Was?", "reference": "Boote"}
    right, unknown = aya_vision_bench.scores([row] * 2, [GERMAN] * 2, [(1.0,), None])
    assert (right.reference, right.robust, unknown.reference, unknown.robust) == (1, 1, None, None)
    question = aya_vision_bench.judge_prompt(row, "x")
    assert question.endswith(
        "Question: Was?\nGround Truth Answer: Boote\nPredicted Answer: x\n\nIs the prediction correct? "
    )


def test_aya_vision_bench_drops_questions_without_a_reference():
    assert aya_vision_bench.drop({"reference": " "}) == "no reference answer in the data"
    assert len(aya_vision_bench.LANGUAGES) == 23
