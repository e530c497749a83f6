"""Lines about further passes over the questions of a run, for the terminal."""

from typing import Any

from evalsuite.report import published
from evalsuite.report.terminal import percent


def lines(results: dict[str, Any]) -> list[str]:
    """Return one line for the repeats, the rotations and the controls of each benchmark that was asked again."""
    found = [
        _repeats(f"export, {name}", part, "likelihoods" if part.get("choose_by") == "likelihood" else "texts")
        for name, part in results.get("repeats", {}).items()
    ]
    if "rotations" in results:
        found.append(_rotations("export", results["rotations"]))
    for part in results.get("benchmarks", []):
        if "repeats" in part:
            found.append(_repeats(part["name"], part["repeats"], "texts"))
        if "rotations" in part:
            found.append(_rotations(part["name"], part["rotations"]))
        if "controls" in part:
            found.append(f"{part['name']}, {published.under_controls(part)}")
    return found


def _repeats(name: str, part: dict[str, Any], what: str) -> str:
    return (
        f"{name}, {part['passes']} passes: flip rate {percent(part['flip_rate'], 'mean')} %, "
        f"{part['answers_differ']:,} of {part['n']:,} answers and {part['texts_differ']:,} {what} differ "
        f"(concurrency {part['concurrency']}, server {part['server'] or 'unknown'})"
    )


def _rotations(name: str, part: dict[str, Any]) -> str:
    if part.get("choose_by") == "likelihood":
        return f"{name}: options are compared by likelihood and have no positions, so they are not rotated"
    if not part["n"]:
        return f"{name}: no question can be asked with rotated options{_left_out(part)}"
    chosen = ", ".join(f"{row['position']}: {row['chosen']:,} ({row['score']['n']:,})" for row in part["positions"])
    return (
        f"{name}, options rotated: mean {percent(part['mean'], 'mean')} %, right in all rotations "
        f"{percent(part['all_right'], 'mean')} % (chance {100 * part['chance_all_right']:.2g} %) of {part['n']:,} "
        f"questions; positions chosen (expected) {chosen}{_left_out(part)}"
    )


def _left_out(part: dict[str, Any]) -> str:
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in part["left_out"].items())
    return f"; left out: {reasons}" if reasons else ""
