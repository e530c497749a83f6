"""`pcult data relevance`: calibration and agreement of the models that judge images."""

import re
from pathlib import Path
from typing import Any

import click

from factory.relevance import agreement, calibration, labels, planted, plot
from factory.relevance.asking import ask
from factory.relevance.config import RelevanceConfig
from factory.relevance.labels import Labeled
from factory.relevance.pairs import set_pairs
from factory.store.store import Store
from pangea_cultural.cli.output import print_json, print_table
from pangea_cultural.errors import UserError
from pangea_cultural.utils.console import Reporter, without_controls
from pangea_cultural.utils.files import write_bytes, write_json
from pangea_cultural.workspace import Workspace

SHOWN_THRESHOLDS = (0.01, *(round(0.1 * step, 1) for step in range(1, 10)), 0.95, 0.99)
"""Thresholds to print. The JSON file has all."""
MAX_PROBLEMS = 20


def calibrate(
    workspace: Workspace,
    config: RelevanceConfig,
    *,
    labeled: Path | None,
    num_planted: int | None,
    split: str,
    seed: int,
    second: bool,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Ask about labeled pairs or planted mismatches; print and write precision and recall by threshold.

    Raises:
        UserError: no pair can be used, or the endpoint does not answer.
    """
    model = config.second if second else config
    if model is None:
        raise UserError("The recipe has no second model. Add the table [relevance.second], or leave out --second.")
    with Store.open(workspace.store) as store:
        pairs, problems = _pairs(store, labeled, num_planted, split, seed)
        set_pairs(store, [row.pair for row in pairs])
        failed = ask(store, model, config, workspace.images, Reporter(quiet=quiet))
        scored = calibration.scores(store, model, pairs)
    origin = {"labels": labeled.name} if labeled else {"planted": num_planted, "split": split, "seed": seed}
    result: dict[str, Any] = {"relevance": model.identity(), **origin, "failed": len(failed), "rejected_rows": problems}
    result |= calibration.figures(scored)
    folder = out or workspace.root / "relevance" / re.sub(r"[^\w.-]+", "-", f"{model.model}-{model.prompt_version}")
    title = f"{model.model}, prompt {model.prompt_version}: {result['pairs']:,} pairs, {result['entities']:,} entities"
    write_json(folder / "calibration.json", result)
    write_bytes(folder / "calibration.png", plot.draw(result, title))
    if as_json:
        print_json(result | {"folder": str(folder)})
        return
    _print(title, result)
    click.echo(f"Plot and figures: {folder}")


def _pairs(
    store: Store, labeled: Path | None, num_planted: int | None, split: str, seed: int
) -> tuple[list[Labeled], list[str]]:
    """Return labeled pairs, and one line for each row that cannot be used."""
    if labeled:
        return labels.read(store, labeled)
    drawn = planted.draw(store, seed=seed, split=split, limit=num_planted)
    if not drawn:
        where = f"split {split}" if split else "store"
        raise UserError(
            f"The {where} has no two entities of one type with images. Build more entities, or use --labels."
        )
    return [row for both in drawn for row in (Labeled(both.shown, True), Labeled(both.mismatch, False))], []


def _print(title: str, result: dict[str, Any]) -> None:
    rows = [
        [
            *(point["threshold"], point["kept"], point["precision"], _interval(point["precision_interval"])),
            *(point["recall"], _interval(point["recall_interval"]), point["f1"]),
        ]
        for point in result["thresholds"]
        if point["threshold"] in SHOWN_THRESHOLDS
    ]
    columns = ["threshold", "kept", "precision", "95 %", "recall", "95 %", "F1"]
    print_table(title, columns, rows)
    click.echo(f"Area under the ROC curve: {result['auc']:.3f}. Requests that failed: {result['failed']:,}.")
    problems = result["rejected_rows"]
    for problem in problems[:MAX_PROBLEMS]:
        click.echo(without_controls(f"Not used: {problem}"))
    if len(problems) > MAX_PROBLEMS:
        click.echo(f"Not used: {len(problems) - MAX_PROBLEMS:,} more rows, which calibration.json lists.")


def _interval(values: list[float]) -> str:
    return f"{values[0]:.2f}-{values[1]:.2f}"


def show_agreement(
    workspace: Workspace, *, threshold: float, second_threshold: float, examples: int, as_json: bool
) -> None:
    """Print the agreement of the two models of the last build.

    Raises:
        UserError: no pair has answers of two models.
    """
    with Store.open(workspace.store, read_only=True) as store:
        result = agreement.agreement(store, threshold=threshold, second_threshold=second_threshold, examples=examples)
    if as_json:
        print_json(result)
        return
    rows = [
        ["first keeps", result["both_keep"], result["only_first_keeps"]],
        ["first leaves out", result["only_second_keeps"], result["neither_keeps"]],
    ]
    print_table(f"Pairs: {result['pairs']:,}", ["", "second keeps", "second leaves out"], rows)
    kappa = (
        "not defined, because both give all pairs one answer" if result["kappa"] is None else f"{result['kappa']:.3f}"
    )
    click.echo(f"Agreement: {result['agreement']:.1%}. Cohen's kappa: {kappa}.")
    if result["largest_differences"]:
        differences = result["largest_differences"]
        print_table("Largest differences", list(differences[0]), [list(row.values()) for row in differences])
