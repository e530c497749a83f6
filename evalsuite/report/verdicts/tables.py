"""Tables of verdicts for the terminal."""

from typing import Any

from rich.table import Table
from rich.text import Text

from evalsuite.report.verdicts import families

DISAGREE = "the test finds one, its interval has zero"
HEADERS = ("compared", "questions", "A", "B", "A - B", "p, adjusted", "verdict")


def tables(comparison: dict[str, Any]) -> list[Table]:
    """Return the tables of a comparison: the confirmatory claims, and the benchmarks."""
    a, b = comparison["a"], comparison["b"]
    title = f"A: {a['model']} ({a['run']})\nB: {b['model']} ({b['run']})\nin percent, with intervals of 95 %"
    return [
        _table(f"{title}\n\nClaims that were fixed beforehand", comparison["confirmatory"]),
        _table("Benchmarks", comparison["benchmarks"]),
    ]


def notes(comparison: dict[str, Any]) -> list[str]:
    """Return the sentences below the tables: the claim of transfer, cells that differ, and what was left out."""
    found = [row for row in comparison["cells"] if row["verdict"] in ("A better", "B better")]
    sentences = [
        comparison["transfer"]["reading"],
        f"A difference is shown in {len(found)} of {len(comparison['cells'])} pairs of benchmark and language "
        "(exploratory).",
    ]
    sentences += [f"Not compared: {count:,} ({reason})." for reason, count in comparison["left_out"].items()]
    if comparison["judged"]:
        sentences.append(f"Not compared: {', '.join(comparison['judged'])} (scores of a judge).")
    return sentences


def _table(title: str, rows: list[dict[str, Any]]) -> Table:
    table = Table(title=Text(title), title_justify="left")
    for name in HEADERS:
        table.add_column(name, justify="left" if name in ("compared", "verdict") else "right", overflow="fold")
    for row in rows:
        table.add_row(*[Text(cell) for cell in cells(row)])
    return table


def cells(row: dict[str, Any]) -> list[str]:
    """Return the cells of a row, as text."""
    if not row["n"]:
        return [row["name"], "0", "-", "-", "-", "-", row["verdict"]]
    interval = "" if row["low"] is None else f" [{100 * row['low']:+.1f}, {100 * row['high']:+.1f}]"
    return [
        row["name"],
        f"{row['n']:,}",
        f"{100 * row['a']:.1f}",
        f"{100 * row['b']:.1f}",
        f"{100 * row['difference']:+.1f}{interval}",
        "-" if row["p_adjusted"] is None else f"{row['p_adjusted']:.4f}",
        verdict(row),
    ]


def verdict(row: dict[str, Any]) -> str:
    """Return the verdict, with the true difference that is found with a probability of 80 % if none is shown."""
    effect = row["minimum_detectable_effect"]
    if row["verdict"] == families.UNDECIDED and families.disagree(row):
        return f"{row['verdict']}; {DISAGREE}"
    if row["verdict"] == "no difference shown" and effect is not None and effect >= 1:
        return f"{row['verdict']}; there are too few questions to find one"
    if row["verdict"] == "no difference shown" and effect is not None:
        return f"{row['verdict']}; 80 % power for {100 * effect:.1f} points"
    if row["test"] == "non-inferiority" and row.get("lower_bound") is not None:
        return f"{row['verdict']}; difference at least {100 * row['lower_bound']:+.1f} points (one-sided 95 %)"
    return row["verdict"]
