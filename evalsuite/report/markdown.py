"""The report as Markdown: its tables and sentences, without charts and images."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from evalsuite.report.sections.repeat import parts, same_prompts
from evalsuite.report.tables import again, costs, cuts, figures, verdicts
from evalsuite.report.tables.table import Table

_MARKS = re.compile(r"([\\`*_\[\]<>|#!~$&])")


def escaped(text: str) -> str:
    """Return a text in one line that no renderer takes for Markdown or HTML. Texts of data sets are hostile."""
    return _MARKS.sub(r"\\\1", " ".join(text.split())).replace("\\<", "&lt;").replace("\\&", "&amp;")


def render(content: dict[str, Any]) -> str:
    """Return the text of report.md."""
    return "\n".join(_lines(content)).strip() + "\n"


def _lines(content: dict[str, Any]) -> Iterator[str]:
    yield "# " + " and ".join(escaped(f"{run['run']}: {run['model']}") for run in content["runs"])
    yield ""
    yield "In percent and points, with intervals of 95 %. An asterisk marks few questions or many unparsed answers."
    for run in content["runs"]:
        yield from _items([f"{run['run']}, {run['folder']}: {text}" for text in run["statements"] or ["no statements"]])
    yield from _section("Verdicts", verdicts.sentences(content), verdicts.tables(content))
    yield from _section("Benchmarks", [], [figures.benchmarks(content)])
    yield from _section("Languages", [], [figures.languages(content)])
    yield from _section("Held-out languages", [], figures.held_out(content))
    yield from _section("Cuts", [], [table for tables in cuts.cuts(content).values() for table in tables])
    yield from _section("Asked again", again.notes(content), again.tables(content))
    yield from _section("Examples", [_example(example) for example in content["examples"]], [])
    yield from _section("Cost", [], [costs.costs(content)])
    same = same_prompts(content["repeat"])
    lines = [line for record in content["repeat"] for line in (_repeat(record), *_protocols(record, same))]
    yield from _section("How to repeat it", lines, [])


def _section(title: str, sentences: Iterable[str], tables: Sequence[Table]) -> Iterator[str]:
    shown = [table for table in tables if table.rows]
    items = list(_items(sentences))
    if items or shown:
        yield from ("", f"## {title}", *items)
    for table in shown:
        if table.title != title:
            yield from ("", f"### {escaped(table.title)}")
        yield from ("", _row(table.headers), _row("---" for _ in table.headers), *map(_row, table.rows))


def _items(sentences: Iterable[str]) -> Iterator[str]:
    lines = [f"- {escaped(sentence)}" for sentence in sentences]
    yield from ("", *lines) if lines else ()


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell if cell == "---" else escaped(cell) for cell in cells) + " |"


def _example(example: dict[str, Any]) -> str:
    given = "; ".join(f"{one['run']}: {one['answer'] or 'nothing'}" for one in example["answers"])
    right = f"; right: {', '.join(example['right'])}" if example["right"] else ""
    kinds = ", ".join(example["kinds"]) or "without a score"
    return f"{example['item']} ({kinds}). {example['question']} {given}{right}"


def _repeat(record: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    commands = "; ".join(record["commands"])
    weights = record["identity"].get("weights") or "unknown"
    return f"{record['run']}: {commands}. Fingerprint {record['fingerprint']}, weights {weights}, {versions}."


def _protocols(record: dict[str, Any], same: Mapping[tuple[str, str], str]) -> Iterator[str]:
    """Yield what a repetition of each benchmark needs to know, and an example of the prompt of each task."""
    for part in parts(record):
        name = f"{record['run']}, {part['benchmark']}"
        yield from _protocol(name, part) if "deviations" in part else ()
        first = same.get((record["run"], part["benchmark"]))
        if first:
            yield f"{name}: the prompts of {first}."
        for prompt in [] if first else part["prompts"]:
            number = "" if prompt["n"] is None else f" ({prompt['n']:,} questions, SHA-256 {prompt['sha256']})"
            yield f"{name}, prompt of {prompt['task']}{number}: {prompt['example']}"


def _protocol(name: str, part: dict[str, Any]) -> Iterator[str]:
    """Yield what differs from the reference, and the published scores."""
    differs = " ".join(part["deviations"]) or "nothing known."
    unverified = " ".join(part["unverified"]) or "nothing."
    yield f"{name}: differs from the reference: {differs} Not verified: {unverified}"
    for one in part["published"]:
        protocol = "yes" if one["same_protocol"] else "no"
        yield f"{name}: {one['model']}, {one['part']}: {one['value']:g}. Same protocol? {protocol}. {one['source']}"
