"""Tables of published benchmarks, for the terminal and the HTML report."""

from typing import Any

from rich.table import Table
from rich.text import Text

from evalsuite.benchmarks.registry import GROUPS, PUBLISHED
from evalsuite.metrics.control_figures import ALL
from evalsuite.report.terminal import CONTROL_NAMES, gain_is_shown, percent
from pangea_cultural.errors import UserError
from pangea_cultural.reference.languages import language

MEANS = {"mul": "mean, without English", "trained": "mean, trained", "held-out": "mean, held out"}
HEADERS = ("language", "questions", "reference", "robust", "unparsed", "drawn", "chance")


def summary(results: dict[str, Any]) -> list[Table]:
    """Return one table for each published benchmark of a run."""
    tables = []
    for benchmark in results.get("benchmarks", []):
        table = Table(
            title=Text(f"{title(benchmark)}, {results['model']}, in percent, with intervals of 95 %"),
            title_justify="left",
        )
        for name in HEADERS:
            table.add_column(name, justify="left" if name == "language" else "right", overflow="fold")
        for row in benchmark["figures"]:
            table.add_row(*cells(row), style="bold" if row["group"] == "*" else "")
        tables.append(table)
    return tables


def title(benchmark: dict[str, Any]) -> str:
    """Return the title of a benchmark with its metric."""
    return f"{benchmark['title']} ({benchmark['metric']})"


def cells(row: dict[str, Any]) -> list[str]:
    """Return the cells of a row of figures, as text."""
    return [
        row_name(row),
        str(row["n"]),
        percent(row["reference"], "mean"),
        percent(row["robust"], "mean"),
        _share(row["unparsed"]),
        _share(row["guessed"]),
        _share(row["chance"]),
    ]


def row_name(row: dict[str, Any]) -> str:
    """Return the language of a row with its group, or the name of a mean over languages."""
    code = row["languages"]
    if row["group"] == "*":
        return MEANS[code]
    group = {"trained": ", trained", "held-out": ", held out", "unknown": ""}[row["group"]]
    return language_name(code) + group


def language_name(code: str) -> str:
    """Return the English name of a language, or the code that a data set uses if the language is not in the table."""
    try:
        return language(code).name
    except UserError:
        return code


def notes(benchmark: dict[str, Any]) -> list[str]:
    """Return what a reader of the figures has to know: what is not verified, what differs, what was left out."""
    sentences = _selection(benchmark["selection"])
    sentences += [f"Not verified: {sentence}" for sentence in benchmark["unverified"]]
    sentences += benchmark["deviations"]
    sentences += outcome(benchmark)
    sentences += [*_judge(benchmark), *_submission(benchmark), *_controls(benchmark)]
    if benchmark["reference_errors"]:
        sentences.append(
            f"The reference stops with an error at {benchmark['reference_errors']:,} answers, which have no such score."
        )
    return sentences


def outcomes(results: dict[str, Any]) -> list[str]:
    """Return for each benchmark of a run what is not scored, or no ordinary answer, for the terminal."""
    parts = {"export": results} if "export" in results else {}
    parts |= {part["name"]: part for part in results.get("benchmarks", [])}
    return [f"{name}: {sentence}" for name, part in parts.items() for sentence in outcome(part)]


def outcome(part: dict[str, Any]) -> list[str]:
    """Return how many rows are not scored, questions have no answer, or one that is truncated, refused or empty."""
    asked = part["asked"]
    sentences = [
        f"Not scored: {count:,} {'row' if count == 1 else 'rows'} ({reason})."
        for reason, count in part.get("dropped", {}).items()
    ]
    sentences += [
        f"No answer to {count:,} of {asked:,} questions ({kind}), which have no score."
        for kind, count in part["missing"].items()
    ]
    endings = ", ".join(f"{kind} {count:,}" for kind, count in part["endings"].items())
    if endings:
        sentences.append(f"Answers that are not ordinary ones, of {asked:,}: {endings}. They are scored as they are.")
    return sentences


def _judge(benchmark: dict[str, Any]) -> list[str]:
    """Return who judged the answers, and which figures are withheld."""
    if not benchmark["judged"]:
        return []
    judge = benchmark["judge"]
    if judge is None:
        return ["No judge was asked, so answers have no score. Pass one with --judge URL."]
    other = f", that of published scores {judge['reference_model']}" if judge["reference_model"] else ""
    sentences = [f"Answers were judged by {judge['identity']['model']}{other}. Such scores are in no mean over tasks."]
    missing = sum(judge["missing"].values())
    if missing:
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in judge["missing"].items())
        sentences.append(f"{missing:,} of {judge['judgments']:,} verdicts are missing ({kinds}).")
    withheld = [row_name(row) for row in benchmark["figures"] if row.get("withheld")]
    if withheld:
        sentences.append(f"Withheld, because more than 2 % of the verdicts are missing: {', '.join(withheld)}.")
    return sentences


