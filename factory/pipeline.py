"""The stages of a build, in order. A finished stage is skipped, an interrupted one resumes.

A stage is imported when it runs: the libraries for images, network and text would take a third of the start-up time of
a build that does not need them.
"""

import contextlib
import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from factory import fingerprints
from factory.recipe import Recipe
from factory.store.snapshot import Snapshot
from factory.store.store import Store
from pangea_cultural.dataset import withdrawal
from pangea_cultural.dataset.export import MANIFEST
from pangea_cultural.dataset.withdrawal import WITHDRAWN, WithdrawalList
from pangea_cultural.errors import UserError, unknown
from pangea_cultural.reference import own_tables
from pangea_cultural.utils.console import Reporter
from pangea_cultural.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Build:
    """Store, recipe and workspace of a build, and its progress reporter."""

    store: Store
    recipe: Recipe
    workspace: Workspace
    reporter: Reporter

    @property
    def export(self) -> Path:
        """Folder of the recipe's export."""
        return self.workspace.exports / self.recipe.name

    @functools.cached_property
    def withdrawn(self) -> WithdrawalList:
        """The workspace's list of withdrawals."""
        return withdrawal.read(self.workspace.withdrawals)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One step of a build."""

    name: str
    format: int
    """Raised by one when a change of code changes the stage's result: stores are built again from there."""
    run: Callable[[Build], tuple[int, int]]
    """Runs the stage; returns the numbers of input items and of kept items."""
    inputs: Callable[[Recipe], list[Any]]
    """Returns everything that the result depends on, except the stages before it."""
    tables: tuple[str, ...] = ()
    """Tables that the stage fills; emptied when it starts over."""
    refresh: Callable[[Build, Callable[[], None]], None] | None = None
    """Repairs what the stage has finished. It calls its second argument in a transaction that outdates later stages."""
    atomic: bool = False
    """Whether the work and the note that it is done are one transaction: a second run would repeat its rows. Other
    stages record their position and resume there."""


def _select(build: Build) -> tuple[int, int]:
    from factory.entities import retry, stage

    recipe = build.recipe
    try:
        inputs, kept = stage.run(build.store, recipe.sources, recipe.network, recipe.scope, build.reporter)
    except UserError as error:
        if not retry.restore(build.store):
            raise
        build.reporter.note(f"select: nothing new, because a source did not answer: {error}")
        return build.store.rows("SELECT inputs, kept FROM stage WHERE name = 'select'")[0]
    if build.withdrawn:
        _withdraw(build)
        kept = build.store.value("SELECT count(*) FROM entity WHERE selected")
    return inputs, kept


def _withdraw(build: Build) -> None:
    """Remove from the store what is on the withdrawal list."""
    from factory.withdraw import apply

    build.reporter.note(f"withdrawn: {len(build.withdrawn.withdrawn):,} on the list")
    apply.run(build.store, build.withdrawn, build.recipe.scope, build.workspace.images, STAGE_NAMES)


def _reopen_select(build: Build, on_change: Callable[[], None]) -> None:
    """Apply withdrawals to a done stage. Let it run again, if anything failed for a passing reason.

    `_end_retry` outdates the later stages.
    """
    from factory.entities import retry
    from factory.withdraw import apply

    if build.store.value("SELECT done FROM stage WHERE name = 'select'"):
        if not apply.is_applied(build.store, build.withdrawn):
            _withdraw(build)
        retry.reopen(build.store)


def _images(build: Build) -> tuple[int, int]:
    from factory.images import stage
    from factory.images.blocklist import Blocklist
    from factory.images.sources.open import open_sources

    recipe, blocklist = build.recipe, Blocklist(build.withdrawn)
    with open_sources(recipe.image_sources, recipe.network, seed=recipe.seed, scratch=build.store.scratch) as sources:
        return stage.run(build.store, recipe.images, sources, build.workspace.images, blocklist, build.reporter)


def _repair_images(build: Build, on_change: Callable[[], None]) -> None:
    from factory.images import repair
    from factory.images.blocklist import Blocklist
    from factory.images.sources.open import open_sources

    recipe, blocklist = build.recipe, Blocklist(build.withdrawn)
    sources = functools.partial(
        open_sources, recipe.image_sources, recipe.network, seed=recipe.seed, scratch=build.store.scratch
    )
    repair.run(build.store, recipe.images, sources, build.workspace.images, blocklist, build.reporter, on_change)


def _questions(build: Build) -> tuple[int, int]:
    from factory.questions import stage

    recipe = build.recipe
    return stage.run(
        build.store,
        recipe.scope,
        build.reporter,
        drop_held_out_names=recipe.split.held_out_names == "drop",
        balanced=recipe.balance,
        threshold=recipe.threshold,
    )


def _refine(build: Build) -> tuple[int, int]:
    if build.recipe.refine is None:
        return 0, 0
    from factory.refine import stage

    return stage.run(build.store, build.recipe.refine, build.reporter)


