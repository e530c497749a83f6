"""The robust reading of letters, in many languages."""

import pytest

from evalsuite.metrics.answer_words import fold_width
from evalsuite.metrics.choice import chosen_letter

OPTIONS = ["Klepon", "Lumpur Surga", "Putu Bambu", "Getuk"]


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        ("B", "B"),
        ("(b)", "B"),
        ("b.", "B"),
        ("**B**", "B"),
        ("\\boxed{B}", "B"),
        ("B. Lumpur Surga", "B"),
        ("a) klepon", "A"),
        ("答案是B", "B"),
        ("答案：Ｃ", "C"),
        ("正解はBです", "B"),
        ("정답은 B", "B"),
        ("คำตอบคือ B", "B"),
        ("الإجابة الصحيحة هي C", "C"),
        ("उत्तर: B", "B"),
        ("La risposta: (C)", "C"),
        ("Antwoord: (B)", "B"),
        ("Câu trả lời: B", "B"),
        ("Jibu ni C.", "C"),
        ("Die richtige Antwort ist C.", "C"),
        ("The correct answer is B. Here's why A is wrong", "B"),
        ("Answer: **D**", "D"),
        ("I think (C) because A is red", "C"),
        ("It is Klepon.", "A"),
        ("getuk", "D"),
        ("The correct answer is B, not A.", "B"),
        ("Die Antwort lautet B, weil A zu groß ist, nicht D", "B"),
        ("A. Klepon\nB. Lumpur Surga\nAnswer: B", "B"),
        ("B. Lumpur Surga\nA. Klepon is green", "B"),
    ],
)
def test_answer_chooses_a_letter(answer, letter):
    assert chosen_letter(answer, "ABCD", OPTIONS) == letter


@pytest.mark.parametrize(
    "answer",
    [
        *("", "①", "E", "B or C", "A and B", "A dog", "The answer is a dog", "Klepon, Getuk"),
        *("It is not B", "The answer is not A", "The answer is not option (C).", "Not A or B"),
        *("答案不是B", "不是B", "La respuesta no es B", "Ответ не B", "Die Antwort ist nicht B"),
        *("C is incorrect.", "B ist nicht richtig", "B不对"),
        "A. Klepon\nB. Lumpur Surga\nC. Putu Bambu\nD. Getuk",
        "B. Lumpur\nC. Putu",
    ],
)
def test_answer_without_one_letter_chooses_none(answer):
    assert chosen_letter(answer, "ABCD", OPTIONS) is None


@pytest.mark.parametrize(
    ("answer", "letter"),
    [("Vitamin C", "A"), ("The answer is vitamin C.", "A"), ("It is not vitamin C, but B", "B"), ("A. Vitamin C", "A")],
)
def test_letter_in_the_text_of_an_option_is_no_label(answer, letter):
    assert chosen_letter(answer, "ABCD", ["Vitamin C", "Vitamin D", "Vitamin A", "Vitamin B"]) == letter


def test_option_inside_of_a_named_option_does_not_count():
    assert chosen_letter("light blue", "AB", ["blue", "light blue"]) == "B"


def test_cues_cover_all_languages_of_training():
    from importlib import resources
    from tomllib import loads

    from pangea_cultural.reference.languages import languages

    table = loads((resources.files("evalsuite.metrics") / "answer_words.toml").read_text("utf-8"))
    assert set(table) == {code for code, row in languages().items() if row.cultural_ground}
    for code, row in table.items():
        assert row["cues"] and row["yes"] and row["no"] and row["unsure"], code
        assert chosen_letter(f"{row['cues'][0]}: C", "ABCD", []) == "C", code


def test_full_width_letters_are_folded_and_circled_digits_are_not():
    assert fold_width("ＡＢＣ１２　①²") == "ABC12 ①²"
