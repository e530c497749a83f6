"""Prompts and scores that equal those of the reference harness, pair by pair."""

from collections import defaultdict

import pytest

from evalsuite.benchmarks.culture import cvqa, m3exam, maxm, worldcuisines, xm100
from evalsuite.benchmarks.culture.cvqa import CVQA, ENGLISH
from evalsuite.benchmarks.culture.marvl import MARVL, NLVR2
from evalsuite.benchmarks.mainstream import xmmmu
from evalsuite.benchmarks.mainstream.xgqa import XGQA
from evalsuite.metrics.captions.treebank import treebank_words
from evalsuite.metrics.reference_letter import reference_letter
from tests.evalsuite.benchmarks import golden

BENCHMARKS = {
    "cvqa": CVQA,
    "m3exam": m3exam.M3EXAM,
    "marvl": MARVL,
    "maxm": maxm.MAXM,
    "xgqa": XGQA,
    "xmmmu": xmmmu.XMMMU,
}
NUM_PAIRS = {"cvqa": 281, "m3exam": 379, "marvl": 128, "maxm": 536, "xgqa": 169, "xmmmu": 395}
every_task = pytest.mark.parametrize("task", list(BENCHMARKS))


def benchmark_of(task: str, entry: dict):
    return ENGLISH if entry.get("task") == "cvqa_translated" else BENCHMARKS[task]


def as_asked(row: dict) -> dict:
    """Return a row with the columns that the reader of the data set adds."""
    return row | {"split": row.get("split") or row.get("language") or "all", "number": 0}


def expected_score(pair: dict) -> float | None:
    return None if "error" in pair else pair.get("score", pair.get("relaxed_accuracy"))


@every_task
def test_prompts_equal_those_of_the_harness(task):
    prompts = golden.read("pangea")[task]["prompts"]
    assert len(prompts) >= 8
    for entry in prompts:
        benchmark, row = benchmark_of(task, entry), as_asked(entry["row"])
        prompt = benchmark.prompt(row)
        assert prompt == entry["prompt"]
        assert prompt.count("<image>") == entry.get("n_image_tokens", entry["prompt"].count("<image>"))
        images = [image for image in benchmark.images(row) if image is not None]
        assert len(images) == entry["n_images"]


@every_task
def test_reference_scores_equal_those_of_the_harness(task):
    pairs = golden.pairs(task)
    assert len(pairs) == NUM_PAIRS[task]
    for row, pair in pairs:
        score = benchmark_of(task, pair).score(as_asked(row), pair["response"])
        assert score.guessed == pair.get("random", False), pair
        if not score.guessed:
            assert score.reference == expected_score(pair), pair


def test_letters_equal_those_that_the_harness_reads():
    """CVQA's harness writes letters and computes no score."""
    read = [(row, pair) for row, pair in golden.pairs("cvqa") if "pred" in pair]
    assert len(read) == 223
    for row, pair in read:
        assert reference_letter(pair["response"], row["Options"]) == pair["pred"], pair
        assert cvqa.LETTERS.index(pair["pred"]) == pair["pred_index"]


# The reference computes no mean for CVQA.
@pytest.mark.parametrize("task", [task for task in BENCHMARKS if task != "cvqa"])
def test_means_equal_those_of_the_harness(task):
    entries = [entry for entry in golden.read("pangea")[task]["aggregation"] if entry["pairs"]]
    assert entries
    for entry in entries:
        expected = entry.get("value", entry.get("relaxed_accuracy", 0) / 100)
        found = golden.mean_of(
            task,
            entry["pairs"],
            lambda row, pair: benchmark_of(task, pair).score(as_asked(row), pair["response"]).reference,
        )
        # The reference rounds the mean of xMMMU to three decimals.
        assert found == pytest.approx(expected, abs=5.1e-4 if task == "xmmmu" else 1e-9), entry["name"]


def test_texts_of_maxm_are_cleaned_as_by_the_harness():
    for row, pair in golden.pairs("maxm"):
        assert maxm.cleaned_prediction(pair["response"]) == pair["cleaned_prediction"]
        score = maxm.MAXM.score(as_asked(row), pair["response"])
        assert score.more["exact match"] == pair["exact_match"]


def test_right_answers_of_m3exam_are_encoded_as_by_the_harness():
    for entry in golden.read("pangea")["m3exam"]["gold_encoding"]:
        if "error" in entry:
            assert m3exam.drop({"answer_text": entry["answer_text"]})
        else:
            assert m3exam.gold(entry["answer_text"]) == entry["standardized"]


def test_subjects_of_xmmmu_are_those_of_the_harness():
    for entry in golden.read("pangea")["xmmmu"]["subject_names"]:
        assert xmmmu.subject({"id": entry["id"]}) == entry["subject"]


WORLDCUISINES_TYPES = {"1a.": "1", "1b.": "3", "1c.": "4", "2. ": "2"}
VARIETIES = {"su": "su_loma", "si": "si_formal_spoken"}


