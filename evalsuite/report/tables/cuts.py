"""Tables of cuts: one for each facet of each benchmark, with the runs beside each other."""

from collections.abc import Mapping, Sequence
from typing import Any

from evalsuite.report.sections.cuts import RESOURCES
from evalsuite.report.tables.table import NOTHING, Table, count, points_with_interval, with_interval
from pangea_cultural.errors import UserError
from pangea_cultural.reference.regions import region

REGION = "region"
Row = dict[str, Any]
Pair = tuple[str, str]


def cuts(content: Mapping[str, Any]) -> dict[str, list[Table]]:
    """Return the tables of each benchmark.

    Differences and their numbers of questions are of the questions that both runs have.
    """
    letters = [run["run"] for run in content["runs"]]
    figures: dict[tuple[str, str], dict[str, dict[str, Row]]] = {}
    for row in content["cuts"]:
        figures.setdefault((row["benchmark"], row["facet"]), {}).setdefault(row["value"], {})[row["run"]] = row
    gaps = {
        (row["benchmark"], row["facet"], row["value"], *found["letters"]): row
        for found in content["comparisons"]
        for row in found["cuts"]
    }
    pairs: list[Pair] = [tuple(found["letters"]) for found in content["comparisons"]]
    tables: dict[str, list[Table]] = {}
    for (benchmark, facet), values in figures.items():
        differences = {
            value: {pair: row for pair in pairs if (row := gaps.get((benchmark, facet, value, *pair)))}
            for value in values
        }
        tables.setdefault(benchmark, []).append(_table(benchmark, facet, values, differences, letters, pairs))
    return tables


def _table(
    benchmark: str,
    facet: str,
    values: Mapping[str, Mapping[str, Row]],
    differences: Mapping[str, Mapping[Pair, Row]],
    letters: Sequence[str],
    pairs: Sequence[Pair],
) -> Table:
    # Runs of the same questions share a column of their numbers.
    shared = all(
        len({row["n"] for row in (*values[name].values(), *differences[name].values())}) == 1 for name in values
    )
    rows = []
    for name, by_run in values.items():
        row = [_name(facet, name)]
        row += [count(next(iter(by_run.values()))["n"])] if shared else []
        for letter in letters:
            found = by_run.get(letter)
            row += [] if shared else [count(found["n"]) if found else NOTHING]
            row.append(with_interval(found) if found else NOTHING)
        for pair in pairs:
            gap = differences[name].get(pair)
            row += [] if shared else [count(gap["n"]) if gap else NOTHING]
            row.append(points_with_interval(gap) if gap else NOTHING)
        rows.append(row)
    names = [*(f"value, {letter}" if len(letters) > 1 else "value" for letter in letters)]
    names += [f"{a} - {b}" for a, b in pairs]
    headers = [facet, *(["questions", *names] if shared else (text for name in names for text in ("questions", name)))]
    return Table(title=f"{benchmark} by {facet}", headers=headers, rows=rows).without_empty_columns()


def _name(facet: str, value: str) -> str:
    """Return the name of a value: regions of exports are slugs, and classes are numbers."""
    if facet == RESOURCES:
        return f"class {value}" if value.isdecimal() else value
    if facet == REGION:
        try:
            return region(value).name
        except UserError:
            return value
    return value
