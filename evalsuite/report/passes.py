"""Lines about further passes over the questions of a run, for the terminal."""

from typing import Any

from evalsuite.report.terminal import percent


def lines(results: dict[str, Any]) -> list[str]:
    """Return one line for each benchmark that was asked again."""
    found = [
        _repeats(f"export, {name}", part, "likelihoods" if part.get("choose_by") == "likelihood" else "texts")
        for name, part in results.get("repeats", {}).items()
    ]
    parts = results.get("benchmarks", [])
    return found + [_repeats(part["name"], part["repeats"], "texts") for part in parts if "repeats" in part]


def _repeats(name: str, part: dict[str, Any], what: str) -> str:
    return (
        f"{name}, {part['passes']} passes: flip rate {percent(part['flip_rate'], 'mean')} %, "
        f"{part['answers_differ']:,} of {part['n']:,} answers and {part['texts_differ']:,} {what} differ "
        f"(concurrency {part['concurrency']}, server {part['server'] or 'unknown'})"
    )
