"""Right answers and options of made rows, as reports show them."""

import pytest

from evalsuite.benchmarks.registry import PUBLISHED

ALM = {"ID": "1", "Language": "German", "Question_Type": "Multiple Choice Questions"}
TRUE_FALSE = {"Question_Type": "True False Question"}
CVQA = {"Options": ["ji", "akpu"], "Translated Options": ["yam", "fufu"], "Label": 1, "ID": "1"}
M3EXAM = {"language": "thai", "id": 0, "options": ["A. hall", "B. bath", "C. roof"], "answer_text": "2"}
DISH = {"qa_id": "1", "answer": "yo dish", "multi_choice_answer": 2}
DISH |= {"multi_choice_prompt": "Which?\n1. a\n2. b\n3. c\n4. d\n5. e\n\nPrint only the answer."}
AFRI = {"ID": "1", "correct_en": "cloth", "correct_native": "kente"}
AFRI |= {"wrong_en_o1": "pot", "wrong_en_o2": "nan", "wrong_native_o1": "ahina", "wrong_native_o2": None}
RAVENEA = {"question": "which?", "labeled": ["A. temple", "B. tomb"], "right": "B"}
MMMU = {"split": "en", "id": "validation_Art_1", "question_type": "multiple-choice", "options": "['Anna', 'Beno']"}
OPEN = {"split": "en", "id": "1", "question_type": "open", "options": "[]"}
MARVL = {"conversations": [{"value": "a"}, {"from": "gpt", "value": "false"}]}
MERLIN = {"English Wikipedia Title": "Peru (country)"}
GOLDEN = [
    ("alm_bench", ALM | TRUE_FALSE | {"Translated_Answer": "Wahr "}, ["Wahr"], []),
    ("alm_bench_towervision", ALM | {"Translated_Answer": "Sari (O: Dirndl, Sari)"}, ["B", "Sari"], ["Dirndl", "Sari"]),
    ("cvqa", CVQA, ["B", "akpu"], ["ji", "akpu"]),
    ("cvqa_english", CVQA, ["B", "fufu"], ["yam", "fufu"]),
    ("cvqa", CVQA | {"Translated Options": ["yam"]}, ["B"], []),
    ("marvl", MARVL, ["false"], []),
    ("nlvr2", MARVL, ["false"], []),
    ("maxm", {"answers": ["red", "Red", "red", ""]}, ["red", "Red"], []),
    ("m3exam", M3EXAM, ["B", "bath"], ["hall", "bath", "roof"]),
    ("m3exam", M3EXAM | {"answer_text": "none"}, ["none"], ["hall", "bath", "roof"]),
    ("merlin", MERLIN, ["Peru (country)"], []),
    ("merlin_rare", MERLIN, ["Peru (country)"], []),
    ("xm100", {"split": "quz", "caption": "Chakana"}, ["Chakana"], []),
    ("worldcuisines", DISH, ["2", "b"], ["a", "b", "c", "d", "e"]),
    ("worldcuisines_open", DISH, ["yo dish"], []),
    ("kaleidoscope", {"options": "['cell', 'leaf']", "answer": 1}, ["B", "leaf"], ["cell", "leaf"]),
    ("ravenea", RAVENEA, ["B", "tomb"], ["temple", "tomb"]),
    ("ravenea", RAVENEA | {"labeled": ["B. temple", "A. tomb"]}, ["B"], []),
    ("mmcultureqa", {"split": "msa", "answer": "إنها دلة قهوة."}, ["إنها دلة قهوة."], []),
    ("mmcultureqa_devtest", {"split": "msa"}, [], []),
    ("xgqa", {"answer": "man "}, ["man"], []),
    ("xmmmu", MMMU | {"answer": "B"}, ["B", "Beno"], ["Anna", "Beno"]),
    ("xmmmu", OPEN | {"answer": "['12', '12.0']"}, ["12", "12.0"], []),
    ("mmmu", OPEN | {"answer": ["half", "0.5", "half"]}, ["half", "0.5"], []),
    ("textvqa", {"answers": ["dakota", "dakota", "nikon"]}, ["dakota", "nikon"], []),
    ("mtvqa", {"question": "Qui ?", "answer": "L'Oréal"}, ["L'Oréal"], []),
    ("mmmb", {"A": "12", "B": "2", "C": "nan", "D": None, "answer": "B "}, ["B", "2"], ["12", "2"]),
    ("xchat", {"reference_answer": "An answer."}, ["An answer."], []),
    ("llava_bench", {"gpt_answer": "It is."}, [], []),
    ("aya_vision_bench", {"reference": "Yes."}, ["Yes."], []),
]
SHUFFLED = [
    ("alm_bench", ALM | {"Translated_Answer": "Sari (O: Dirndl, Sari)"}, "Sari", {"Dirndl", "Sari"}),
    ("afri_mcqa", AFRI, "kente", {"kente", "ahina"}),
    ("afri_mcqa_english", AFRI, "cloth", {"cloth", "pot"}),
]
PARTLY_RIGHT = {"textvqa": "annotators disagree", "worldcuisines": "only numbers are read"}


@pytest.mark.parametrize(("name", "row", "right", "choices"), GOLDEN)
def test_right_answers_and_options_are_those_of_the_data(name, row, right, choices):
    benchmark = PUBLISHED[name]
    assert benchmark.right(row) == right and benchmark.choices(row) == choices
    if benchmark.judging or name in PARTLY_RIGHT or row.get("answer_text") == "none":
        return
    for text in right:
        assert benchmark.score(row, text).robust == pytest.approx(1), text


@pytest.mark.parametrize(("name", "row", "right", "choices"), SHUFFLED)
def test_right_option_of_shuffled_ones_has_its_letter(name, row, right, choices):
    benchmark = PUBLISHED[name]
    letter, text = benchmark.right(row)
    assert text == right and set(benchmark.choices(row)) == choices
    assert f"{letter}. {right}" in benchmark.prompt(
        {"native_question": "?", "eng_question": "?", "Translated_Question": "?"} | row
    )


def test_every_benchmark_tells_its_right_answers():
    assert {name for name, *_ in (*GOLDEN, *SHUFFLED)} == set(PUBLISHED)
