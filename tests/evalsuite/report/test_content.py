"""The content of a report: what report.json, report.md, tables and charts say about the same answers."""

import re

import numpy as np
import orjson
import pytest
from click.testing import CliRunner

from evalsuite.report import content, markdown
from evalsuite.report.charts import forest, heat_map
from evalsuite.report.sections import benchmarks, cuts, examples, repeat
from evalsuite.report.sections import forest as forest_rows
from evalsuite.report.tables import again, costs, figures
from evalsuite.report.tables import cuts as cut_tables
from evalsuite.report.tables import verdicts as verdict_tables
from evalsuite.report.tables.table import Table
from evalsuite.report.verdicts import families
from pangea_cultural.cli.main import pcult
from pangea_cultural.errors import UserError
from pangea_cultural.utils.files import read_json, write_json
from tests.evalsuite.report import made_runs
from tests.evalsuite.report.conftest import HOSTILE

KEYS = {
    *("schema", "runs", "comparisons", "forest", "heat_map", "benchmarks", "held_out", "cuts", "examples", "cost"),
    *("repeats", "rotations", "repeat"),
}


def test_json_has_the_content_and_its_version(compared):
    written = orjson.loads((compared[0] / "report.json").read_bytes())
    assert set(written) == KEYS and written["schema"] == content.SCHEMA == 2
    assert [run["run"] for run in written["runs"]] == ["A", "B"]
    assert written["comparisons"][0]["letters"] == ["A", "B"]
    assert written == orjson.loads(orjson.dumps(compared[1]))


@pytest.fixture(scope="module")
def charts(compared):
    found = compared[1]
    order = [row["benchmark"] for row in found["benchmarks"]]
    return heat_map.tabs(found["heat_map"], found["comparisons"], ["A", "B"], order)


def test_heat_map_draws_the_figures_of_the_results(compared, charts):
    folder, _ = compared
    assert [chart.title for chart in charts] == [
        *("value, A", "value, B", "difference, A - B", "blind, A", "blind, B", "unparsed, A", "unparsed, B")
    ]
    results = orjson.loads((folder / "a/results.json").read_bytes())
    expected = {
        (part["name"], row["languages"]): round(100 * row["robust"]["mean"], 1)
        for part in results["benchmarks"]
        for row in part["figures"]
        if row["group"] != "*"
    }
    names = {"German": "de", "Arabic": "ar", "Dutch": "nl", "Ukrainian": "uk"}
    cells = [[value for value in chart.values if "language" in value] for chart in charts]
    drawn = {(value["benchmark"], names[value["language"]]): value["value"] for value in cells[0]}
    assert {key: value for key, value in drawn.items() if not key[0].startswith("export")} == expected
    assert [list(dict.fromkeys(value["language"] for value in values)) for values in cells[:3]] == [
        ["Arabic", "German", "Ukrainian", "Dutch"]
    ] * 3, "languages stand in the same order in all tabs"
    means = {
        value["benchmark"]: value["mean"] for value in charts[0].values if value.get("figure", "").endswith("languages")
    }
    held_out = [drawn["cvqa", code] for code in ("nl", "uk")]
    assert means["cvqa"] == pytest.approx(sum(held_out) / 2, abs=0.01), "the last block is that of held-out languages"
    # The SVG says the same to screen readers.
    labels = re.findall(r'aria-label="[^"]*?figure: ([\d.]+) %', charts[0].svg)
    assert sorted(map(float, labels)) == sorted(drawn.values())


def test_cells_without_a_difference_are_hatched_and_lead_to_their_row(compared, charts):
    found, chart = compared[1], charts[2]
    shown = {row["name"] for row in found["comparisons"][0]["cells"] if row["verdict"] != "no difference shown"}
    cells = [value for value in chart.values if "language" in value]
    assert sum(not value["hatched"] for value in cells) == len(shown) > 0
    assert all(value["hatched"] == (value["label"][-1] not in "▲▼") for value in cells)
    assert sum(value["hatched"] for value in cells) == chart.svg.count('stroke-opacity="0.6"')
    rows = set(figures.languages(found).anchors)
    assert {value["row"].removeprefix("#") for value in cells} == rows
    assert set(re.findall(r'<a tabindex="-1" href="#([^"]*)"', chart.svg)) == rows
    assert "vega.github.io" not in chart.svg


