"""Prompts and scores of multiple-choice benchmarks: Afri-MCQA, Kaleidoscope, RAVENEA and MMMB."""

import pytest

from evalsuite.benchmarks.culture import afri_mcqa, kaleidoscope, ravenea
from evalsuite.benchmarks.mainstream import mmmb

AFRI = {
    "ID": "Zulu_7",
    "eng_question": "What is this?",
    "correct_en": "basket",
    "wrong_en_o1": "pot",
    "wrong_en_o2": "hat",
    "wrong_en_o3": "nan",
    "native_question": "Yini le?",
    "correct_native": "ubhasikidi",
    "wrong_native_o1": "ibhodwe",
    "wrong_native_o2": "isigqoko",
    "wrong_native_o3": "isicathulo",
}


def test_afri_mcqa_shuffles_options_by_id():
    prompts = {afri_mcqa.prompt(AFRI | {"ID": f"Zulu_{number}"}).split("ubhasikidi")[0][-3] for number in range(40)}
    assert prompts == set("ABCD"), "the right option stands in every place"
    assert afri_mcqa.prompt(AFRI) == afri_mcqa.prompt(dict(AFRI))


def test_afri_mcqa_scores_the_shuffled_letter():
    for number in range(8):
        row = AFRI | {"ID": f"Zulu_{number}"}
        right = next(line[0] for line in afri_mcqa.prompt(row).splitlines() if line.endswith(". ubhasikidi"))
        assert afri_mcqa.score(row, right).robust == 1
        assert afri_mcqa.score(row, "ubhasikidi").robust == 1
        assert sum(afri_mcqa.score(row, letter).robust for letter in "ABCD") == 1
        assert afri_mcqa.score(row, right).reference is None


def test_afri_mcqa_leaves_out_absent_options_in_english():
    benchmark = afri_mcqa.IN_ENGLISH
    assert benchmark.prompt(AFRI).count("\n") == 5 and "nan" not in benchmark.prompt(AFRI)
    assert benchmark.chance(AFRI) == pytest.approx(1 / 3) and afri_mcqa.AFRI_MCQA.chance(AFRI) == 0.25


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"native_question": None}, "no question or no answer in the data"),
        ({"correct_native": "None"}, "no question or no answer in the data"),
        ({"wrong_native_o2": " Ubhasikidi."}, "the right answer is also a wrong one"),
        (dict.fromkeys(("wrong_native_o1", "wrong_native_o2", "wrong_native_o3")), "no wrong options in the data"),
        ({}, None),
    ],
)
def test_afri_mcqa_drops_rows_that_cannot_be_scored(changed, reason):
    assert afri_mcqa.drop(AFRI | changed) == reason


def test_afri_mcqa_has_sixteen_languages_of_which_fourteen_are_held_out():
    from pangea_cultural.reference.languages import training_languages

    codes = {afri_mcqa.AFRI_MCQA.language({"split": name}) for name in afri_mcqa.LANGUAGES}
    held_out = "ak ny ha ki rw ln lg om st tn so ti yo zu"
    assert sorted(codes - set(training_languages())) == sorted(held_out.split())


EXAM = {"language": "hr", "question": "Što?", "options": ["stanica", "list", "korijen"], "answer": 1, "image": "a.png"}


def test_kaleidoscope_prompt_is_that_of_direct_answers():
    assert kaleidoscope.prompt(EXAM) == (
        "\nOutput your choice in the specified JSON format.\n\nPitanje: Što?\nOpcije:\nA. stanica\nB. list\n"
        "C. korijen\n\nANSWER:"
    )
    assert kaleidoscope.paths(EXAM) == ["a.png"] and kaleidoscope.paths(EXAM | {"image": "None"}) == []


def test_kaleidoscope_options_that_are_images_have_places():
    row = EXAM | {"options": ["x/1.png", "x/2.JPG"]}
    assert kaleidoscope.paths(row) == ["a.png", "x/1.png", "x/2.JPG"]
    assert kaleidoscope.prompt(row).startswith("<image>\nOutput") and "A. <image>\nB. <image>\n" in kaleidoscope.prompt(
        row
    )
    assert kaleidoscope.options({"options": "['a', 'b']"}) == ["a", "b"]