def _repeat_requests(build: Build, on_change: Callable[[], None]) -> None:
    if build.recipe.refine is None:
        return
    from factory.refine import stage

    stage.repeat_failed(build.store, build.recipe.refine, build.reporter, on_change)


def _split(build: Build) -> tuple[int, int]:
    from factory.splits import signatures, stage

    if build.recipe.split.near_duplicates:
        signatures.update(build.store, build.workspace.images, build.reporter)
    return stage.run(build.store, build.recipe.split, build.recipe.seed)


def _relevance(build: Build) -> tuple[int, int]:
    if build.recipe.relevance is None:
        return 0, 0
    from factory.relevance import stage

    return stage.run(build.store, build.recipe.relevance, build.workspace.images, build.reporter)


def _retry_relevance(build: Build, on_change: Callable[[], None]) -> None:
    """Send the failed requests of a done stage again."""
    config = build.recipe.relevance
    if config is None or not build.store.value("SELECT done FROM stage WHERE name = 'relevance'"):
        return
    from factory.relevance import stage

    stage.retry(build.store, config, build.workspace.images, build.reporter, on_change)


def _repair_export(build: Build, on_change: Callable[[], None]) -> None:
    from factory.exchange import native

    native.restore_images(build.workspace.images, build.export, build.reporter)


def _export(build: Build) -> tuple[int, int]:
    from factory.exchange import native
    from factory.questions.wordings import unreviewed_languages

    recipe, images = build.recipe, build.workspace.images

    def measure(folder: Path) -> dict[str, Any]:
        return _headline(folder, recipe.held_out_languages, recipe.seed)

    published = {
        "recipe": recipe.published(),
        "unreviewed_languages": unreviewed_languages(recipe.scope),
        WITHDRAWN: build.withdrawn.as_json(),
    }
    return native.run(build.store, recipe.scope, published, images, build.export, measure, build.reporter)