def test_forest_plot_draws_the_differences_and_the_margin(compared):
    rows = compared[1]["forest"]
    chart = forest.forest(rows, "A - B")
    drawn = {value["name"]: value for value in chart.values}
    for row in (row for row in rows if row["difference"] is not None):
        value = drawn[row["name"]]
        assert value["difference"] == pytest.approx(100 * row["difference"], abs=0.01)
        assert (value["low"], value["high"]) == pytest.approx((100 * row["low"], 100 * row["high"]), abs=0.01)
    margins = {name: value["margin"] for name, value in drawn.items() if value["margin"] is not None}
    assert list(margins.values()) == [-1.0] and "mainstream" in next(iter(margins))
    assert {value["looks"] for value in drawn.values()} >= {"better"}, "shapes differ, not only colors"


def test_forest_plot_of_one_run_has_the_gains_of_published_benchmarks(tmp_path):
    answers = {name: made_runs.published_answers(name, 1, number=4) for name in ("cvqa", "maxm")}
    run = made_runs.write(tmp_path / "run", answers)
    results = read_json(run / "results.json")
    for part, low in zip(results["benchmarks"], (0.02, -0.01), strict=True):
        gain = {"n": 16, "gain": 0.1, "low": low, "high": 0.2}
        strongest = gain | {"control": "text", "value": 0.4, "image": 0.5}
        rows = [{"languages": "*", "group": "*", "text": {"mean": 0.4, "low": 0.3, "high": 0.5, "n": 16, "gain": gain}}]
        asked = {"text": {"asked": 16, "missing": {}, "left_out": {}}}
        part["controls"] = {"passes": asked, "figures": [rows[0] | {"strongest": strongest}]}
    write_json(run / "results.json", results)
    rows = forest_rows.of_controls(*content.opened([run]))
    assert [(row["name"], row["verdict"]) for row in rows] == [("cvqa", "gain shown"), ("maxm", "no gain shown")]
    assert (rows[0]["a"], rows[0]["b"]) == pytest.approx((0.5, 0.4)) and rows[0]["pair"] == "A, image - no image"


def test_benchmark_row_has_the_scores_of_all_languages(compared):
    (run, _) = content.opened([compared[0] / "a", compared[0] / "b"])
    rows = {row["benchmark"]: row for row in benchmarks.rows(run)}
    answers = made_runs.published_answers("xgqa", 1, share=0.8)
    row = rows["xgqa"]
    assert row["n"] == 160 and row["clusters"] == 40
    assert row["robust"]["mean"] == pytest.approx(sum(answer["robust"] for answer in answers) / 160)
    assert row["refused"] == sum(answer["ending"] == "refused" for answer in answers) / 160
    assert row["unparsed"] == sum(not answer["parsed"] for answer in answers) / 160
    assert row["blind"] is row["control"] is row["control_value"] is None
    export = rows["export test, choice"]
    assert export["control_value"] >= export["blind"] > 0, "the strongest control stands next to the blind one"


def test_figures_of_a_judge_without_verdicts_are_withheld(tmp_path):
    answers = made_runs.published_answers("xchat", 1, number=20)
    for answer in answers[:4]:
        answer["robust"] = None
    (run,) = content.opened([made_runs.write(tmp_path / "run", {"xchat": answers})])
    (row,) = benchmarks.rows(run)
    assert row["judged"] and row["robust"]["mean"] is None and row["robust"]["missing"] == 4
    assert {row["mean"] for row in cuts.rows(run) if row["value"] in ("Peru", "Chad")} == {None}


def test_cuts_are_by_what_rows_carry(compared):
    found = {(row["benchmark"], row["facet"]) for row in compared[1]["cuts"]}
    assert found == {
        *((name, facet) for name in ("cvqa", "xgqa") for facet in ("country", "script", "resource class")),
        *(("export test, choice", facet) for facet in ("region", "script", "resource class")),
    }
    assert "property" not in {facet for _, facet in found}, "all questions are about one property"


