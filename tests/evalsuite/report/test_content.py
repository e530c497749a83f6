"""The content of a report: what report.json, report.md, tables and charts say about the same answers."""

import re

import orjson
import pytest
from click.testing import CliRunner

from evalsuite.report import content, markdown
from evalsuite.report.charts import forest, heat_map
from evalsuite.report.sections import benchmarks, cuts, examples, repeat
from evalsuite.report.tables import costs, figures
from evalsuite.report.tables.table import Table
from pangea_cultural.cli.main import pcult
from pangea_cultural.errors import UserError
from tests.evalsuite.report import made_runs
from tests.evalsuite.report.conftest import HOSTILE

KEYS = {
    *("schema", "runs", "comparisons", "forest", "heat_map", "benchmarks", "held_out", "cuts", "examples", "cost"),
    "repeat",
}


def test_json_has_the_content_and_its_version(compared):
    written = orjson.loads((compared[0] / "report.json").read_bytes())
    assert set(written) == KEYS and written["schema"] == content.SCHEMA == 2
    assert [run["run"] for run in written["runs"]] == ["A", "B"]
    assert written["comparisons"][0]["letters"] == ["A", "B"]
    assert written == orjson.loads(orjson.dumps(compared[1]))


def test_heat_map_draws_the_figures_of_the_results(compared):
    folder, found = compared
    order = [row["benchmark"] for row in found["benchmarks"]]
    charts = heat_map.tabs(found["heat_map"], found["comparisons"], ["A", "B"], order)
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
    drawn = {(value["benchmark"], names[value["language"]]): value["value"] for value in charts[0].values}
    assert {key: value for key, value in drawn.items() if not key[0].startswith("export")} == expected
    assert [list(dict.fromkeys(value["language"] for value in chart.values)) for chart in charts[:3]] == [
        ["Arabic", "German", "Ukrainian", "Dutch"]
    ] * 3, "languages stand in the same order in all tabs"
    # The SVG says the same to screen readers.
    labels = re.findall(r'aria-label="[^"]*?figure: ([\d.]+) %', charts[0].svg)
    assert sorted(map(float, labels)) == sorted(drawn.values())


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
        *(("cvqa", "country"), ("cvqa", "script"), ("xgqa", "country"), ("xgqa", "script")),
        *(("export test, choice", "region"), ("export test, choice", "script")),
    }
    assert "property" not in {facet for _, facet in found}, "all questions are about one property"


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
        *("## Verdicts", "## Benchmarks", "## Languages", "## Held-out languages", "## Cuts", "## Examples", "## Cost"),
        "## How to repeat it",
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
