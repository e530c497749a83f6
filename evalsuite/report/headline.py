"""The cards at the top of the page: accuracies of groups of languages, each with its strongest control."""

from typing import Any

from evalsuite.metrics.accuracy import CHANCE, find
from evalsuite.report import terminal


def cards(results: dict[str, Any]) -> list[dict[str, str]]:
    """Return the cards of a run about an export."""
    found = []
    for split, group, subset, title in (
        ("test", "trained", "all", "Trained languages"),
        ("unseen", "trained", "all", "Unseen images, trained languages"),
        ("test", "unknown", "all", "All languages"),
        ("unseen", "unknown", "all", "Unseen images, all languages"),
        ("test", "held-out", "shared", "Held-out languages, answer also in a trained language"),
        ("test", "held-out", "novel", "Held-out languages, novel answer"),
    ):
        keys = {"split": split, "group": group, "subset": subset, "language": "*"}
        choice = find(results["figures"], question_type="choice", **keys)
        exact = find(results["figures"], question_type="open", **keys)
        if choice and exact and choice["image"]["n"]:
            found.append(
                {
                    "title": title,
                    "value": f"{100 * choice['image']['accuracy']:.1f} %",
                    "control": f"4-way choice of {choice['image']['n']:,} questions; {_control(choice)}; "
                    f"by chance {100 * CHANCE['choice']:.0f} %",
                    "exact": f"exact match {terminal.percent(exact['image'])} % of {exact['image']['n']:,}; "
                    f"{_control(exact)}",
                }
            )
    return found


def _control(figure: dict[str, Any]) -> str:
    """Return what a card says about the strongest control."""
    strongest = figure["strongest"]
    if strongest is None:
        return "no control was asked"
    name = terminal.CONTROL_NAMES[strongest["control"]]
    score = f"{name} {100 * figure[strongest['control']]['accuracy']:.1f} %"
    if terminal.is_shown(figure):
        return f"{score}, {terminal.gain(figure)[0]} points with the image"
    return f"{score}: no gain by the image is shown"