def test_cuts_of_two_runs_are_those_of_their_answers(compared):
    found = {(row["benchmark"], row["facet"], row["value"]): row for row in compared[1]["comparisons"][0]["cuts"]}
    a, b = (made_runs.published_answers("xgqa", seed, share=share) for seed, share in ((1, 0.8), (2, 0.4)))
    pairs = [(one["robust"], other["robust"]) for one, other in zip(a, b, strict=True) if int(one["id"]) % 2 == 0]
    row = found["xgqa", "country", "Peru"]
    assert row["n"] == len(pairs) == 80
    assert row["difference"] == pytest.approx(np.mean([one - other for one, other in pairs]))
    # 20 images, each with one answer in four languages.
    means = np.array([one - other for one, other in pairs]).reshape(4, 20).mean(axis=0)
    error = 2.09 * means.std(ddof=1) / 20**0.5
    assert (row["low"], row["high"]) == pytest.approx((means.mean() - error, means.mean() + error), abs=0.04)
    assert [value for name, facet, value in found if (name, facet) == ("xgqa", "resource class")] == ["3", "4", "5"]


def test_cuts_of_a_judge_are_not_compared(tmp_path):
    runs = [
        made_runs.write(
            tmp_path / name, {key: made_runs.published_answers(key, seed, number=4) for key in ("maxm", "xchat")}
        )
        for seed, name in enumerate("ab")
    ]
    assert {row["benchmark"] for row in cuts.differences(*content.opened(runs))} == {"maxm"}


def test_runs_stand_in_one_row_of_a_cut(compared):
    tables = {table.title: table for tables in cut_tables.cuts(compared[1]).values() for table in tables}
    table = tables["xgqa by resource class"]
    assert table.headers == ["resource class", "questions", "value, A", "value, B", "A - B"]
    assert [row[:2] for row in table.rows] == [["class 3", "40"], ["class 4", "40"], ["class 5", "80"]]
    other = [row | {"n": row["n"] - (row["run"] == "B")} for row in compared[1]["cuts"]]
    fewer = cut_tables.cuts(compared[1] | {"cuts": other})["xgqa"][-1]
    assert fewer.headers[1:] == ["questions", "value, A", "questions", "value, B", "questions", "A - B"]
    assert fewer.rows[0][1::2] == ["40", "39", "40"]


def test_tables_of_questions_that_were_asked_again(compared):
    repeats, rotations, positions = again.tables(compared[1])
    assert repeats.rows[0] == ["xgqa", "A", "2", "40", "7.5 [40.0, 60.0]", "3", "9", "64", "0.32"]
    assert rotations.rows[0][2:] == [
        "20",
        "50.0 [40.0, 60.0]",
        "20.0 [40.0, 60.0]",
        "25.0",
        "1",
        "an option names others 2",
    ]
    assert [row[2:6] for row in positions.rows[:2]] == [["1", "28", "20", "+20.0"], ["2", "11", "20", "-22.5"]]
    assert again.notes(compared[1])[0].startswith("A, export was not rotated: options are compared by likelihood")


def test_sentence_of_a_claim_says_no_more_than_the_test():
    row = {"name": "held-out languages", "test": "sign-flip", "a": 0.5, "b": 0.4, "difference": 0.1, "low": -0.02}
    row |= {"high": 0.2, "n": 90, "p_adjusted": 0.2, "minimum_detectable_effect": 0.15, "verdict": families.UNDECIDED}
    assert verdict_tables._sentence(row, "A", "B") == (
        "No difference of A and B is shown in held-out languages: A - B is +10.0 [-2.0, +20.0] points "
        "(50.0 and 40.0 %, 90 questions, adjusted p 0.2000). "
        "A true difference of 15.0 points is found in 80 % of such comparisons, before adjustment."
    )
    better = row | {"verdict": families.B, "difference": -0.1}
    assert verdict_tables._sentence(better, "A", "C").startswith(
        "C is better than A in held-out languages: A - C is -10.0"
    )
    loss = row | {"test": "non-inferiority", "margin": 0.01, "lower_bound": -0.03, "verdict": families.NOT_SHOWN}
    assert verdict_tables._sentence(loss, "A", "B").startswith(
        "It is not shown that A is at most 1 point worse than B on mainstream benchmarks: A - B is +10.0 [-2.0, +20.0] "
        "points, at least -3.0 (one-sided 95 %)"
    )


def test_examples_are_of_all_kinds_and_have_images_of_the_first_run_only(compared):
    found = compared[1]["examples"]
    kinds = {kind for example in found for kind in example["kinds"]}
    assert kinds >= {
        "right",
        "wrong",
        "unparsed",
        "reference and robust differ",
        "A right, B wrong",
        "B right, A wrong",
    }
    for example in found:
        assert {one["run"] for one in example["answers"]} == {"A", "B"}
        assert all((compared[0] / "a" / image).is_file() for image in example["images"])
    assert any(example["images"] for example in found)


