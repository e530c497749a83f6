"""Tables of questions that were asked again: flip rates, rotations of options, and the positions that were chosen."""

from collections.abc import Mapping
from typing import Any

from evalsuite.report.tables.table import NOTHING, Table, count, percent, points, with_interval

Row = dict[str, Any]


def tables(content: Mapping[str, Any]) -> list[Table]:
    """Return the tables, without those that have no row."""
    repeats, rotations = (_runs_beside_each_other(content[key]) for key in ("repeats", "rotations"))
    found = (_repeats(repeats), _rotations(rotations), _positions(rotations))
    return [table.without_empty_columns() for table in found if table.rows]


def _runs_beside_each_other(rows: list[Row]) -> list[Row]:
    names = list(dict.fromkeys(row["benchmark"] for row in rows))
    return sorted(rows, key=lambda row: names.index(row["benchmark"]))


def notes(content: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each benchmark that was not rotated."""
    sentences = []
    for row in content["rotations"]:
        if row.get("choose_by") == "likelihood":
            why = "options are compared by likelihood and have no positions"
        elif not row["n"]:
            why = "no question can be asked with moved options"
        else:
            continue
        reasons = ", ".join(f"{reason} {number:,}" for reason, number in row.get("left_out", {}).items())
        sentences.append(
            f"{row['run']}, {row['benchmark']} was not rotated: {why}{f' ({reasons})' if reasons else ''}."
        )
    return sentences


def _repeats(rows: list[Row]) -> Table:
    return Table(
        title="Repeats: the same questions asked again",
        headers=(
            *("benchmark", "run", "passes", "questions", "flip rate", "answers that differ", "texts that differ"),
            *("likelihoods that differ", "concurrency", "server"),
        ),
        rows=[
            [
                row["benchmark"],
                row["run"],
                count(row["passes"]),
                count(row["n"]),
                with_interval(row["flip_rate"]),
                count(row["answers_differ"]),
                *(
                    count(row["texts_differ"]) if row["compared"] == kind else NOTHING
                    for kind in ("texts", "likelihoods")
                ),
                count(row["concurrency"]),
                row["server"] or "unknown",
            ]
            for row in rows
        ],
        texts=frozenset((0, 1, 9)),
    )


def _rotations(rows: list[Row]) -> Table:
    return Table(
        title="Rotations: the same questions with their options in other positions",
        headers=(
            *("benchmark", "run", "questions", "mean of rotations", "right in all rotations", "the same by chance"),
            *("unparsed answers", "left out"),
        ),
        rows=[
            [
                row["benchmark"],
                row["run"],
                count(row["n"]),
                with_interval(row["mean"]),
                with_interval(row["all_right"]),
                percent(row["chance_all_right"]),
                count(row.get("unparsed")),
                ", ".join(f"{reason} {number:,}" for reason, number in row["left_out"].items()),
            ]
            for row in rows
            if row["n"]
        ],
        texts=frozenset((0, 1, 7)),
    )


def _positions(rows: list[Row]) -> Table:
    """Return the table of positions. Without a preference, each is chosen as often as the right option is there."""
    return Table(
        title="Positions that answers choose",
        headers=(
            "benchmark",
            "run",
            "position",
            "chosen",
            "expected",
            "chosen - expected, points",
            "score, right there",
        ),
        rows=[
            [
                row["benchmark"],
                row["run"],
                count(place["position"]),
                count(place["chosen"]),
                count(place["score"]["n"]),
                points(_preference(place, row)),
                with_interval(place["score"]),
            ]
            for row in rows
            if row["n"]
            for place in row["positions"]
        ],
        texts=frozenset((0, 1)),
    )


def _preference(place: Row, row: Row) -> float | None:
    """Return the share of answers that choose a position less the share of right options there."""
    asked = sum(one["score"]["n"] for one in row["positions"])
    return (place["chosen"] - place["score"]["n"]) / asked if asked else None
