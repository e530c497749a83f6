"""Tables of verdicts: claims and benchmarks of two runs, or the gain of one run over its strongest control."""

from typing import Any

from evalsuite.report.sections.forest import CONTROLS
from evalsuite.report.tables.table import NOTHING, Table, count, percent, points_with_interval

HEADERS = ("compared", "verdict", "{0} - {1}", "{0}", "{1}", "questions", "p, adjusted")


def tables(content: dict[str, Any]) -> list[Table]:
    """Return a table for each family of each pair of runs."""
    parts: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in content["forest"]:
        parts.setdefault(("" if row["family"] == CONTROLS else row["pair"], row["family"]), []).append(row)
    return [_table(pair, family, rows) for (pair, family), rows in parts.items()]


def _table(pair: str, family: str, rows: list[dict[str, Any]]) -> Table:
    letters = pair.split(" - ") if pair else ["image", "control"]
    return Table(
        title=f"{pair}: {family}" if pair else family[0].upper() + family[1:],
        headers=[header.format(*letters) for header in HEADERS],
        rows=[
            [
                row["name"],
                row["text"],
                points_with_interval(row),
                percent(row["a"]),
                percent(row["b"]),
                count(row["n"]),
                NOTHING if row["p_adjusted"] is None else f"{row['p_adjusted']:.4f}",
            ]
            for row in rows
        ],
        texts=frozenset((0, 1)),
    ).without_empty_columns()


def sentences(content: dict[str, Any]) -> list[str]:
    """Return one sentence for each claim of each pair of runs, and what is said about transfer and pairs left out."""
    found = []
    for comparison in content["comparisons"]:
        a, b = comparison["letters"]
        rows = [row for row in content["forest"] if row["pair"] == f"{a} - {b}" and row["p_adjusted"] is not None]
        claims = [row for row in rows if row["name"] in {claim["name"] for claim in comparison["confirmatory"]}]
        for row in claims:
            name = row["name"][0].upper() + row["name"][1:]
            found.append(f"{a} and {b}. {name}: {row['text']} ({points_with_interval(row)} points).")
        transfer, *notes = comparison["notes"]
        found += [f"{a} and {b}. Transfer: {transfer}", *(f"{a} and {b}. {note}" for note in notes)]
    return found