def audit_again(folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of the audit of an export, with the settings of the build that its manifest names."""
    recipe = manifest.get("recipe")
    seed = recipe.get("seed", 0) if isinstance(recipe, dict) else 0
    return _headline(folder, tuple(manifest["held_out_languages"]), seed)


def _headline(folder: Path, held_out_languages: tuple[str, ...], seed: int) -> dict[str, Any]:
    from factory.audit.audit import audit, headline

    # Temporary data of an export that is being written goes with it, if the build is killed.
    return headline(
        audit(folder, held_out_languages=held_out_languages, seed=seed, sample=AUDIT_SAMPLE, temporary=folder)
    )


AUDIT_SAMPLE = 10_000
"""Number of questions that the classifier of a build's audit learns from. `pcult data audit` takes more."""

STAGES = (
    Stage(
        name="select",
        format=4,
        run=_select,
        inputs=fingerprints.select,
        tables=(
            *("entity", "entity_region", "claim", "label", "slice", "candidate", "read_document"),
            *("unselected_entity", "unselected_label", "unselected_claim", "statement"),
        ),
        refresh=_reopen_select,
    ),
    Stage(
        name="images",
        format=2,
        run=_images,
        inputs=fingerprints.images,
        tables=("image", "entity_image"),
        refresh=_repair_images,
    ),
    Stage(name="split", format=3, run=_split, inputs=fingerprints.split, tables=("split", "held_out_entity")),
    Stage(
        name="relevance",
        format=1,
        run=_relevance,
        inputs=fingerprints.relevance,
        # Not `relevance_answer`: what a model has said is not asked again.
        tables=("relevance",),
        refresh=_retry_relevance,
    ),
    Stage(
        name="questions",
        format=6,
        run=_questions,
        inputs=fingerprints.questions,
        tables=(
            *("value_text", "value_number", "value_name", "other_name"),
            *("variant", "asked", "wording", "item", "drawn_question"),
            *("held_out_answer", "dropped_question"),
        ),
        atomic=True,
    ),
    Stage(
        name="refine",
        format=1,
        run=_refine,
        inputs=fingerprints.refine,
        # Not `rewrite`: what a model has said is not asked again.
        tables=("refinement",),
        refresh=_repeat_requests,
    ),
    Stage(name="export", format=1, run=_export, inputs=fingerprints.export, refresh=_repair_export),
)
OPTIONAL = ("relevance", "refine")
"""Stages that do nothing unless the recipe has their table, which has their name."""
STAGE_NAMES = tuple(stage.name for stage in STAGES)


def run(build: Build, *, until: str | None = None) -> None:
    """Run the stages that are not done yet.

    Args:
        build: store, recipe and workspace.
        until: name of the last stage to run; all stages by default.

    Raises:
        UserError: the stage is unknown, or a stage rejects its input.
    """
    if until is not None and until not in STAGE_NAMES:
        raise unknown("stage", until, STAGE_NAMES)
    snapshot = Snapshot(build.store, build.workspace.counts, STAGE_NAMES)
    snapshot.remove()  # of a build that was killed
    build.store.on_commit = snapshot.update
    try:
        with own_tables.using(build.recipe.tables.read()):
            _run_stages(build, until)
    finally:
        build.store.on_commit = None
        snapshot.remove()


def _run_stages(build: Build, until: str | None) -> None:
    fingerprint = ""
    for stage in STAGES:
        fingerprint = next_fingerprint(fingerprint, stage, build.recipe)
        if stage.refresh and _is_current(build, stage, fingerprint):
            stage.refresh(build, functools.partial(_outdate_later, build.store, stage))
        if _is_done(build, stage, fingerprint):
            build.reporter.note(f"{stage.name}: already done")
        else:
            _run(build, stage, fingerprint)
            if stage.name == "select":
                _end_retry(build.store, stage)
        if stage.name == until:
            break


def _end_retry(store: Store, stage: Stage) -> None:
    """Let the later stages start over, if another attempt of the stage `select` has added anything."""
    from factory.entities import retry

    with store.transaction():
        if retry.has_changed(store):
            _outdate_later(store, stage)
        retry.end(store)


def next_fingerprint(previous: str, stage: Stage, recipe: Recipe) -> str:
    """Return the fingerprint of a stage; `previous` is that of the stage before, "" for the first one."""
    return fingerprints.digest([previous, stage.name, stage.format, stage.inputs(recipe)])


def is_done(store: Store, recipe: Recipe, name: str) -> bool:
    """Return whether a store has the result of a stage for a recipe."""
    fingerprint = ""
    with own_tables.using(recipe.tables.read()):
        for stage in STAGES[: STAGE_NAMES.index(name) + 1]:
            fingerprint = next_fingerprint(fingerprint, stage, recipe)
    return store.rows("SELECT fingerprint, done FROM stage WHERE name = ?", [name]) == [(fingerprint, True)]


def _is_current(build: Build, stage: Stage, fingerprint: str) -> bool:
    return build.store.value("SELECT fingerprint FROM stage WHERE name = ?", [stage.name]) == fingerprint


def _outdate_later(store: Store, stage: Stage) -> None:
    """Let the later stages start over when their turn comes. The caller holds the transaction."""
    for other in STAGES[STAGES.index(stage) + 1 :]:
        store.execute("UPDATE stage SET fingerprint = '', done = false WHERE name = ?", [other.name])


def _is_done(build: Build, stage: Stage, fingerprint: str) -> bool:
    row = build.store.rows("SELECT fingerprint, done FROM stage WHERE name = ?", [stage.name])
    exported = stage.name != "export" or (build.export / MANIFEST).is_file()
    return bool(row) and row[0] == (fingerprint, True) and exported


def _run(build: Build, stage: Stage, fingerprint: str) -> None:
    if build.store.value("SELECT fingerprint FROM stage WHERE name = ?", [stage.name]) != fingerprint:
        _start_over(build.store, stage, fingerprint)
    began = time.monotonic()
    with build.store.transaction() if stage.atomic else contextlib.nullcontext():
        inputs, kept = stage.run(build)
        build.store.execute(
            "UPDATE stage SET done = true, inputs = ?, kept = ?, seconds = ? WHERE name = ?",
            [inputs, kept, time.monotonic() - began, stage.name],
        )
    if stage.name in OPTIONAL and getattr(build.recipe, stage.name) is None:
        build.reporter.note(f"{stage.name}: not in the recipe")
    else:
        build.reporter.note(f"{stage.name}: {kept:,} of {inputs:,} kept ({time.monotonic() - began:.1f} s)")


def _start_over(store: Store, stage: Stage, fingerprint: str) -> None:
    """Delete the rows of this stage and of all later ones: they are from another recipe, or an earlier state of it."""
    # A stage has a row in `stage` before it writes any other: deleting nothing takes a tenth of a small build.
    started = {row[0] for row in store.rows("SELECT DISTINCT split_part(name, ' ', 1) FROM stage")}
    with store.transaction():
        for other in STAGES[STAGES.index(stage) :]:
            if other.name not in started:
                continue
            for table in other.tables:
                store.execute(f"DELETE FROM {table}")
            store.execute("DELETE FROM rejection WHERE stage = ?", [other.name])
            # A stage's own row, and the rows of its sources ("select /path/of/the/dump").
            store.execute("DELETE FROM stage WHERE name = $1 OR starts_with(name, $1 || ' ')", [other.name])
        if stage is STAGES[0]:
            # No withdrawal is applied to what is read now.
            store.execute("DELETE FROM meta WHERE key = ?", [WITHDRAWN])
        store.execute("INSERT INTO stage (name, fingerprint) VALUES (?, ?)", [stage.name, fingerprint])
