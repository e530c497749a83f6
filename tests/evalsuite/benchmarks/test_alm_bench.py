"""Options of ALM-Bench, which stand in brackets behind the right answer."""

import pytest

from evalsuite.benchmarks.culture import alm_bench
from evalsuite.benchmarks.culture.alm_bench import choices, prompt, score, shuffled, towervision_score

ROW = {
    "ID": "090_90_03_003",
    "Language": "German",
    "Question_Type": "Multiple Choice Questions",
    "Translated_Question": "Was trägt die Frau?",
    "Translated_Answer": "Dirndl (Optionen: Dirndl, Lederhosen, Sari, Kimono)",
}


@pytest.mark.parametrize(
    ("answer", "options", "right"),
    [
        (ROW["Translated_Answer"], ["Dirndl", "Lederhosen", "Sari", "Kimono"], 0),
        (" 和服（选项：旗袍、和服，纱丽）。", ["旗袍", "和服", "纱丽"], 1),
        ("كيمونو (الخيارات: ساري، كيمونو)", ["ساري", "كيمونو"], 1),
        ("Holi (Optionen: Holi, Diwali, das Lichterfest).", ["Holi", "Diwali, das Lichterfest"], 0),
        ("Rot (hell) (Optionen: Rot (hell), Blau)", ["Rot (hell)", "Blau"], 0),
    ],
)
def test_options_are_read_by_their_structure(answer, options, right):
    assert choices(answer) == (options, right)


@pytest.mark.parametrize("answer", ["Dirndl", "", ")", "Sari (Optionen: Dirndl, Kimono)", "Sari (Optionen: Sari)"])
def test_answer_without_readable_options_is_dropped(answer):
    row = ROW | {"Translated_Answer": answer}
    assert choices(answer) is None
    assert alm_bench.drop(row) == alm_bench.towervision_drop(row) == "options or right answer are not readable"


def test_right_option_is_not_always_first_after_shuffling():
    places = [shuffled(ROW | {"ID": str(number)}).right for number in range(200)]
    assert all(30 < places.count(place) < 70 for place in range(4))
    assert shuffled(ROW) == shuffled(ROW)


def test_letter_of_the_right_option_is_right():
    letter = "ABCD"[shuffled(ROW).right]
    assert f"{letter}. Dirndl" in prompt(ROW)
    assert (score(ROW, letter).robust, score(ROW, "das Dirndl").robust, score(ROW, "Sari").robust) == (1, 1, 0)


def test_exact_match_of_towervision_wants_case_and_no_period():
    found = {answer: towervision_score(ROW, answer) for answer in ("Dirndl", "Dirndl.", "dirndl", "Dirndl\n\nWeil")}
    assert [score.reference for score in found.values()] == [1, 0, 0, 1]
    assert [score.robust for score in found.values()] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("right", "answer", "robust"),
    [("Wahr", "Ja", 1), ("Wahr", "falsch", 0), ("ʻOiaʻiʻo", "ʻoiaʻiʻo.", 1), ("Wahr", "", 0)],
)
def test_true_false_answers_match_in_other_words(right, answer, robust):
    row = ROW | {"Question_Type": "True False Question", "Translated_Answer": right}
    assert score(row, answer).robust == robust
