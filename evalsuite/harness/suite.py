"""A run of several benchmarks, as one folder with one results.json."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

from evalsuite.benchmarks.registry import PUBLISHED
from evalsuite.data.source import DataSets
from evalsuite.harness import published, runner
from evalsuite.harness.outcomes import require_complete
from evalsuite.harness.published import PublishedRun
from evalsuite.harness.questions import Questions, Selection, load
from evalsuite.harness.run_folder import FINGERPRINT
from evalsuite.harness.subject import Subject
from pangea_cultural.endpoint.identity import require_same
from pangea_cultural.errors import UserError
from pangea_cultural.utils.console import Reporter
from pangea_cultural.utils.environment import versions
from pangea_cultural.utils.files import write_bytes, write_json


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


def evaluate(
    subject: Subject,
    export: runner.EvalConfig | None,
    loaded: list[Questions],
    data: Path | None,
    folder: Path,
    reporter: Reporter,
    *,
    allow_missing: int = 0,
) -> dict[str, Any]:
    """Run the benchmarks one after another and return the content of results.json.

    A repeated call asks only the questions without an answer.

    Args:
        subject: the model.
        export: settings of the benchmark `export`; None to leave it out.
        loaded: the questions of the published benchmarks.
        data: folder that the published data came from; None for the hub.
        folder: folder of the run.
        reporter: shows progress.
        allow_missing: largest number of questions without an answer in a finished run.

    Raises:
        UserError: the endpoint does not answer, or not enough; or the export has no such questions.
    """
    if export is not None:
        results = runner.evaluate(export, folder, reporter)
    else:
        results = {**subject.about(), "splits": [], "figures": [], "versions": versions(runner.PACKAGES)}
        if not (folder / FINGERPRINT).exists():
            write_bytes(folder / FINGERPRINT, repr(subject.identity.parts()).encode())
    if loaded:
        (folder / "results.json").unlink(missing_ok=True)
        results["benchmarks"] = [
            published.evaluate(
                PublishedRun(subject=subject, questions=questions, data=data),
                folder / "benchmarks" / questions.benchmark.name,
                reporter,
            )
            for questions in loaded
        ]
    parts = [results, *results.get("benchmarks", [])]
    missing: Counter[str] = sum((Counter(part.get("missing", {})) for part in parts), Counter())
    require_complete(missing, sum(part.get("asked", 0) for part in parts), allowed=allow_missing)
    asyncio.run(_require_same(subject))
    # It marks the run as finished.
    write_json(folder / "results.json", results)
    return results


async def _require_same(subject: Subject) -> None:
    async with subject.connect() as endpoint:
        await require_same(endpoint, subject.identity)
