"""The stages of a build, in order. A finished stage is skipped, an interrupted one resumes.

A stage is imported when it runs: the libraries for images, network and text would take a third of the start-up time of
a build that does not need them.
"""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from factory import fingerprints
from factory.recipe import Recipe
from factory.store.store import Store
from pangea_cultural.dataset.export import MANIFEST
from pangea_cultural.errors import unknown
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
    atomic: bool = False
    """Whether the work and the note that it is done are one transaction: a second run would repeat its rows. Other
    stages record their position and resume there."""


def _select(build: Build) -> tuple[int, int]:
    from factory.entities import stage

    recipe = build.recipe
    return stage.run(build.store, recipe.sources, recipe.network, recipe.scope, build.reporter)


def _images(build: Build) -> tuple[int, int]:
    from factory.images import stage
    from factory.images.sources.open import open_sources

    config = build.recipe.images
    with open_sources(config.sources, build.recipe.network, seed=build.recipe.seed) as sources:
        return stage.run(build.store, config, sources, build.workspace.images, build.reporter)


def _questions(build: Build) -> tuple[int, int]:
    from factory.questions import stage

    return stage.run(build.store, build.recipe.scope, build.reporter)


def _split(build: Build) -> tuple[int, int]:
    from factory.splits import stage

    return stage.run(build.store, build.recipe.split, build.recipe.scope)


def _export(build: Build) -> tuple[int, int]:
    from factory.exchange import native

    recipe = build.recipe
    images = build.workspace.images
    return native.run(build.store, recipe.scope, recipe.published(), images, build.export, build.reporter)


STAGES = (
    Stage(
        name="select",
        format=1,
        run=_select,
        inputs=fingerprints.select,
        tables=(
            *("entity", "entity_region", "claim", "label", "slice", "candidate"),
            *("unselected_entity", "unselected_label", "unselected_claim"),
        ),
    ),
    Stage(name="images", format=1, run=_images, inputs=fingerprints.images, tables=("image", "entity_image")),
    Stage(
        name="questions",
        format=1,
        run=_questions,
        inputs=fingerprints.questions,
        tables=("template", "value_text", "question"),
        atomic=True,
    ),
    Stage(name="split", format=1, run=_split, inputs=fingerprints.split, tables=("split",), atomic=True),
    Stage(name="export", format=1, run=_export, inputs=fingerprints.export),
)
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
    fingerprint = ""
    for stage in STAGES:
        fingerprint = next_fingerprint(fingerprint, stage, build.recipe)
        if _is_done(build, stage, fingerprint):
            build.reporter.note(f"{stage.name}: already done")
        else:
            _run(build, stage, fingerprint)
        if stage.name == until:
            break


def next_fingerprint(previous: str, stage: Stage, recipe: Recipe) -> str:
    """Return the fingerprint of a stage; `previous` is that of the stage before, "" for the first one."""
    return fingerprints.digest([previous, stage.name, stage.format, stage.inputs(recipe)])


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
    build.reporter.note(f"{stage.name}: {kept:,} of {inputs:,} kept ({time.monotonic() - began:.1f} s)")


def _start_over(store: Store, stage: Stage, fingerprint: str) -> None:
    """Delete the rows of this stage and of all later ones: they are from another recipe, or an earlier state of it."""
    stale = STAGES[STAGES.index(stage) :]
    with store.transaction():
        for other in stale:
            for table in other.tables:
                store.execute(f"DELETE FROM {table}")
            store.execute("DELETE FROM rejection WHERE stage = ?", [other.name])
            # A stage's own row, and the rows of its sources ("select /path/of/the/dump").
            store.execute("DELETE FROM stage WHERE name = $1 OR starts_with(name, $1 || ' ')", [other.name])
        store.execute("INSERT INTO stage (name, fingerprint) VALUES (?, ?)", [stage.name, fingerprint])
