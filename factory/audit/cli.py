"""The body of `pcult data audit`: figures as JSON or as tables, the worst ones first."""

import dataclasses
from pathlib import Path
from typing import Any

import click

from factory.audit.audit import Audit, audit, headline
from factory.audit.groups import MIN_QUESTIONS, Figure, Group
from factory.audit.headline import GUESSERS
from pangea_cultural.cli.output import print_json, print_table
from pangea_cultural.dataset.export import Export
from pangea_cultural.dataset.sql import readable

SHOWN, DETAILS = 25, 8
"""Rows of a table to print, and of the tables of details; --json has all."""
NOTICEABLE = 0.01
"""Smallest excess of the most frequent answer over chance to name."""
LEVELS = {"property": ("property", "property language"), "language": ("languages", "language")}
GROUP_COLUMNS = ["group", "questions", "guesser", "accuracy, %", "limit", "verdict"]


def run(folder: Path, *, by: str, as_json: bool) -> None:
    """Audit an export and print the result."""
    export = Export.of_manifest(folder)  # older exports lack columns that the audit does not need
    seed = export.manifest["recipe"].get("seed", 0)
    with readable(folder):
        result = audit(export.path, held_out_languages=tuple(export.held_out_languages), seed=seed)
    if as_json:
        print_json({"headline": headline(result), **dataclasses.asdict(result)})
        return
    _print_guessers(result)
    _print_groups(result, LEVELS[by])
    _print_balance(result)
    found = [
        [fault.fault, fault.rows, _first(fault.by_property), fault.example] for fault in result.faults if fault.rows
    ]
    _print("Faults of rows", ["fault", "rows", "most in", "example"], found)
    if by == "language":
        _print_languages(result)
    else:
        columns = ["rows", "choice_rows", "entities", "answers"]
        for title, counts in (("property", result.properties), ("entity type", result.entity_types)):
            rows = [[row.name, *(getattr(row, column) for column in columns)] for row in counts]
            _print(f"Rows by {title}", [title, "rows", "choice rows", "entities", "answers"], rows)
    for sentence in verdict(result):
        click.echo(sentence)


def verdict(result: Audit) -> list[str]:
    """Return the conclusions in plain sentences."""
    if result.overall is None:
        return ["There are no choice questions to guess."]
    return [*_reached(result, result.overall), *_uneven_answers(result), *_other_faults(result)]


def _reached(result: Audit, group: Group) -> list[str]:
    best, over = group.best, [group.name for group in result.judged if group.verdict == "over"]
    judgment = {
        "over": "The text gives answers away.",
        "unclear": "That may be chance: more questions would tell.",
        "few": "These are too few questions for a verdict.",
        "within": "That is within the limit.",
    }[group.verdict]
    unclear = sum(1 for row in result.judged if row.verdict == "unclear")
    groups = f"{len(over)} of {len(result.judged)} groups by property and language are over their limit"
    return [
        f"Without the images, {GUESSERS[best.guesser]} is right in {_percent(best.accuracy)} of "
        f"{best.questions:,} choice questions (limit {_percent(group.limit)}). {judgment}",
        f"{groups}, {unclear} are unclear.",
    ]


def _uneven_answers(result: Audit) -> list[str]:
    uneven = [g for g in result.judged if g.level == "property" and g.most_frequent > g.chance + NOTICEABLE]
    if not uneven:
        return []
    names = ", ".join(dict.fromkeys(group.name.split(" ")[0] for group in uneven))
    return [
        f"One answer is right more often than by chance alone in {names}. Options cannot balance that. "
        "Dropping questions can: `pcult build RECIPE --balance answer`."
    ]


