"""Scores of predictions in files of lmms-eval and VLMEvalKit."""

import math
import sys

import openpyxl
import orjson
import pytest
from click.testing import CliRunner

from evalsuite.benchmarks.registry import PUBLISHED
from evalsuite.logs import predictions
from evalsuite.logs.rescore import Source, rescore
from pangea_cultural.cli.main import pcult
from pangea_cultural.errors import UserError
from tests.evalsuite.benchmarks import golden, made, made_files

NOWHERE = Source(task=None, data=None)


def write_lines(path, entries):
    path.write_bytes(b"".join(orjson.dumps(entry) + b"\n" for entry in entries))
    return path


def lmms_eval(path, task, pairs):
    """Write golden pairs as lmms-eval logs them, with the score as the metric of the task."""
    return write_lines(
        path,
        [
            {
                "doc_id": number,
                "doc": row,
                "target": "?",
                "resps": [[pair["response"]]],
                "filtered_resps": [pair["response"]],
                "accuracy": pair.get("score", pair.get("relaxed_accuracy")),
            }
            for number, (row, pair) in enumerate(pairs)
        ],
    )


@pytest.mark.parametrize(("task", "split"), [("xgqa", "de"), ("marvl", "sw"), ("maxm", "fr"), ("xmmmu", "en")])
def test_scores_of_the_harness_are_those_in_its_file(tmp_path, task, split):
    pairs = [(row, pair) for row, pair in golden.pairs(task) if "error" not in pair and not pair.get("random")]
    path = lmms_eval(tmp_path / f"20261130_samples_{task}_{split}.jsonl", task, pairs)
    results = rescore(path, PUBLISHED[task], NOWHERE, None)
    assert results["questions"] + sum(results["dropped"].values()) == len(pairs) > 100
    assert results["with_logged_score"] == results["questions"] and results["task"] == split
    assert all(row["logged"] == row["reference"] for row in results["disagreements"])
    mean = [row for row in results["figures"] if row["group"] != "*"]
    assert sum(row["n"] for row in mean) == results["questions"]


def test_wrong_score_in_the_file_is_a_disagreement(tmp_path):
    row = {"question": "who?", "answer": "man"}
    entries = [
        {"doc_id": 0, "doc": row, "filtered_resps": ["man"], "exact": 1.0},
        {"doc_id": 1, "doc": row, "filtered_resps": ["a dog"], "exact": 1.0},
        {"doc_id": 2, "doc": row, "filtered_resps": ["a woman"], "exact": {"score": 1, "id": 3}},
    ]
    results = rescore(write_lines(tmp_path / "samples_xgqa_de.jsonl", entries), PUBLISHED["xgqa"], NOWHERE, None)
    found = {row["item"]: (row["logged"], row["reference"], row["robust"]) for row in results["disagreements"]}
    assert found == {"1": (1, 0, 0), "2": (1, 1, 0)} and results["logged"] == 1


def test_score_that_is_not_a_number_is_missing(tmp_path):
    path = tmp_path / "samples_xgqa_de.jsonl"
    doc = '"doc": {"question": "who?", "answer": "man"}, "filtered_resps": ["man"]'
    path.write_text(f'{{"doc_id": 0, {doc}, "exact": NaN}}\n{{"doc_id": 1, {doc}, "exact": 1.0}}\n')
    results = rescore(path, PUBLISHED["xgqa"], NOWHERE, None)
    assert (results["questions"], results["with_logged_score"], results["logged"]) == (2, 1, 1)


def test_predictions_that_are_missing_are_no_wrong_answers(tmp_path):
    doc = {"question": "who?", "answer": "man"}
    texts = ["man", "", None, [], [[None]], 3, [0.5], {"a": 1}, "[LMMS_EVAL_REQUEST_FAILED after 3 retries]"]
    entries = [{"doc_id": number, "doc": doc, "filtered_resps": text} for number, text in enumerate(texts)]
    results = rescore(write_lines(tmp_path / "samples_xgqa_de.jsonl", entries), PUBLISHED["xgqa"], NOWHERE, None)
    # An empty text is an answer, and a wrong one.
    assert results["questions"] == 2 and results["figures"][0]["robust"]["mean"] == 0.5
    assert results["dropped"] == {
        "the file has no prediction": 3,
        "the prediction is not text": 3,
        "the request of the other harness failed": 1,
    }


FAILED = "Failed to obtain answer via API. "