def test_number_of_examples_is_limited_and_every_benchmark_has_some(tmp_path, monkeypatch):
    monkeypatch.setattr(examples, "MOST", 5)
    answers = {name: made_runs.published_answers(name, 1, number=8) for name in ("cvqa", "maxm")}
    found = examples.examples(content.opened([made_runs.write(tmp_path / "run", answers)]))
    assert [example["benchmark"] for example in found] == ["cvqa"] * 3 + ["maxm"] * 2


def test_costs_are_those_that_were_recorded(compared):
    table = costs.costs(compared[1])
    names = ["requests", "prompt tokens", "answer tokens", "seconds"]
    # The judge does not state the tokens of its answers.
    names += ["judge, requests", "judge, prompt tokens", "judge, seconds", "peak memory, MB"]
    assert table.headers[3:] == [*names, "no answer", "not ordinary"]
    rows = {(row[0], row[1]): row for row in table.rows}
    assert rows["xgqa", "A"][3:12] == ["9", "90", "18", "2", "7", "70", "2", "512", "timeout 1"]
    assert rows["export", "A"][3] == "-", "older runs have not recorded it"


def test_commands_repeat_the_questions(compared):
    (run,) = content.opened([compared[0] / "a"])
    assert repeat.record(run)["commands"] == [
        "pcult eval --endpoint URL --tasks export --export sample --split test --max-questions 12 --seed 0",
        "pcult eval --endpoint URL --tasks cvqa,xgqa --seed 0",
    ]


def test_markdown_has_the_tables_and_hostile_texts_are_texts(compared):
    text = (compared[0] / "report.md").read_text("utf-8")
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        *("## Verdicts", "## Benchmarks", "## Languages", "## Held-out languages", "## Cuts", "## Asked again"),
        *("## Examples", "## Cost", "## How to repeat it"),
    ]
    assert "<" not in text and HOSTILE not in text and not re.search(r"(?<!\\)\]\(", text)
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("| ---"):
            columns = line.count("|")
            table = lines[number - 1 : number + 3]
            assert all(len(re.findall(r"(?<!\\)\|", row)) == columns for row in table if row), table


@pytest.mark.parametrize(
    ("text", "expected"), [("a|b\nc", r"a\|b c"), ("<b>", r"&lt;b\>"), ("![x](y)", r"\!\[x\](y)"), ("*1*", r"\*1\*")]
)
def test_markdown_of_a_text_is_the_text(text, expected):
    assert markdown.escaped(text) == expected


def test_empty_columns_are_left_out_and_columns_of_words_move():
    table = Table(title="t", headers=["a", "b", "c"], rows=[["x", "-", "w"]], texts=frozenset((0, 2)))
    found = table.without_empty_columns()
    assert (found.headers, found.rows, found.texts) == (["a", "c"], [["x", "w"]], frozenset((0, 1)))


def test_runs_stand_beside_each_other_in_tables(compared):
    assert [row[1] for row in figures.benchmarks(compared[1]).rows] == ["A", "B"] * 3
    languages = figures.languages(compared[1])
    assert len(languages.rows) == len(set(languages.anchors)) == 3 * 4
    assert "A - B" in languages.headers


def test_command_compares_the_first_run_with_each_other_one(tmp_path):
    runs = [
        made_runs.write(tmp_path / name, {"maxm": made_runs.published_answers("maxm", seed, number=4)})
        for seed, name in enumerate("abc")
    ]
    command = ["report", *map(str, runs), "--out", str(tmp_path / "page.html")]
    result = CliRunner().invoke(pcult, command, catch_exceptions=False)
    assert result.exit_code == 0 and f"Report: {tmp_path / 'page.html'}" in result.output
    assert result.output.count("Claims that were fixed beforehand") == 2
    assert {path.suffix for path in tmp_path.glob("page.*")} == {".html", ".md", ".json"}
    written = orjson.loads((tmp_path / "page.json").read_bytes())
    assert {row["pair"] for row in written["forest"]} == {"A - B", "A - C"}
    assert "C better" not in result.output, "the terminal names the runs of each table A and B"


def test_too_many_runs_are_one_error(tmp_path):
    with pytest.raises(UserError, match="at most 26 runs"):
        content.opened([tmp_path] * 27)