def _other_faults(result: Audit) -> list[str]:
    figures = headline(result)
    texts = {
        "duplicates": "duplicate rows",
        "contradictions": "contradictory rows",
        "wrong_options_right": "rows with a wrong option that is right",
        "answers_in_questions": "questions with their answer",
        "uneven_positions": "languages with uneven places of the answer",
        "uneven_wordings": "questions with unevenly used wordings",
        "unused_values": "answers that are never a wrong option",
    }
    found = [f"{figures[key]:,} {text}" for key, text in texts.items() if figures[key]]
    unread = len(figures["unreviewed_languages"])
    reviewed = [f"Templates of {unread} languages were not read by a native speaker."] if unread else []
    return [f"Found: {', '.join(found)}." if found else "No other faults were found.", *reviewed]


def _print_guessers(result: Audit) -> None:
    group, sizes = result.overall, result.sizes
    if group is None:
        return
    rows = [[GUESSERS[figure.guesser], figure.questions, _accuracy(figure)] for figure in group.figures]
    scope = "All choice questions" if group.level == "all" else "Choice questions without a predominant answer"
    print_table(f"{scope}: guessers without images", ["guesser", "questions", "accuracy, %"], rows)
    click.echo(
        f"{result.rows:,} rows, {sizes['choice']:,} choice questions. Guessers were asked {sizes['asked']:,}. "
        f"The classifier learned from {sizes['words_learned']:,} and was asked {sizes['words_asked']:,}."
    )


def _print_groups(result: Audit, levels: tuple[str, ...]) -> None:
    for level in levels:
        groups = [group for group in result.groups if group.level == level and group.verdict != "few"]
        few = sum(1 for group in result.groups if group.level == level and group.verdict == "few")
        rows = [
            [
                *(group.name, group.questions, group.best.guesser, _accuracy(group.best)),
                *(f"{group.limit * 100:.1f}", group.verdict),
            ]
            for group in groups
        ]
        left_out = f"; {few} with fewer than {MIN_QUESTIONS} questions are left out" if few else ""
        shown = DETAILS if level == "property language" else SHOWN
        _print(f"Groups by {level}{left_out}", GROUP_COLUMNS, rows, shown)


def _print_balance(result: Audit) -> None:
    places = [[row.language, row.questions, _shares(row.shares)] for row in result.positions if row.uneven]
    _print("Uneven places of the answer", ["language", "questions", "shares"], places, DETAILS)
    wordings = [[row.name, row.draws, _shares(row.shares)] for row in result.wordings if row.uneven]
    _print("Unevenly used wordings", ["question", "draws", "shares"], wordings, DETAILS)
    pools = [
        [row.property, row.entity_type, row.values, row.never_wrong, round(row.by_chance, 1)]
        for row in result.pools
        if row.unused
    ]
    columns = ["property", "entity type", "answers", "never a wrong option", "by chance"]
    _print("Answers that are never a wrong option", columns, pools, DETAILS)


def _print_languages(result: Audit) -> None:
    rows = [
        [row.language, row.held_out, row.rows, row.choice_rows, _percent(row.foreign_answers / row.rows), row.reviewed]
        for row in result.languages
    ]
    columns = ["language", "held out", "rows", "choice rows", "answers in another script", "templates reviewed"]
    print_table("Rows by language", columns, rows)


def _print(title: str, columns: list[str], rows: list[list[Any]], shown: int = SHOWN) -> None:
    """Print the first rows of a table that has any."""
    if rows:
        more = f" ({shown} of {len(rows):,})" if len(rows) > shown else ""
        print_table(title + more, columns, rows[:shown])


def _first(by_property: dict[str, int]) -> str:
    return next(iter(by_property), "")


def _percent(share: float) -> str:
    return f"{share:.1%}".replace("%", " %")


def _shares(shares: tuple[float, ...]) -> str:
    return ", ".join(_percent(share) for share in shares)


def _accuracy(figure: Figure) -> str:
    """Return an accuracy in percent with its 95 % interval."""
    return f"{figure.accuracy * 100:.1f} ({figure.low * 100:.0f}-{figure.high * 100:.0f})"
