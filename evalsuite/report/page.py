"""The page of a report. Nothing in it is loaded from elsewhere, and without scripts it is complete.

Its policy (CSP) lets only its own style and scripts act: answers, labels and names of models are hostile until they are
escaped.
"""

import base64
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evalsuite.data.thumbnails import thumbnail
from evalsuite.report import headline, published, terminal
from evalsuite.report.charts import export, forest, heat_map, vega
from evalsuite.report.charts.vega import Chart
from evalsuite.report.finished_run import FinishedRun
from evalsuite.report.sections import repeat
from evalsuite.report.tables import again, costs, cuts, figures, verdicts
from evalsuite.report.tables.table import anchor
from pangea_cultural.errors import ImageError, UserError
from pangea_cultural.reference.languages import language
from pangea_cultural.utils import pages
from pangea_cultural.utils.files import read_json

PACKAGE = "evalsuite.report"
MAX_IMAGES = 8_000_000
"""Characters of all images of a page. Pages stay below 15 MB, so that mails and issues take them."""
FOLDED = 4
"""Tables of benchmarks above which they are folded. In print, they never are."""
LONG_TABLE = 12
"""Rows of a table of cuts above which the others are folded."""
LONGEST_PROMPT = 4000
"""Characters of a prompt that a page shows. report.json has the whole text."""
_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")


def render(runs: Sequence[FinishedRun], content: dict[str, Any]) -> str:
    """Return the page about runs."""
    style, own_script = (pages.read(PACKAGE, f"templates/{name}") for name in ("page.css", "page.js"))
    scripts = [vega.script(), own_script]
    charts = _Charts()
    template = pages.template(PACKAGE, "templates/report.html")
    return template.render(
        content=content,
        sentences=verdicts.sentences(content),
        verdicts=verdicts.tables(content),
        forests=charts.named(*_forests(content)),
        maps=charts.named(*_maps(content)),
        languages=figures.languages(content),
        benchmarks=figures.benchmarks(content),
        held_out=figures.held_out(content),
        held_out_charts=charts.named(*_held_out(runs)),
        cuts=cuts.cuts(content),
        again=again.tables(content),
        again_notes=again.notes(content),
        folded=FOLDED,
        limit=LONG_TABLE,
        longest=LONGEST_PROMPT,
        same_prompts=repeat.same_prompts(content["repeat"]),
        anchor=anchor,
        is_long=sum(len(run.published) for run in runs) > FOLDED,
        examples=_examples(runs[0], content["examples"]),
        costs=costs.costs(content),
        sections=[_section(run, record, charts) for run, record in zip(runs, content["repeat"], strict=True)],
        columns=terminal.HEADERS,
        headers=published.HEADERS,
        style=style,
        scripts=scripts,
        policy=_policy(style, scripts),
    )


def _policy(style: str, scripts: list[str]) -> str:
    allowed = " ".join(f"'{pages.policy_hash(text)}'" for text in scripts)
    return (
        f"default-src 'none'; style-src '{pages.policy_hash(style)}'; script-src {allowed}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


class _Charts:
    """Names of the charts of a page."""

    def __init__(self) -> None:
        self._number = 0

    def named(self, *charts: Chart | None) -> list[dict[str, Any]]:
        """Return what the page shows of charts, without those that have nothing to show."""
        found = []
        for chart in charts:
            if chart is not None:
                self._number += 1
                name = f"chart-{self._number}"
                shown = {"title": chart.title, "svg": chart.svg, "spec": chart.spec, "fits": chart.fits}
                found.append({"name": name} | shown)
        return found

    def one(self, chart: Chart | None) -> dict[str, Any] | None:
        """Return what the page shows of a chart."""
        found = self.named(chart)
        return found[0] if found else None


def _forests(content: dict[str, Any]) -> list[Chart | None]:
    pairs = list(dict.fromkeys(row["pair"] for row in content["forest"]))
    if not content["comparisons"]:
        return [forest.forest(content["forest"], "image - strongest control")]
    return [forest.forest([row for row in content["forest"] if row["pair"] == pair], pair) for pair in pairs]


def _maps(content: dict[str, Any]) -> list[Chart]:
    letters = [run["run"] for run in content["runs"]]
    order = [row["benchmark"] for row in content["benchmarks"]]
    return heat_map.tabs(content["heat_map"], content["comparisons"], letters, order)


def _held_out(runs: Sequence[FinishedRun]) -> list[Chart | None]:
    return [
        export.held_out(run.results["figures"], split, run.letter) for run in runs for split in run.results["splits"]
    ]


def _section(run: FinishedRun, record: dict[str, Any], charts: _Charts) -> dict[str, Any]:
    """Return what the page shows about one run only."""
    results = run.results
    section: dict[str, Any] = {
        "letter": run.letter,
        "results": results,
        "repeat": record,
        "published": [_published(part) for part in run.published],
        "statements": list(results.get("statements", [])),
        "headline": [],
        "splits": [],
        "credits": [],
        "manifest": None,
        "loss_chart": None,
    }
    if "export" not in results:
        return section
    section["statements"] += published.outcome(results)
    return section | {
        "headline": headline.cards(results),
        "splits": [_split(run, split, charts) for split in results["splits"]],
        "credits": read_json(run.folder / "examples.json")["credits"] if run.letter == "A" else [],
        "manifest": results["export"],
        "training": results["training"],
        "loss_chart": charts.one(export.losses(results["training"])),
    }


def _split(run: FinishedRun, split: str, charts: _Charts) -> dict[str, Any]:
    return {
        "title": terminal.TITLES[split],
        "tables": [
            {"metric": metric, "rows": terminal.rows(run.results, split, question_type)}
            for question_type, metric in terminal.METRICS.items()
            if any(row["split"] == split and row["question_type"] == question_type for row in run.results["figures"])
        ],
        "chart": charts.one(export.controls(run.results["figures"], split, run.letter)),
    }


def _published(part: dict[str, Any]) -> dict[str, Any]:
    return {
        "benchmark": part,
        "title": published.title(part),
        "rows": [{"figure": row, "cells": published.cells(row)} for row in part["figures"]],
        "more": published.more_rows(part),
        "notes": published.notes(part),
    }


def _examples(run: FinishedRun, examples: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return examples with their images, until the page has enough of them."""
    found, left = [], MAX_IMAGES
    for example in examples:
        sources = [source for name in example["images"] if left > 0 and (source := _source(run.folder / name))]
        left -= sum(map(len, sources))
        found.append(example | _language(example) | {"sources": sources})
    return found


def _language(example: dict[str, Any]) -> dict[str, str]:
    """Return the name, tag and direction of the language of an example."""
    code = example["language"]
    direction: str
    try:
        direction = language(code).direction
    except UserError:
        direction = "auto"
    return {
        "language_name": published.language_name(code),
        "language_tag": code if _TAG.fullmatch(code) else "",
        "direction": direction,
    }


def _source(path: Path) -> str:
    """Return a small image as a data URL; nothing for an image that cannot be read."""
    try:
        return "data:image/jpeg;base64," + base64.b64encode(thumbnail(path)).decode()
    except ImageError:
        return ""
