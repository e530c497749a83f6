"""A run of several benchmarks, as one folder with one results.json."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evalsuite.benchmarks.registry import PUBLISHED
from evalsuite.data.source import DataSets
from evalsuite.harness import published, run_folder, runner
from evalsuite.harness.judge import Judge
from evalsuite.harness.outcomes import require_complete
from evalsuite.harness.passes import controls, repeats, rotations
from evalsuite.harness.passes.settings import ONE_PASS, Passes
from evalsuite.harness.published import PublishedRun
from evalsuite.harness.questions import Questions, Selection, load
from evalsuite.harness.subject import Subject
from pangea_cultural.endpoint.identity import require_same
from pangea_cultural.errors import UserError
from pangea_cultural.utils.console import Reporter
from pangea_cultural.utils.environment import versions
from pangea_cultural.utils.files import write_json


def load_all(names: tuple[str, ...], data: Path | None, selection: Selection) -> list[Questions]:
    """Read the data of all benchmarks, so that one that is missing stops a run before it starts.

    Args:
        names: the published benchmarks.
        data: folder with copies of data sets, as OWNER/NAME; None for the hub.
        selection: the part of each benchmark that is asked.

    Raises:
        UserError: a data set is missing, gated, or has other columns; or no benchmark has the languages.
    """
    data_sets = DataSets(data)
    loaded = [load(PUBLISHED[name], data_sets, selection) for name in names]
    found = [questions for questions in loaded if questions.items]
    if names and not found:
        raise UserError(
            f"No question of {', '.join(names)} is in {', '.join(selection.languages)}. Choose other --languages."
        )
    return found


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The questions of a run, and the model that is asked."""

    subject: Subject
    export: runner.EvalConfig | None
    """Settings of the benchmark `export`; None to leave it out."""
    published: list[PublishedRun]
    """The published benchmarks."""
    allow_missing: int = 0
    """Largest number of questions without an answer in a finished run."""
    passes: Passes = ONE_PASS
    """Further passes. They change no answer of the first one, and are not in the fingerprint."""

    def fingerprint(self) -> str:
        """Return a hash of everything that the answers depend on."""
        parts = [run.fingerprint() for run in self.published] + ([self.export.fingerprint()] if self.export else [])
        return hashlib.sha256(repr([*self.subject.identity.parts(), *parts]).encode()).hexdigest()


def plan(
    subject: Subject,
    export: runner.EvalConfig | None,
    loaded: list[Questions],
    data: Path | None,
    *,
    judge: Judge | None = None,
    allow_missing: int = 0,
    passes: Passes = ONE_PASS,
) -> Plan:
    """Return the plan of a run.

    Args:
        subject: the model.
        export: settings of the benchmark `export`; None to leave it out.
        loaded: the questions of the published benchmarks.
        data: folder that the published data came from; None for the hub.
        judge: the judge of benchmarks that need one; None to leave their answers without a score.
        allow_missing: largest number of questions without an answer in a finished run.
        passes: further passes over the questions.

    Raises:
        UserError: options are to be rotated, and no benchmark has options; or controls are wanted, and no benchmark is
            a published one.
    """
    if passes.controls and not loaded:
        raise UserError("The run has no published benchmark. An export has its own controls: remove --controls.")
    if passes.rotate_options and not (export or any(questions.benchmark.rotation for questions in loaded)):
        raise UserError("No benchmark of the run has options to rotate. Remove --rotate-options.")
    runs = [PublishedRun(subject=subject, questions=questions, data=data, judge=judge) for questions in loaded]
    return Plan(subject=subject, export=export, published=runs, allow_missing=allow_missing, passes=passes)


def evaluate(plan: Plan, base: Path, reporter: Reporter, *, exact: bool = False) -> dict[str, Any]:
    """Run the benchmarks one after another; return the content of results.json with the folder as `run`.

    A repeated call asks only the questions without an answer. Another plan gets another folder.

    Args:
        plan: what is asked.
        base: folder of the run, with a number behind its name if it has another plan.
        reporter: shows progress.
        exact: refuse a folder with another plan instead.

    Raises:
        UserError: the endpoint does not answer, or not enough; the export has no such questions; or the folder has
            other files.
    """
    if plan.export is not None:
        plan = replace(plan, export=runner.prepared(plan.export, reporter))
    with run_folder.opened(base, plan.fingerprint(), exact=exact) as folder:
        if plan.export is not None:
            results = runner.evaluate(plan.export, folder, reporter)
        else:
            results = {**plan.subject.about(), "splits": [], "figures": [], "versions": versions(runner.PACKAGES)}
        if plan.published:
            results["benchmarks"] = [
                published.evaluate(run, folder / "benchmarks" / run.questions.benchmark.name, reporter)
                for run in plan.published
            ]
        _finish(plan, folder, results, [results, *results.get("benchmarks", [])])
        further = _passes(plan, folder, results, reporter)
        if further:
            _finish(plan, folder, results, further)
    return results | {"run": str(folder)}


def _finish(plan: Plan, folder: Path, results: dict[str, Any], parts: Sequence[Mapping[str, Any]]) -> None:
    """Write the results, which marks the run as finished, unless answers of some parts of it are missing."""
    missing: Counter[str] = sum((Counter(part.get("missing", {})) for part in parts), Counter())
    require_complete(missing, sum(part.get("asked", 0) for part in parts), allowed=plan.allow_missing)
    asyncio.run(_require_same(plan.subject))
    write_json(folder / "results.json", results)


def _passes(plan: Plan, folder: Path, results: dict[str, Any], reporter: Reporter) -> list[dict[str, Any]]:
    """Ask the questions of a finished run again, add what that says to the results, and return the added parts."""
    count, rotate, wanted = plan.passes
    added: list[dict[str, Any]] = []
    if plan.export is not None and (count > 1 or rotate):
        items = [item for item in runner.chosen_items(plan.export, folder / "gray.png") if item.condition == "image"]
        if count > 1:
            results["repeats"] = repeats.exported(plan.export, items, folder, count, reporter)
            added += results["repeats"].values()
        if rotate:
            results["rotations"] = rotations.exported(plan.export, items, folder, reporter)
            added.append(results["rotations"])
    for run, part in zip(plan.published, results.get("benchmarks", []), strict=True):
        own = folder / "benchmarks" / run.questions.benchmark.name
        if count > 1:
            part["repeats"] = repeats.published(run, own, count, reporter)
            added.append(part["repeats"])
        if rotate and (found := rotations.published(run, own, reporter)) is not None:
            part["rotations"] = found
            added.append(found)
        if wanted:
            part["controls"] = controls.published(run, own, wanted, reporter)
            added += part["controls"]["passes"].values()
    return added


async def _require_same(subject: Subject) -> None:
    async with subject.connect() as endpoint:
        await require_same(endpoint, subject.identity)