@pytest.mark.parametrize("model", ["pangea-7b", "qwen2-vl-7b-instruct", "llama-3.2-11b"])
def test_logged_answers_of_worldcuisines_have_the_published_scores(model):
    logged = golden.read("worldcuisines")["models"][model]
    scores = defaultdict(list)
    for prompt_type, variety, _, right, answer in logged["rows"]:
        score = worldcuisines.choice_score({"multi_choice_answer": right}, answer)
        scores[prompt_type, variety].append(score.reference)
    cells = 0
    for title, kind in WORLDCUISINES_TYPES.items():
        (published,) = [part for name, part in logged["published"].items() if name.startswith(title)]
        means = []
        for variety, expected in published.items():
            if variety != "avg_score":
                values = scores[kind, VARIETIES.get(variety, variety)]
                means.append(round(100 * sum(values) / len(values), 2))
                assert means[-1] == expected, (title, variety)
                cells += 1
        assert round(sum(means) / len(means), 2) == published["avg_score"]
    assert cells == 120


def test_words_and_scores_of_captions_equal_those_of_the_harness():
    captions = golden.read("pangea")["xm100"]["captions"]
    compared = 0
    for entry in golden.read("pangea")["xm100"]["aggregation"]:
        rows = {row["image_id"]: row for row in captions[entry["language"]]}
        # In the other runs, the name of a task makes the harness delete blanks.
        if entry["tasks_argument"] in ("xm100", "xm100_ja", "xm100_th"):
            chosen = [rows[part["image_id"]] for part in entry["per_caption"]]
            chosen = [row | {"split": entry["language"], "caption": row["reference"]} for row in chosen]
            scores = xm100.score_all(chosen, [row["prediction"] for row in chosen])
            for row, score, part in zip(chosen, scores, entry["per_caption"], strict=True):
                assert treebank_words(row["reference"]) == part["reference_tokenised"].split()
                assert xm100.predicted_words(row["prediction"]) == part["prediction_tokenised"].split()
                assert score.reference == pytest.approx(part["rouge_l"], abs=1e-9)
                assert score.more["CIDEr"] == pytest.approx(part["cider"], abs=1e-9)
                compared += 1
            mean = sum(score.reference for score in scores) / len(scores)
            assert mean == pytest.approx(entry["ROUGE_L"], abs=1e-9)
    assert compared == 180


@pytest.mark.parametrize("number", range(9))
def test_odd_captions_are_scored_as_by_the_harness(number):
    edge = golden.read("pangea")["xm100"]["edge"][number]
    rows = [row | {"split": "en", "caption": row["reference"]} for row in edge["rows"]]
    scores = xm100.score_all(rows, [row["prediction"] for row in rows])
    if edge["ROUGE_L"] is None:
        assert len({row["image_id"] for row in rows}) < len(rows), "the harness stops at two captions of one image"
    else:
        assert sum(score.reference for score in scores) / len(rows) == pytest.approx(edge["ROUGE_L"], abs=1e-9)
        assert sum(score.more["CIDEr"] for score in scores) / len(rows) == pytest.approx(edge["CIDEr"], abs=1e-9)


def test_prompts_of_xm100_are_those_of_the_harness():
    prompts = golden.read("pangea")["xm100"]["prompts"]
    assert [xm100.prompt({"split": entry["split"]}) for entry in prompts] == [entry["prompt"] for entry in prompts]


def test_robust_captions_have_characters_as_words_where_a_script_writes_no_spaces():
    row = {"split": "zh", "caption": "一位年轻女子在夜市里卖水果。"}
    score = xm100.score(row, "年轻女子在卖水果")
    assert score.reference == 0 and score.robust > 0.7


def test_mmmu_keeps_marks_and_has_each_image_once():
    row = {
        "question": "<image 2> or <image 1> or <image 2>?",
        "question_type": "multiple-choice",
        "options": "['a', '<image 3>']",
        "image_1": 1,
        "image_2": 2,
    }
    assert xmmmu.mmmu_prompt(row) == (
        "<image 2> or <image 1> or <image 2>?\nA. a\nB. <image 3>\n\n"
        "Answer with the option's letter from the given choices directly."
    )
    assert xmmmu.mmmu_images(row) == [1, 2]
    assert xmmmu.images(row) == [2, 1, 2]


def test_row_without_target_is_dropped():
    rows = golden.read("pangea")["marvl"]["scoring"]["rows"]
    assert {NLVR2.drop(row) for row in rows.values()} == {None, "no true or false in the data"}


@pytest.mark.parametrize(
    ("task", "row", "answer", "reference", "robust"),
    [
        ("marvl", {"conversations": [{}, {"value": "true"}]}, "ndiyo", 0, 1),
        ("marvl", {"conversations": [{}, {"value": "false"}]}, "I know another", 1, 0),
        ("xgqa", {"answer": "man"}, "a woman", 1, 0),
        ("xgqa", {"answer": "no"}, "I do not know", 1, 0),
        ("cvqa", {"ID": "1", "Options": list("wxyz"), "Label": 1}, "Answer: B", 0, 1),
        ("cvqa", {"ID": "1", "Options": list("wxyz"), "Label": 2}, "答案：Ｃ", 0, 1),
        ("maxm", {"answers": ["Blue"]}, "blue", 0, 1),
        ("maxm", {"answers": [""]}, "anything", 1, 0),
    ],
)
def test_robust_score_corrects_the_reference(task, row, answer, reference, robust):
    score = BENCHMARKS[task].score(row, answer)
    assert score.robust == robust
    assert score.reference == reference or score.guessed
