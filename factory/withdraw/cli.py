"""`pcult data withdraw`: what is concerned, the removal, and the result for people and programs."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from filelock import FileLock, Timeout

from factory.store.store import Store
from factory.withdraw import apply, caches, cards, names, reach, run_examples, statements
from factory.withdraw.apply import Counts
from factory.withdraw.completion import completed
from factory.withdraw.reach import Found, Reach
from factory.withdraw.request import Request, not_found
from pangea_cultural.cli.output import print_json, print_table
from pangea_cultural.dataset import withdrawal
from pangea_cultural.dataset.export import MANIFEST, Export
from pangea_cultural.dataset.tables import in_one_line
from pangea_cultural.dataset.withdrawal import WithdrawalList, Withdrawn, WithdrawnLicense
from pangea_cultural.errors import UserError
from pangea_cultural.utils.console import without_controls
from pangea_cultural.workspace import Workspace

LOCK_TIMEOUT_S = 10
Remove = Callable[[Export, Sequence[Withdrawn]], None]
LICENSED = "SELECT image, license_code, license FROM image"


@dataclass(frozen=True)
class Plan:
    """A withdrawal, and everything in the workspace that it concerns."""

    items: list[Withdrawn]
    store: Counts | None
    reach: Reach

    def as_json(self) -> dict[str, Any]:
        """Return the content for programs."""
        found = self.reach
        return {
            "withdrawn": WithdrawalList(withdrawn=tuple(self.items)).as_json(),
            "store": self.store._asdict() if self.store else None,
            "exports": [entry.as_json() for entry in found.exports],
            "checkpoints": [entry.as_json() for entry in found.checkpoints],
            "runs": [entry.as_json() for entry in found.runs],
            "copies": [str(path) for path in found.copies],
            "problems": found.problems,
        }


def run(
    workspace: Workspace | None,
    request: Request,
    lists: Sequence[Path],
    *,
    stages: Sequence[str],
    dry_run: bool,
    as_json: bool,
    export: Export | None = None,
    remove: Remove = lambda export, items: None,
) -> None:
    """Withdraw what a request and lists name.

    Args:
        workspace: the workspace; None if `export` lies in none.
        request: withdrawals of the command line. Each must be somewhere in the workspace.
        lists: files with withdrawals, which may name what the workspace lacks.
        stages: names of a build's stages in order.
        dry_run: only show what is concerned.
        as_json: print JSON in place of tables.
        export: export to remove the rows from in place.
        remove: removes the rows of withdrawals from an export.

    Raises:
        UserError: a withdrawal is not valid or nowhere in the workspace, or a build is not finished.
    """
    named = request.items()
    given = [_with_origin(item, request) for path in lists for item in _read_list(path)]
    if not (named or given or request.sources):
        raise UserError("The list has no withdrawals. Name --image, --entity, --claim, --license or --source.")
    with _locked(workspace, dry_run=dry_run), _open_store(workspace) as store:
        known = withdrawal.read(workspace.withdrawals) if workspace else _of_export(export)
        stated = _of_statements(store, export, request, [*named, *given])
        if store is not None:
            require_finished_images(store)
            named = completed(store, named, strict=True)
            given, stated = (completed(store, items, strict=False) for items in (given, stated))
        items = names.complete(WithdrawalList().merged([*given, *named, *stated]), known, _exports(workspace, export))
        plan = Plan(items, apply.count(store, items) if store else None, _reach(workspace, store, items, export))
        _require_found(store, named, known, plan, "the workspace" if workspace else "the export")
        if not dry_run:
            if workspace:
                _withdraw(workspace, store, known.merged(items), plan, stages)
            if export is not None:
                remove(export, tuple(known.merged(items)))
    if as_json:
        print_json(plan.as_json() | {"dry_run": dry_run, "list": str(workspace.withdrawals) if workspace else ""})
    else:
        _print(plan, workspace, export, dry_run=dry_run)


def _of_export(export: Export | None) -> WithdrawalList:
    return withdrawal.of_manifest(export.manifest) if export else WithdrawalList()


@contextlib.contextmanager
def _locked(workspace: Workspace | None, *, dry_run: bool) -> Iterator[None]:
    """Let no other process write the list at the same time: it would lose one of the two withdrawals."""
    if dry_run or workspace is None or not workspace.root.is_dir():
        yield
        return
    try:
        with FileLock(workspace.root / ".withdrawn.lock", timeout=LOCK_TIMEOUT_S):
            yield
    except Timeout as error:
        raise UserError(f"Another process withdraws from {workspace.root}. Wait until it ends.") from error


def _exports(workspace: Workspace | None, export: Export | None) -> list[Path]:
    """Return the folders of the exports that are searched."""
    found = [path.parent for path in sorted(workspace.exports.glob(f"*/{MANIFEST}"))] if workspace else []
    return [*([export.path] if export else []), *found]


def _of_statements(
    store: Store | None, export: Export | None, request: Request, items: Sequence[Withdrawn]
) -> list[Withdrawn]:
    """Return the withdrawals of own knowledge that sources and licenses stand for. They need not be found again."""
    found = [
        item
        for source in request.sources
        for item in statements.of_source(store, export, source, request.reason, request.date)
    ]
    terms = [item for item in items if isinstance(item, WithdrawnLicense)] if store else []
    return found + [item for term in terms if store for item in statements.of_license(store, term)]


def _read_list(path: Path) -> list[Withdrawn]:
    if not path.is_file():
        raise UserError(f"No list at {path}. Check the path.")
    return list(withdrawal.read(path))


def _with_origin(item: Withdrawn, request: Request) -> Withdrawn:
    """Return an item of a list with the reason and date of the command line, if it has none."""
    return item.model_copy(update={"reason": item.reason or request.reason, "date": item.date or request.date})


@contextlib.contextmanager
def _open_store(workspace: Workspace | None) -> Iterator[Store | None]:
    """Open the store of a workspace, which may have exports only."""
    if workspace is None:
        yield None
        return
    if not workspace.root.is_dir():
        raise UserError(f"No workspace at {workspace.root}. Choose one with --workspace.")
    if not workspace.store.is_file():
        yield None
        return
    with Store.open(workspace.store) as store:
        yield store


def require_finished_images(store: Store) -> None:
    """Refuse a store whose first stages are not finished: they resume by their position among the entities.

    Raises:
        UserError: a stage is not finished.
    """
    rows = store.rows("SELECT name FROM stage WHERE name IN ('select', 'images') AND fingerprint <> '' AND NOT done")
    if rows:
        raise UserError(f"The stage {rows[0][0]} is not finished. Finish the build with `pcult build`, then withdraw.")


def _reach(
    workspace: Workspace | None, store: Store | None, items: Sequence[Withdrawn], export: Export | None
) -> Reach:
    if workspace is None:
        return reach.of_export(export, items) if export else Reach([], [], [], [])
    terms = [item for item in items if isinstance(item, WithdrawnLicense)]
    rows = store.rows(LICENSED) if store and terms else []
    licensed = [(image, item.name) for image, *names in rows for item in terms if item.covers(*names)]
    return reach.find(workspace, items, licensed)


def _require_found(
    store: Store | None, named: Sequence[Withdrawn], known: WithdrawalList, plan: Plan, place: str
) -> None:
    """Refuse what is nowhere: it is misspelled, or it belongs into a list.

    Raises:
        UserError: a withdrawal of the command line is in no part of the workspace.
    """
    listed = {item.key for item in known}
    for item in named:
        in_store = store is not None and any(_weight(apply.count(store, [item])))
        if not in_store and item.name not in plan.reach.names() and item.key not in listed:
            raise not_found(store, item, place)


def _weight(counts: Counts) -> tuple[int, ...]:
    return counts.questions, counts.images, counts.entities, counts.claims, counts.entities_of_images, counts.values


def _withdraw(
    workspace: Workspace, store: Store | None, withdrawn: WithdrawalList, plan: Plan, stages: Sequence[str]
) -> None:
    """Write the notes first, then the list: if the rest is killed, the next build or the same command completes it."""
    notes = [(found, functools.partial(cards.mark_checkpoint, found, plan.items)) for found in plan.reach.checkpoints]
    notes += [(found, functools.partial(cards.mark_run, found)) for found in plan.reach.runs]
    for found, write in notes:
        try:
            write()
        except (OSError, ValueError) as error:
            plan.reach.problems.append(f"{found.path}: no note was written ({in_one_line(error)})")
    for found in plan.reach.runs:
        _remove_examples(found, plan.reach.problems)
    try:
        plan.reach.problems += map(_report_removed, run_examples.remove_copies(plan.reach.copies))
    except OSError as error:
        plan.reach.problems.append(f"{error.filename}: the image of a run was not removed ({error.strerror})")
    withdrawn.write(workspace.withdrawals)
    if store is not None:
        apply.remove(store, withdrawn, workspace.images, stages)
    if kept := caches.remove(workspace, plan.reach.clean_manifests):
        plan.reach.problems.append(kept)


def _remove_examples(run: Found, problems: list[str]) -> None:
    try:
        had_report = run_examples.remove(run)
    except (OSError, ValueError) as error:
        problems.append(f"{run.path}: the examples of its report were not read ({in_one_line(error)})")
        return
    if had_report:
        problems.append(_report_removed(run.path))


def _report_removed(run: Path) -> str:
    return f"{run}: its report showed withdrawn data and was removed. Run `pcult report {run}`."


def _print(plan: Plan, workspace: Workspace | None, export: Export | None, *, dry_run: bool) -> None:
    rows = [[without_controls(text) for text in (item.name, item.date, item.reason)] for item in plan.items]
    print_table("Withdrawals", ["withdrawal", "date", "reason"], rows)
    if plan.store:
        counts = plan.store
        print_table(
            "Store",
            ["questions", "by split", "images", "entities", "claims"],
            [[counts.questions, _by(counts.by_split), counts.images, counts.entities, counts.claims]],
        )
    _print_found("Exports", plan.reach.exports)
    _print_found("Checkpoints", plan.reach.checkpoints, evidence=True)
    _print_found("Runs", plan.reach.runs)
    for path in plan.reach.copies:
        click.echo(f"Image of a run: {without_controls(str(path))}")
    for problem in plan.reach.problems:
        click.echo(without_controls(problem))
    if dry_run:
        click.echo("Nothing was changed.")
        return
    if export is not None:
        click.echo(f"Removed from {export.path}")
    if workspace:
        click.echo(f"List: {workspace.withdrawals}")
    left = [found for found in plan.reach.exports if export is None or found.path.resolve() != export.path]
    if workspace and (plan.store or left):
        click.echo("Run `pcult build RECIPE` to make each export without them.")


def _print_found(title: str, found: Sequence[Found], *, evidence: bool = False) -> None:
    if not found:
        return
    stated = any(entry.concerned.statements for entry in found)
    columns = ["name", "rows", "by split", "images", *(["statements"] if stated else [])]
    columns += ["known from"] if evidence else []
    rows = []
    for entry in found:
        rows.append([entry.name, entry.concerned.total, _by(entry.concerned.splits), len(entry.concerned.images)])
        if stated:
            rows[-1].append(entry.concerned.statements.total())
        if evidence:
            rows[-1].append(entry.evidence)
    print_table(title, columns, rows)


def _by(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in sorted(counts.items()))