@pytest.mark.parametrize("suffix", [".xlsx", ".tsv", ".json"])
def test_cells_without_a_prediction_are_no_wrong_answers(tmp_path, suffix, monkeypatch):
    rows = [[number, *ROWS[0][1:8], cell, 1] for number, cell in enumerate(["B", None, FAILED])]
    monkeypatch.setattr(sys.modules[__name__], "ROWS", rows)
    results = rescore(table(tmp_path / f"Pangea_MMMB_en{suffix}"), PUBLISHED["mmmb"], NOWHERE, None)
    assert results["questions"] == 1 and results["figures"][0]["robust"]["mean"] == 1
    assert results["dropped"] == {
        "the file has no prediction": 1,
        "the request of the other harness failed": 1,
    }


def test_answer_of_digits_in_a_spreadsheet_is_one():
    cells = [2.0, 7, math.nan, True, " ", ["B"]]
    assert [predictions._missing_cell(cell) for cell in cells] == [
        "",
        "",
        predictions.NO_PREDICTION,
        predictions.NO_TEXT,
        predictions.NO_PREDICTION,
        predictions.NO_TEXT,
    ]


def test_metric_is_named_where_there_are_several(tmp_path):
    entries = [{"doc_id": 0, "doc": {"question": "?", "answer": "a"}, "filtered_resps": "a", "x": 0, "y": 1}]
    path = write_lines(tmp_path / "samples_xgqa_de.jsonl", entries)
    assert rescore(path, PUBLISHED["xgqa"], NOWHERE, None)["logged"] is None
    assert rescore(path, PUBLISHED["xgqa"], NOWHERE, "x")["logged"] == 0
    assert rescore(path, PUBLISHED["xgqa"], NOWHERE, "y")["logged"] == 1
    with pytest.raises(UserError, match="no metric z; the file has x, y"):
        rescore(path, PUBLISHED["xgqa"], NOWHERE, "z")


def test_rows_come_from_the_data_set_by_number(tmp_path):
    made.xgqa(tmp_path, ("de",))
    path = write_lines(
        tmp_path / "samples_xgqa_de.jsonl", [{"doc_id": 1, "resps": [["man"]]}, {"doc_id": 0, "resps": "no"}]
    )
    results = rescore(path, PUBLISHED["xgqa"], Source(task=None, data=tmp_path), None)
    assert results["figures"][0]["reference"]["mean"] == 0.5
    beyond = write_lines(tmp_path / "samples_xgqa_de.jsonl", [{"doc_id": 2, "resps": [["man"]]}])
    with pytest.raises(UserError, match=r"The file has the question 2, but de of neulab/PangeaBench-xgqa has 2\."):
        rescore(beyond, PUBLISHED["xgqa"], Source(task=None, data=tmp_path), None)


def test_questions_of_one_row_are_numbered_as_the_harness_does(tmp_path):
    made_files.mtvqa(tmp_path)
    entries = [{"doc_id": number, "filtered_resps": "1.5 L'Oréal"} for number in range(18)]
    path = write_lines(tmp_path / "samples_mtvqa.jsonl", entries)
    results = rescore(path, PUBLISHED["mtvqa"], Source(task=None, data=tmp_path), None)
    assert results["questions"] == 18 and len(results["figures"]) == 9 + 1
    assert all(row["robust"]["mean"] == pytest.approx(1) for row in results["figures"])


HEADER = ["index", "question", "A", "B", "C", "D", "answer", "category", "prediction", "hit"]
ROWS = [
    [3, "How many?", "twelve", "two", "fourteen", 15, "B", "counting", "B", 1],
    [4, "How many?", "twelve", "two", "fourteen", None, "A", "counting", "=CMD()", 0],
    [5, "How many?", "twelve", "two", "fourteen", None, "A", "counting", "Die Antwort ist A, denn es sind viele.", 0],
]


def table(path):
    if path.suffix == ".xlsx":
        book = openpyxl.Workbook()
        for row in [HEADER, *ROWS]:
            book.active.append(row)
        book.active["I3"].data_type = "s"
        book.save(path)
    elif path.suffix == ".tsv":
        lines = [HEADER, *ROWS]
        path.write_text("".join("\t".join("" if cell is None else str(cell) for cell in row) + "\n" for row in lines))
    else:
        path.write_bytes(orjson.dumps([dict(zip(HEADER, row, strict=True)) for row in ROWS]))
    return path