@pytest.mark.parametrize(
    ("answer", "reference", "robust"),
    [
        ('{"choice": "B"}', 1, 1),
        ('```json\n{"choice": "b"}\n```', 1, 1),
        ('Sure! {"choice": "B. list"} is right', 1, 1),
        ("{'choice': 'B'}", 0, 1),
        ('{"choice": "Б"}', 1, 1),
        ('{"choice": "A. B. list"}', 0, None),
        ("<ANSWER> A </ANSWER> no, <answer>2</answer>", 1, 1),
        ("<ANSWER> (B). </ANSWER>", 1, 1),
        ("B", 1, 1),
        ("2", 1, None),
        ("The answer is B.", 0, 1),
        ("B.", 0, 1),
        ('{"choice": "E"}', 0, None),
        ('{"choice": 2}', 0, None),
        ("", 0, 0),
        ('{"choice": ' + "(" * 5000 + "}", 0, 0),
    ],
)
def test_kaleidoscope_reads_answers_as_the_reference(answer, reference, robust):
    score = kaleidoscope.score(EXAM, answer)
    assert score.reference == reference
    assert robust is None or score.robust == robust
    if reference:
        assert score.more["format error"] == 0


def test_kaleidoscope_counts_format_errors():
    assert kaleidoscope.score(EXAM, "The answer is B.").more == {"format error": 1}
    assert kaleidoscope.score(EXAM, '{"choice": "A"}').more == {"format error": 0}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"options": "['a"}, "options are not readable"),
        ({"options": []}, "options are not readable"),
        ({"answer": 3}, "no answer in the data"),
        ({}, None),
    ],
)
def test_kaleidoscope_drops_rows_that_cannot_be_scored(changed, reason):
    assert kaleidoscope.drop(EXAM | changed) == reason


LABELED = ["A. temple", "B. tomb", "C. school", "D. inn"]


def test_ravenea_has_a_question_for_each_entry():
    row = {"questions": ["Which?", "Who?"], "options": [LABELED, LABELED], "answers": ["B", "D"]}
    first, second = ravenea.questions(row)
    assert first == {"question": "Which?", "labeled": LABELED, "right": "B"} and second["right"] == "D"
    (broken,) = ravenea.questions(row | {"answers": ["B"]})
    assert ravenea.drop(broken) == "questions, options and answers are not readable"
    assert ravenea.drop(first) is None and ravenea.drop(first | {"right": "E"}) == "no answer in the data"


def test_ravenea_prompt_is_that_of_the_reference():
    assert ravenea.prompt({"question": "Which?", "labeled": LABELED}) == (
        "Answer the following multiple choice question for the image. The last line must be of the following format: "
        "'Answer: $LETTER' (without quotes) where LETTER must be one of A, B, C, or D.\n\nQuestion: Which?\n\n"
        "A. temple\nB. tomb\nC. school\nD. inn"
    )


@pytest.mark.parametrize(
    ("answer", "reference", "robust"),
    [
        ("Because of the dome.\nAnswer: B", 1, 1),
        ("Answer: B) tomb", 1, 1),
        ("B) tomb", 1, 1),
        (" B\n", 1, 1),
        ("B. tomb", 0, 1),
        ("answer: b", 0, None),
        ("Answer: BANANA", 1, None),
        ("**Answer: A**. No, Answer: B", 0, None),
        ("tomb", 0, 1),
    ],
)
def test_ravenea_reads_answers_as_the_reference(answer, reference, robust):
    score = ravenea.score({"labeled": LABELED, "right": "B"}, answer)
    assert score.reference == reference
    assert robust is None or score.robust == robust


MMMB = {"index": "3", "question": "How many?", "A": "twelve", "B": "two", "C": "fourteen", "D": "", "answer": "B"}


def test_mmmb_prompt_is_that_of_the_reference():
    assert mmmb.prompt(MMMB | {"hint": "Count."}) == (
        "Hint: Count.\nQuestion: How many?\nOptions:\nA. twelve\nB. two\nC. fourteen\n"
        "Please select the correct answer from the options above. \n"
    )
    assert mmmb.prompt(MMMB | {"hint": ""}).startswith("Question: How")


@pytest.mark.parametrize(
    ("answer", "reference", "robust"),
    [
        ("B", 1, 1),
        ("B. two", 1, 1),
        ("(B)", 1, 1),
        ("b", 0, 1),
        ("B is what I would choose here", 0, 1),
        ("The correct answer is **B** because of the many small dots in it.", 1, 1),
        ("Two", 1, 1),
        ("A B", 0, 0),
        ("I think that after looking at the whole image in detail it must be two of them", 0, 1),
        ("Cannot determine the answer, B", 0, None),
        ("", 0, 0),
    ],
)
def test_mmmb_infers_options_as_the_reference(answer, reference, robust):
    score = mmmb.score(MMMB, answer)
    assert score.reference == reference
    assert robust is None or score.robust == robust


def test_mmmb_drops_rows_whose_answer_is_no_option():
    assert mmmb.drop(MMMB) is None and mmmb.drop(MMMB | {"answer": "D"}) == "the right answer is not an option"