def _submission(benchmark: dict[str, Any]) -> list[str]:
    """Return what is said about the file for the task's organizers."""
    found = benchmark["submission"]
    if found is None:
        return []
    sentences = [f"Submission: benchmarks/{benchmark['name']}/{found['file']} of the run, {found['rows']:,} rows."]
    if not found["complete"]:
        sentences.append("The submission lacks questions, so the organizers refuse it.")
    if found["empty"]:
        sentences.append(f"{found['empty']:,} answers of the submission are empty and score zero.")
    return sentences


def control_of(benchmark: dict[str, Any], languages: str, control: str) -> dict[str, Any] | None:
    """Return the figure of a language, or of a mean over languages, under a control; None if it has none.

    Args:
        benchmark: part of results.json.
        languages: `languages` of a row of figures, or `*` for all.
        control: `blind`, `text`, or `strongest`.
    """
    rows = benchmark.get("controls", {}).get("figures", [])
    found: dict[str, Any] | None = next((row.get(control) for row in rows if row["languages"] == languages), None)
    return found


def under_controls(benchmark: dict[str, Any]) -> str:
    """Return what a benchmark reaches without its images, and whether a gain by them is shown.

    A gain that can be zero is not claimed.
    """
    strongest = control_of(benchmark, ALL, "strongest")
    passes = benchmark["controls"]["passes"]
    if strongest is None and not any(part["asked"] for part in passes.values()):
        reasons = dict.fromkeys(reason for part in passes.values() for reason in part["left_out"])
        return f"controls: no question was asked ({', '.join(reasons) or 'there is none'})"
    if strongest is None:
        return "controls: no question has an answer"
    found = {name: control_of(benchmark, ALL, name) for name in passes}
    scores = ", ".join(
        f"{CONTROL_NAMES[name]} {percent(row, 'mean')} % of {row['n']:,}"
        for name, row in found.items()
        if row and row["n"]
    )
    name = CONTROL_NAMES[strongest["control"]]
    if not gain_is_shown(strongest):
        return f"controls: {scores}; no gain by the image over the strongest one ({name}) is shown"
    points = f"{100 * strongest['gain']:+.1f} [{100 * strongest['low']:+.1f}, {100 * strongest['high']:+.1f}]"
    return f"controls: {scores}; {points} points with the image over the strongest one ({name})"


def _controls(benchmark: dict[str, Any]) -> list[str]:
    """Return what a benchmark reaches under controls, and which questions were not asked."""
    if "controls" not in benchmark:
        return []
    passes = benchmark["controls"]["passes"]
    statement = under_controls(benchmark)
    sentences = [f"{statement[0].upper()}{statement[1:]}."]
    for name, part in passes.items():
        title = CONTROL_NAMES[name]
        sentences += [
            f"Control, {title}: {count:,} {'question was' if count == 1 else 'questions were'} not asked ({reason})."
            for reason, count in part["left_out"].items()
        ]
        sentences += [
            f"Control, {title}: no answer to {count:,} of {part['asked']:,} questions ({kind})."
            for kind, count in part["missing"].items()
        ]
    return sentences


def _selection(selection: dict[str, Any]) -> list[str]:
    """Return which part of a benchmark was asked; nothing for all of it."""
    sentences = []
    if selection["max_questions"]:
        limit, seed = selection["max_questions"], selection["seed"]
        sentences.append(f"Part of the benchmark: at most {limit:,} questions per task and language, seed {seed}.")
    if selection["languages"]:
        names = ", ".join(language_name(code) for code in selection["languages"])
        sentences.append(f"Part of the benchmark: questions in {names}.")
    return sentences


def more_rows(benchmark: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the other metrics of the reference, one row for each language, in percent."""
    return [
        {"name": row_name(row), "values": {name: percent(score, "mean") for name, score in row["more"].items()}}
        for row in benchmark["figures"]
        if row["more"]
    ]


def benchmark_rows() -> list[dict[str, Any]]:
    """Return what is known about every published benchmark, without its data."""
    return [
        {
            "name": benchmark.name,
            "title": benchmark.title,
            "groups": [group for group, names in GROUPS.items() if benchmark.name in names],
            "tasks": list(benchmark.splits),
            "data": benchmark.source.repo,
            "revision": benchmark.source.revision,
        }
        for benchmark in PUBLISHED.values()
    ]


def benchmark_table(rows: list[dict[str, Any]]) -> Table:
    """Return the table of benchmarks for the terminal."""
    table = Table(title="Benchmarks", title_justify="left")
    for name in ("name", "title", "groups", "data"):
        table.add_column(name, overflow="fold")
    table.add_row("export", "the questions of an export", "all", "an export of the workspace")
    for row in rows:
        table.add_row(row["name"], row["title"], ", ".join(row["groups"]), row["data"])
    return table


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"