@pytest.mark.parametrize("suffix", [".xlsx", ".tsv", ".json"])
def test_tables_of_vlmevalkit_have_the_same_scores_in_every_form(tmp_path, suffix):
    results = rescore(table(tmp_path / f"Pangea_MMMB_en{suffix}"), PUBLISHED["mmmb"], NOWHERE, None)
    assert results["task"] == "en" and results["questions"] == 3 and results["logged"] == pytest.approx(1 / 3)
    found = {row["item"]: (row["logged"], row["reference"], row["robust"]) for row in results["disagreements"]}
    assert found == {"5": (0, 0, 1)}


def test_tables_as_columns_are_read(tmp_path):
    path = tmp_path / "x_en.json"
    columns = {name: {str(place): row[place_] for place, row in enumerate(ROWS)} for place_, name in enumerate(HEADER)}
    path.write_bytes(orjson.dumps(columns))
    assert [entry.name for entry in predictions.read(path, None)] == ["3", "4", "5"]


@pytest.mark.parametrize(
    ("name", "row", "prediction", "expected"),
    [
        ("textvqa", {"question": "?", "answer": str(["dakota"] * 10)}, "Dakota", 1),
        ("mtvqa", {"question": "?", "answer": "1.5", "category": "FR"}, "1.5 €", 1),
        ("cvqa", {"question": "?", "A": "ji", "B": "akpu", "C": "fio", "D": "garri", "answer": "B"}, "(B)", 1),
    ],
)
def test_other_benchmarks_of_vlmevalkit(tmp_path, name, row, prediction, expected):
    path = tmp_path / f"model_{name}.json"
    path.write_bytes(orjson.dumps([{"index": 0, **row, "prediction": prediction}]))
    (figure,) = rescore(path, PUBLISHED[name], NOWHERE, None)["figures"]
    assert figure["reference"]["mean"] == figure["robust"]["mean"] == expected


@pytest.mark.parametrize(
    ("name", "content", "benchmark", "message"),
    [
        ("x.csv", b"", "xgqa", "is neither of"),
        ("x_de.jsonl", b"", "xgqa", "has no predictions"),
        ("x_de.jsonl", b'{"doc_id": 0}\n', "xgqa", "is not readable"),
        ("x_de.jsonl", b'{"doc_id": 0,\n', "xgqa", "is not readable"),
        ("x.jsonl", b'{"doc_id": 0, "resps": "a"}\n', "xgqa", "does not end in a task. Name it with --task"),
        ("x_de.jsonl", b'{"doc_id": 0, "resps": "a", "doc": {"a": 1}}\n', "xgqa", "no rows of xgqa"),
        ("x_en.json", b'[{"index": 0, "prediction": "a"}]', "xgqa", "Tables of VLMEvalKit have no rows of xgqa"),
        ("x_en.json", b'[{"index": 0, "prediction": "a"}]', "mmmb", "no rows of mmmb"),
        ("x_en.json", b'[{"index": 0}]', "mmmb", "no column prediction"),
        ("x_en.xlsx", b"PK", "mmmb", "is not readable"),
        ("x_en.jsonl", b'{"doc_id": 0, "resps": "a"}\n', "llava_bench", "llava_bench needs a judge"),
    ],
)
def test_other_files_are_one_line(tmp_path, name, content, benchmark, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as error:
        rescore(path, PUBLISHED[benchmark], Source(task=None, data=tmp_path), None)
    assert "\n" not in str(error.value)


def test_xlsx_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(predictions, "MAX_UNPACKED_BYTES", 100)
    with pytest.raises(UserError, match="bytes unpacked"):
        predictions.read(table(tmp_path / "x_en.xlsx"), None)


def test_command_prints_both_scores_and_every_disagreement(tmp_path):
    row = {"question": "?", "answer": "man"}
    entries = [
        {"doc_id": 0, "doc": row, "filtered_resps": ["man"], "exact": 1.0},
        {"doc_id": 1, "doc": row, "filtered_resps": ["\x1b[31ma woman\n"], "exact": 1.0},
    ]
    path = write_lines(tmp_path / "samples_xgqa_de.jsonl", entries)
    result = CliRunner().invoke(pcult, ["eval", "rescore", str(path), "--benchmark", "xgqa"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "Disagreements: 1 of 2." in result.output and "Score in the file: 100.00 % of 2" in result.output
    assert "'1' (de): logged 1, reference 1, robust 0; '31ma woman' in '\\x1b[31ma woman\\n'" in result.output
    result = CliRunner().invoke(pcult, ["eval", "rescore", str(path), "--benchmark", "xgpa"])
    assert result.exit_code and "Did you mean xgqa" in str(result.output) + str(result.exception)
