"""The body of `pcult data stats --bias`: figures as JSON or as tables."""

import dataclasses
from pathlib import Path
from typing import Any

from factory.bias import exported
from factory.bias.bias import STAGES, Correlation, Spread, measure
from factory.store.store import Store
from pangea_cultural.cli.output import print_json, print_table
from pangea_cultural.dataset.export import Export

GROUPS = "property, entity type, language"
SHOWN = 10
"""Regions of most questions to print; --json has all."""


def run(store: Path, export: Path | None, *, as_json: bool) -> None:
    """Measure the bias of a store, or of an export if there is one, and print it."""
    if export is not None:
        result = exported.measure(Export.open(export))
    else:
        with Store.open(store, read_only=True) as opened:
            result = measure(opened)
    if as_json:
        keys = ("spreads", "answers", "correlations")
        records = {key: [dataclasses.asdict(row) for row in result[key]] for key in keys}
        print_json(records | {"regions": result["regions"]})
        return
    balanced = is_balanced(result["spreads"])
    print_spreads(result)
    correlations = [row for row in result["correlations"] if balanced or not row.counted.endswith("before")]
    columns = ["numbers by region", "figure", "regions", "Spearman", "95 % interval"]
    printed = [_correlation_row(row, balanced) for row in correlations]
    print_table("Rank correlation with figures of the regions", columns, printed)
    rows = sorted(result["regions"], key=lambda row: (-row["questions_after"], row["region"]))
    columns = ["region", "gdp_per_capita", "population", "entities", "images", "questions_after"]
    title = f"Regions ({SHOWN} of {len(rows)})" if len(rows) > SHOWN else "Regions"
    names = [_counted(column, balanced).replace("_", " ") for column in columns]
    print_table(title, names, [[row[column] for column in columns] for row in rows[:SHOWN]])


def print_spreads(result: dict[str, Any]) -> None:
    """Print the spreads and the shares of answers, before and after balance if it dropped anything."""
    balanced = is_balanced(result["spreads"])
    spreads, answers = (
        [row for row in result[key] if row.stage == "after" or balanced] for key in ("spreads", "answers")
    )
    columns = ["groups by", "balance", "groups", "questions", "Gini", "largest", "its share"]
    _print("Spread of the questions of train", columns, [_spread_row(row) for row in spreads], balanced)
    columns = [
        "groups by",
        "balance",
        "groups",
        "an answer has more than a quarter",
        "of them with fewer than four answers",
    ]
    rows: list[list[object]] = [[GROUPS, row.stage, row.groups, row.over, row.few] for row in answers]
    _print("Frequent answers of train", columns, rows, balanced)


def _print(title: str, columns: list[str], rows: list[list[object]], balanced: bool) -> None:
    """Print a table, without its column `balance` if nothing was dropped."""
    shown = [number for number, name in enumerate(columns) if balanced or name != "balance"]
    print_table(title, [columns[number] for number in shown], [[row[number] for number in shown] for row in rows])


def is_balanced(spreads: list[Spread]) -> bool:
    """Whether questions were dropped for balance."""
    before, after = ({row.dimension: row.questions for row in spreads if row.stage == stage} for stage in STAGES)
    return bool(before) and before != after


def _counted(name: str, balanced: bool) -> str:
    """Return the name of a number of questions, without a stage if nothing was dropped."""
    return name if balanced else name.removesuffix("after").rstrip(" _")


def _spread_row(row: Spread) -> list[object]:
    gini = "" if row.gini is None else f"{row.gini:.2f}"
    return [row.dimension, row.stage, row.groups, row.questions, gini, row.largest, f"{row.largest_share:.1%}"]


def _correlation_row(row: Correlation, balanced: bool) -> list[object]:
    counted = _counted(row.counted, balanced)
    if row.rho is None:
        return [counted, row.figure, row.regions, "", ""]
    return [counted, row.figure, row.regions, f"{row.rho:.2f}", f"{row.low:.2f} to {row.high:.2f}"]
