"""Rotated options: the same texts, with the label of the right one."""

import pytest

from evalsuite.benchmarks.registry import PUBLISHED
from evalsuite.benchmarks.rotation import LETTERS, left_out, moved
from evalsuite.harness import suite
from evalsuite.harness.questions import Selection
from tests.evalsuite.benchmarks import made, made_files

ROTATED = tuple(name for name, benchmark in PUBLISHED.items() if benchmark.rotation)
MADE = (made.alm_bench, made.cvqa, made.m3exam, made.worldcuisines, made.xmmmu)


@pytest.fixture(scope="module")
def questions(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    for make in (*MADE, made_files.afri_mcqa, made_files.kaleidoscope, made_files.mmmb, made_files.ravenea):
        make(folder)
    loaded = suite.load_all(ROTATED, folder, Selection(languages=(), max_questions=2, seed=0))
    return {part.benchmark.name: part for part in loaded}


@pytest.mark.parametrize("name", ROTATED)
def test_rotated_row_has_the_same_options_and_the_same_right_one(questions, name):
    benchmark = questions[name].benchmark
    rotation = benchmark.rotation
    rows = [item.row for item in questions[name].items if not rotation.left_out(item.row)]
    assert rows
    for row in rows:
        texts, right = list(rotation.options(row)), rotation.right(row)
        assert rotation.turn(row, len(texts)).keys() >= row.keys()
        places, prompts = [], set()
        for shift in range(len(texts)):
            turned = rotation.turn(row, shift) if shift else row
            found, place = list(rotation.options(turned)), rotation.right(turned)
            label = rotation.labels(turned)[place]
            assert found == moved(texts, shift) and found[place] == texts[right]
            assert benchmark.drop(turned) is None and rotation.left_out(turned) is None
            assert benchmark.chance(turned) == benchmark.chance(row) == 1 / len(texts)
            prompt = benchmark.prompt(turned)
            # The options are lines of the prompt in their new order, each behind its label if it has one.
            lines = [line.strip() for line in prompt.splitlines()]
            ends = [next(n for n, line in enumerate(lines) if line.endswith(text) and n > 0) for text in found]
            assert ends == sorted(ends) and len(set(ends)) == len(ends)
            score = benchmark.score(turned, label)
            assert score.robust == 1 and rotation.place(turned, score.answer) == place
            if benchmark.has_reference and name != "alm_bench_towervision":
                assert benchmark.score(turned, f"{label}." if name == "worldcuisines" else label).reference in (1, None)
            places.append(place)
            prompts.add(prompt)
        assert sorted(places) == list(range(len(texts))) and len(prompts) == len(texts)


def test_rows_that_cannot_be_rotated_are_left_out_with_a_reason(questions):
    def reasons(name):
        part = questions[name]
        return {part.benchmark.rotation.left_out(item.row) for item in part.items}

    assert "options are images" in reasons("kaleidoscope")
    assert "no options to rotate" in reasons("xmmmu") and "no options to rotate" in reasons("alm_bench")


def test_label_that_the_prompt_of_m3exam_keeps_stays_at_its_place():
    benchmark = PUBLISHED["m3exam"]
    row = {
        **{"language": "italian", "subject_category": "math", "background_description": [], "id": 1},
        **{"question_text": "Quale?", "answer_text": "E"},
        "options": ["A. mercato", "B. chiesa", "C. 5 case", "D. stazione", "E. scuola"],
    }
    assert benchmark.rotation.left_out(row) is None
    assert "(C) 5 case\n(D) stazione\n(E) E. scuola\n" in benchmark.prompt(row)
    turned = benchmark.rotation.turn(row, 2)
    assert "(B) scuola\n(C) mercato\n(D) chiesa\n(E) E. 5 case\n" in benchmark.prompt(turned)
    assert benchmark.score(turned, "(B)").robust == benchmark.score(turned, "(B)").reference == 1


@pytest.mark.parametrize(
    ("options", "question", "reason"),
    [
        (["red", "blue"], "Which color?", None),
        (["A dog", "A Swiss dog", "20 °C"], "A man or a dog?", None),
        (["red", "blue", "both A and B"], "Which?", "a text names a letter"),
        (["hall", "bath"], "Which is B in the plan?", "a text names a letter"),
        (["red", "blue", "None of the above"], "Which?", "an option is about the others"),
        (["红", "蓝", "以上都不是"], "哪个?", "an option is about the others"),
        (["красный", "Всё перечисленное"], "Какой?", "an option is about the others"),
        (["<image 2>", "<image 3>"], "Which?", "options are images"),
        (["a.png", "b.png"], "Which?", "options are images"),
        (["red"], "Which?", "no options to rotate"),
    ],
)
def test_options_that_depend_on_their_order_are_not_rotated(options, question, reason):
    assert left_out(options, 0, question, LETTERS) == reason


def test_letters_do_not_matter_where_options_have_numbers():
    assert left_out(["vitamin A", "vitamin C"], 0, "Which?", "12") is None
    assert left_out(["red", "blue"], None, "Which?", "12") == "the right option is not known"
