"""Figures of a published benchmark under controls, and how much higher the score with the image is."""

from collections.abc import Mapping
from typing import Any

from evalsuite.metrics.language_figures import Answer, language_parts
from evalsuite.statistics.difference import differences
from evalsuite.statistics.figure import figure
from evalsuite.statistics.gap import gap_interval
from evalsuite.statistics.interval import ends
from evalsuite.statistics.scores import Scores

ALL = "*"
"""Name of the row about all languages, which weigh the same."""


def control_figures(answers: list[Answer], controls: Mapping[str, list[Answer]]) -> list[dict[str, Any]]:
    """Return one row for each language, and rows of means over languages.

    Args:
        answers: answers with the image: item, language, group, cluster, robust.
        controls: answers under each control, with the same keys.

    Returns:
        Rows with `languages` and `group` as in `language_figures`, or `*` for all languages, and under each control its
        mean with interval. `gain` is the mean score with the image minus that under the control on the questions of
        both (`n`, `image`, `gain`, `low`, `high`). `strongest` is the control with the highest mean, with its gain;
        None without answers under controls.
    """
    own = {answer["item"]: answer["robust"] for answer in answers}
    rows = []
    for name, group, part in (*language_parts(answers), (ALL, ALL, answers)):
        items = {answer["item"] for answer in part}
        found = {
            control: _row([one for one in asked if one["item"] in items], own) for control, asked in controls.items()
        }
        rows.append({"languages": name, "group": group, **found, "strongest": _strongest(found)})
    return rows


def _row(answers: list[Answer], own: Mapping[str, float | None]) -> dict[str, Any]:
    clusters, languages = ([answer[key] for answer in answers] for key in ("cluster", "language"))
    scores = [answer["robust"] for answer in answers]
    first, _, gap = differences([own[answer["item"]] for answer in answers], scores, clusters, languages)
    gain = {"n": len(gap.values), "image": first.mean, "gain": gap.mean, **ends(gap_interval(gap))}
    return {**figure(Scores.of(scores, clusters, languages)).as_row(), "gain": gain}


def _strongest(found: Mapping[str, dict[str, Any]]) -> dict[str, Any] | None:
    known = [name for name, row in found.items() if row["mean"] is not None]
    if not known:
        return None
    name = max(known, key=lambda name: found[name]["mean"])
    return {"control": name, "value": found[name]["mean"], **found[name]["gain"]}
