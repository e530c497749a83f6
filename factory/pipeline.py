"""The stages of a build, in order. A stage that is done is skipped; one that was killed goes on where it stopped.

A stage is imported when it runs: what draws, fetches or renders would be a third of the start of a build that ends
before it.
"""

import contextlib
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from factory.images.config import CommonsConfig, ImageSourceConfig
from factory.recipe import Recipe
from factory.reference.properties import properties
from factory.store.store import Store
from pangea_cultural import __version__
from pangea_cultural.dataset.export import MANIFEST
from pangea_cultural.errors import unknown
from pangea_cultural.reference.languages import language
from pangea_cultural.reference.regions import ambiguous_states, region
from pangea_cultural.utils.console import Reporter
from pangea_cultural.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Build:
    """Everything that a stage works with."""

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
    """One step of the build."""

    name: str
    run: Callable[[Build], tuple[int, int]]
    """Does the work; gives how many items went in and how many were kept."""
    reads: Callable[[Recipe], object]
    """The parts of the recipe that the result depends on, besides the stages before."""
    tables: tuple[str, ...] = ()
    """Tables that the stage fills; emptied when it has to start anew."""
    at_once: bool = False
    """Its work and the note that it is done are one transaction, because a second run would write its rows again.
    Other stages note how far they are, and go on from there."""


STAGES = (
    Stage(
        name="select",
        run=lambda b: _select(b),
        reads=lambda r: [
            [_document_source_state(source, r.seed) for source in r.sources],
            # Whole rows, so that an edited table is noticed as an edited recipe is.
            [region(slug).model_dump() for slug in r.scope.regions],
            [language(code).model_dump() for code in r.scope.languages],
            [properties()[name].model_dump() for name in r.scope.properties],
            [name for name, row in properties().items() if row.region_link],
            ambiguous_states(),
            r.images.required,
        ],
        tables=(
            *("entity", "entity_region", "claim", "label", "slice", "found"),
            *("unselected_entity", "unselected_label", "unselected_claim"),
        ),
    ),
    Stage(
        name="images",
        run=lambda b: _images(b),
        reads=lambda r: [[_image_source_state(source) for source in r.images.sources], r.images.max_per_entity, r.seed],
        tables=("image", "entity_image"),
    ),
    Stage(
        name="questions",
        run=lambda b: _questions(b),
        reads=lambda r: [r.images.required, r.seed],
        tables=("template", "value_text", "question"),
        at_once=True,
    ),
    Stage(
        name="split",
        run=lambda b: _split(b),
        reads=lambda r: [r.split.model_dump(), r.held_out_languages, r.seed],
        tables=("split",),
        at_once=True,
    ),
    Stage(
        name="export",
        run=lambda b: _export(b),
        reads=lambda r: [r.name, r.held_out_languages],
    ),
)
STAGE_NAMES = tuple(stage.name for stage in STAGES)


def build(job: Build, only: tuple[str, ...] = ()) -> None:
    """Run the stages that are not done yet.

    Args:
        job: store, recipe and workspace.
        only: names of stages; where some are given, the build ends after the last of them.

    Raises:
        UserError: an unknown stage, or something that a stage cannot work with.
    """
    for name in only:
        if name not in STAGE_NAMES:
            raise unknown("stage", name, STAGE_NAMES)
    last = max((STAGE_NAMES.index(name) for name in only), default=len(STAGES) - 1)
    fingerprint = f"{__version__}"
    for stage in STAGES[: last + 1]:
        fingerprint = _hash([fingerprint, stage.name, stage.reads(job.recipe)])
        if _is_done(job, stage, fingerprint):
            job.reporter.note(f"{stage.name}: already done")
            continue
        _run(job, stage, fingerprint)


def _select(job: Build) -> tuple[int, int]:
    from factory.entities import stage as ingest

    return ingest.run(job.store, job.recipe.sources, job.recipe.network, job.recipe.scope, job.reporter)


def _images(job: Build) -> tuple[int, int]:
    from factory.images import stage as images
    from factory.images.sources import open as sources

    config = job.recipe.images
    with sources.opened(config.sources, job.recipe.network, seed=job.recipe.seed) as opened:
        return images.run(job.store, config, opened, job.workspace.images, job.reporter)


def _questions(job: Build) -> tuple[int, int]:
    from factory.questions import stage as fill

    return fill.run(job.store, job.recipe.scope, job.reporter)


def _split(job: Build) -> tuple[int, int]:
    from factory.splits import stage as split

    return split.run(job.store, job.recipe.split, job.recipe.scope)


def _export(job: Build) -> tuple[int, int]:
    from factory.exchange import native

    recipe = job.recipe
    return native.run(job.store, recipe.scope, recipe.published(), job.workspace.images, job.export, job.reporter)


def _is_done(job: Build, stage: Stage, fingerprint: str) -> bool:
    row = job.store.rows("SELECT fingerprint, done FROM stage WHERE name = ?", [stage.name])
    exported = stage.name != "export" or (job.export / MANIFEST).is_file()
    return bool(row) and row[0] == (fingerprint, True) and exported


def _run(job: Build, stage: Stage, fingerprint: str) -> None:
    if job.store.value("SELECT fingerprint FROM stage WHERE name = ?", [stage.name]) != fingerprint:
        _start_anew(job.store, stage, fingerprint)
    began = time.monotonic()
    with job.store.transaction() if stage.at_once else contextlib.nullcontext():
        inputs, kept = stage.run(job)
        job.store.execute(
            "UPDATE stage SET done = true, inputs = ?, kept = ?, seconds = ? WHERE name = ?",
            [inputs, kept, time.monotonic() - began, stage.name],
        )
    job.reporter.note(f"{stage.name}: {kept:,} of {inputs:,} kept ({time.monotonic() - began:.1f} s)")


def _start_anew(store: Store, stage: Stage, fingerprint: str) -> None:
    """Forget what another recipe, or this one before a change, left in the tables of this stage and of all after."""
    stale = STAGES[STAGES.index(stage) :]
    with store.transaction():
        for other in stale:
            for table in other.tables:
                store.execute(f"DELETE FROM {table}")
            store.execute("DELETE FROM rejection WHERE stage = ?", [other.name])
            # A stage's own row, and the rows of its sources ("select /path/of/the/dump").
            store.execute("DELETE FROM stage WHERE name = $1 OR starts_with(name, $1 || ' ')", [other.name])
        store.execute("INSERT INTO stage (name, fingerprint) VALUES (?, ?)", [stage.name, fingerprint])


def _document_source_state(source: Any, seed: int) -> list:
    """What tells a changed source: its file or files, or for a service what it is asked."""
    if hasattr(source, "path"):
        paths = [source.path] if source.path.is_file() else sorted(source.path.rglob("*.json"))
        return [_file_state(path) for path in paths]
    return [source.model_dump(mode="json"), seed if getattr(source, "per_region", 0) else None]


def _file_state(path: Path) -> list:
    """What tells a changed file: hashing 100 GB of dump at every start would take an hour."""
    state = path.stat()
    return [str(path), state.st_size, state.st_mtime_ns]


def _image_source_state(source: ImageSourceConfig) -> object:
    return source.model_dump() if isinstance(source, CommonsConfig) else _file_state(source.path)


def _hash(value: object) -> str:
    return hashlib.sha256(orjson.dumps(value, default=str)).hexdigest()
