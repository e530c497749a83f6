"""Tables of verdicts: claims and benchmarks of two runs, or the gain of one run over its strongest control."""

from typing import Any

from evalsuite.report.sections.forest import CONTROLS
from evalsuite.report.tables.table import NOTHING, Table, count, percent, points, points_with_interval
from evalsuite.report.verdicts import families

HEADERS = ("compared", "verdict", "{0} - {1}", "{0}", "{1}", "questions", "p, adjusted")
WITHOUT_VERDICT = {
    "No question in common": families.NO_DATA,
    "The languages of the training are unknown": families.UNKNOWN_TRAINING,
}
"""Reasons why a claim has no verdict, with what stands in its place."""


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
    """Return a sentence for each claim of each pair of runs, and what is said about transfer and pairs left out."""
    found = []
    for comparison in content["comparisons"]:
        a, b = comparison["letters"]
        about = f"{a} and {b}: " if len(content["comparisons"]) > 1 else ""
        found += [_sentence(row, a, b) for row in comparison["confirmatory"] if row["n"]]
        for reason, verdict in WITHOUT_VERDICT.items():
            untested = [row["name"] for row in comparison["confirmatory"] if row["verdict"] == verdict]
            if untested:
                found.append(f"{about}{reason}, so no verdict: {'; '.join(untested)}.")
        transfer, *notes = comparison["notes"]
        found += [f"{about}Transfer: {transfer}", *(about + note for note in notes)]
    return found


def _sentence(row: dict[str, Any], a: str, b: str) -> str:
    """Return what is said about a claim. Readers who see this sentence only must not take it for more than it is."""
    known = row["p_adjusted"] is not None
    chance = f", adjusted p {row['p_adjusted']:.4f}" if known else ""
    gap = f"{a} - {b} is {points_with_interval(row)} points"
    figures = f"{percent(row['a'])} and {percent(row['b'])} %, {count(row['n'])} questions{chance}"
    if row["test"] == "non-inferiority":
        margin = f"{100 * row['margin']:g} point"
        bound = "" if row["lower_bound"] is None else f", at least {points(row['lower_bound'])} (one-sided 95 %)"
        claim = (
            f"{a} is not worse than {b} by more than {margin}"
            if row["verdict"] == families.NOT_WORSE
            else f"It is not shown that {a} is at most {margin} worse than {b}"
        )
        return f"{claim} on mainstream benchmarks: {gap}{bound} ({figures})."
    if row["verdict"] in (families.A, families.B):
        better, other = (a, b) if row["verdict"] == families.A else (b, a)
        return f"{better} is better than {other} in {row['name']}: {gap} ({figures})."
    return f"No difference of {a} and {b} is shown in {row['name']}: {gap} ({figures}). {_power(row)}"


def _power(row: dict[str, Any]) -> str:
    """Return which difference a comparison without a difference could have found: it does not show equal runs."""
    effect = row["minimum_detectable_effect"]
    if row["p_adjusted"] is None:
        return "The questions are about a single image, so there is no test."
    if families.disagree(row):
        return "The test finds one, but its interval has zero, as can happen with few images."
    if effect is None or effect >= 1:
        return "There are too few questions to find one."
    return f"A true difference of {100 * effect:.1f} points is found in 80 % of such comparisons, before adjustment."
