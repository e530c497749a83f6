"""Tables of figures: benchmarks, languages and held-out languages."""

from typing import Any

from evalsuite.report.published import language_name
from evalsuite.report.sections.held_out import SUBSETS
from evalsuite.report.tables.table import (
    NOTHING,
    Table,
    anchor,
    count,
    percent,
    points_with_interval,
    with_interval,
)
from evalsuite.report.terminal import CONTROL_NAMES

Row = dict[str, Any]
NO_YES = ("no", "yes")
GROUPS = {"trained": ", trained", "held-out": ", held out", "unknown": ""}


def benchmarks(content: dict[str, Any]) -> Table:
    """Return the table of benchmarks. Columns that no benchmark has are left out."""
    names = list(dict.fromkeys(row["benchmark"] for row in content["benchmarks"]))
    rows: list[list[str]] = []
    seen: set[str] = set()
    for row in sorted(content["benchmarks"], key=lambda row: names.index(row["benchmark"])):
        # Once, at the first run of a benchmark.
        published = [
            f"{one['model']}, {one['part']}: {one['value']:g} (same protocol? {NO_YES[one['same_protocol']]})"
            for one in row["published"]
            if row["benchmark"] not in seen
        ]
        seen.add(row["benchmark"])
        rows.append(
            [
                f"{row['title']}{' (judged)' if row['judged'] else ''}",
                row["run"],
                with_interval(row["robust"]),
                percent(row["blind"]),
                _control(row),
                percent(row["chance"]),
                percent(row["reference"]["mean"]),
                percent(row["unparsed"]),
                percent(row["refused"]),
                percent(row["fidelity"]),
                count(row["n"]),
                count(row["clusters"]),
                "; ".join(published),
            ]
        )
    scores = ("robust", "blind", "strongest control", "chance", "reference", "unparsed", "refused", "in its language")
    headers = ("benchmark", "run", *scores, "questions", "clusters", "published scores")
    return Table(
        title="Benchmarks", headers=headers, rows=rows, texts=frozenset((0, 1, len(headers) - 1))
    ).without_empty_columns()


def languages(content: dict[str, Any]) -> Table:
    """Return the table of the heat map: one row for each language of each benchmark."""
    letters = [run["run"] for run in content["runs"]]
    parts: dict[tuple[str, str], dict[str, Row]] = {}
    for cell in content["heat_map"]:
        parts.setdefault((cell["benchmark"], cell["language"]), {})[cell["run"]] = cell
    differences = {
        (row["benchmark"], row["language"], *found["letters"]): row
        for found in content["comparisons"]
        for row in found["cells"]
    }
    pairs = [tuple(found["letters"]) for found in content["comparisons"]]
    names = list(dict.fromkeys(benchmark for benchmark, _ in parts))
    keys = sorted(parts, key=lambda key: names.index(key[0]))
    rows = []
    for key in keys:
        cells = parts[key]
        first = next(iter(cells.values()))
        row = [f"{key[0]}: {first['name']}{GROUPS[first['group']]}"]
        for letter in letters:
            cell = cells.get(letter)
            mark = "*" if cell and cell["weak"] else ""
            row += [count(cell["n"]), with_interval(cell, "value") + mark] if cell else [NOTHING, NOTHING]
        for pair in pairs:
            found = differences.get((*key, *pair))
            row.append(points_with_interval(found) if found and found["n"] else NOTHING)
        for name in ("blind", "unparsed"):
            row += [percent(cells[letter][name]) if letter in cells else NOTHING for letter in letters]
        rows.append(row)
    headers = ["benchmark and language"]
    headers += [name for letter in letters for name in (f"questions, {letter}", f"value, {letter}")]
    headers += [f"{a} - {b}" for a, b in pairs]
    headers += [f"{name}, {letter}" for name in ("blind", "unparsed") for letter in letters]
    anchors = [anchor(*key) for key in keys]
    return Table(title="Figures by language", headers=headers, rows=rows, anchors=anchors).without_empty_columns()


def held_out(content: dict[str, Any]) -> list[Table]:
    """Return the tables of held-out languages: means, with those of trained ones to compare with, and each language."""
    found = _runs_beside_each_other(content["held_out"])
    parts = {
        "Means over languages": [row for row in found if row["language"] == "*"],
        "Held-out languages one by one": [row for row in found if row["language"] != "*"],
    }
    return [_held_out(title, rows) for title, rows in parts.items() if rows]


def _held_out(title: str, found: list[Row]) -> Table:
    rows = [
        [
            f"{row['benchmark']}: {_of_languages(row)}",
            row["run"],
            SUBSETS[row["answers"]],
            count(row["n"]),
            with_interval(row, "value"),
            percent(row["blind"]),
            _control(row),
            points_with_interval(row["gain"], "gain") if row["gain"] else NOTHING,
        ]
        for row in found
    ]
    headers = ("benchmark and language", "run", "answers", "questions", "value", "blind", "strongest control", "gain")
    return Table(title=title, headers=headers, rows=rows, texts=frozenset((0, 1, 2))).without_empty_columns()


def _of_languages(row: Row) -> str:
    if row["language"] != "*":
        return language_name(row["language"])
    return f"{row['group']} languages"


def _control(row: Row) -> str:
    return f"{percent(row['control_value'])} ({CONTROL_NAMES[row['control']]})" if row["control"] else NOTHING


def _runs_beside_each_other(rows: list[Row]) -> list[Row]:
    keys = [(row["benchmark"], row["group"], row["language"], row["answers"]) for row in rows]
    benchmarks, places = list(dict.fromkeys(key[0] for key in keys)), list(dict.fromkeys(keys))
    order = sorted(range(len(rows)), key=lambda row: (benchmarks.index(keys[row][0]), places.index(keys[row])))
    return [rows[row] for row in order]
