"""`pcult train --dry-run`: what a recipe would train, on what, in what memory and time.

Nothing is trained or written, and the model is never allocated.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import transformers

from pangea_cultural.errors import UserError
from pangea_cultural.training.batching.training_data import source_names
from pangea_cultural.training.estimate import inputs as known
from pangea_cultural.training.estimate import meta_model as blueprints
from pangea_cultural.training.estimate.flops import Work, flops
from pangea_cultural.training.estimate.inputs import Sources
from pangea_cultural.training.estimate.layout import Outliner
from pangea_cultural.training.estimate.memory import memory
from pangea_cultural.training.estimate.meta_model import Blueprint
from pangea_cultural.training.recipe import Recipe, Stage
from pangea_cultural.utils.console import Reporter
from pangea_cultural.workspace import Workspace

DEFAULT_TFLOPS = 350.0
"""About what an H100 sustains in bfloat16."""
COUNTED, PARTLY, ASSUMED = "counted", "partly assumed", "assumed"


@dataclass(frozen=True)
class Devices:
    """What the training would run on.

    Args:
        number: how many train together.
        tflops: what one sustains; None where the user does not say.
    """

    number: int = 1
    tflops: float | None = None

    def as_record(self) -> dict[str, Any]:
        """For the result."""
        tflops_from = "default" if self.tflops is None else "stated"
        return {"number": self.number, "tflops": self.tflops or DEFAULT_TFLOPS, "tflops_from": tflops_from}

    @property
    def flops(self) -> float:
        """Operations a second, of all of them."""
        return self.number * (self.tflops or DEFAULT_TFLOPS) * 1e12


def dry_run(recipe: Recipe, workspace: Path, devices: Devices, reporter: Reporter) -> dict[str, Any]:
    """Estimate a training.

    Args:
        recipe: what to train.
        workspace: where paths of the recipe begin; nothing is written there. What a training has read and measured
            there is not read again.
        devices: what it would run on.
        reporter: shows how far reading and measuring are.

    Returns:
        `model`, `sources`, `devices`, `notes`, and for each of `stages` its parameters, steps, tokens, memory in bytes
        and hours; `basis` says of questions, images and texts whether they were counted.

    Raises:
        UserError: the recipe does not fit the data, or nothing tells how large model or data are.
    """
    transformers.utils.logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as name:
        cache = Path(name)
        _begin_with(Workspace(workspace).training_cache, cache)
        sources = known.open_sources(recipe, workspace, cache, reporter)
        blueprint = blueprints.draw(sources.here, workspace, sources.corpora, cache)
        measured = known.measure(sources, blueprint, cache, reporter)
        outliner = Outliner(sources, measured, blueprint, devices.number)
        stages = [_stage(recipe, stage, outliner, blueprint, devices) for stage in recipe.stages]
    return {
        "recipe": recipe.name,
        "model": {"from": blueprint.origin},
        "devices": devices.as_record(),
        "basis": _basis(sources, blueprint),
        "sources": list(_sources(recipe, sources)),
        "stages": stages,
        "notes": list(_notes(recipe, workspace, sources, outliner, blueprint, devices)),
    }


def _begin_with(trainings: Path, cache: Path) -> None:
    """Let a cache begin with what trainings have read and measured. What is new lies beside the links, not behind them:
    nothing is written to the trainings' own.
    """
    if trainings.is_dir():
        for path in trainings.iterdir():
            # What begins with a dot is under way, or was when a training was killed.
            if not path.name.startswith("."):
                (cache / path.name).symlink_to(path.absolute())


def _stage(recipe: Recipe, stage: Stage, outliner: Outliner, blueprint: Blueprint, devices: Devices) -> dict[str, Any]:
    outline = outliner.outline(stage)
    held = {name: outline.total(name) for name in asdict(outline.held)}
    work = Work(held["tokens"], held["pairs"], held["targets"], held["tiles"])
    operations = flops(blueprint, stage, work)
    return {
        "stage": stage.name,
        "parameters": {name: share._asdict() for name, share in blueprint.shares(stage).items()},
        "steps": outline.steps,
        "steps_laid_out": outline.laid_out,
        **held,
        "tokens_saved": held["tokens_apart"] - held["tokens"],
        "rows_per_step": outline.held.rows / outline.laid_out,
        "left_out": outliner.data.exclusions(stage),
        "largest_micro_batch": asdict(outline.step.largest),
        "micro_batches": outline.step.micro_batches,
        "memory_bytes": memory(blueprint, recipe, stage, outline.step),
        "flops": operations,
        "hours": operations / devices.flops / 3600,
    }


def _basis(sources: Sources, blueprint: Blueprint) -> dict[str, str]:
    """Of what is in the data, whether it was counted."""
    basis = ASSUMED if not sources.corpora else PARTLY if sources.absent else COUNTED
    return {"questions": basis, "images": basis, "texts": basis if blueprint.template else ASSUMED}


def _sources(recipe: Recipe, sources: Sources) -> Iterator[dict[str, Any]]:
    here, absent = iter(sources.corpora), iter(sources.absent)
    for name, source in zip(source_names(recipe.sources), recipe.sources, strict=True):
        if source in sources.here.sources:
            corpus = next(here)
            images = {image for group in range(corpus.num_groups) for image in corpus.images(group)}
            found = {"questions": corpus.num_conversations, "images": len(images)}
            yield {"source": name, **found, "basis": COUNTED, "rejected": corpus.rejected}
        else:
            _, assumed = next(absent)
            yield {
                "source": name,
                "questions": assumed.questions,
                "images": assumed.images,
                "basis": ASSUMED,
                "rejected": {},
            }


def _notes(
    recipe: Recipe,
    workspace: Path,
    sources: Sources,
    outliner: Outliner,
    blueprint: Blueprint,
    devices: Devices,
) -> Iterator[str]:
    """What a reader of the figures has to know."""
    if devices.tflops is None:
        yield f"{DEFAULT_TFLOPS:g} TFLOP/s is about what an H100 sustains in bfloat16; --tflops says what yours does"
    for source, assumed in sources.absent:
        height, width = assumed.image_px
        yield (
            f"{source.path} is not here. Assumed: images {width} wide and {height} high, {assumed.question_tokens} "
            f"tokens for a question with its answer, {assumed.answer_tokens} of them for the answer"
        )
    if blueprint.template is None and sources.corpora:
        name = recipe.model.checkpoint or recipe.model.language_model
        yield f"the tokenizer of {name} is not here: text tokens are assumed"
    if recipe.validation and not (workspace / recipe.validation.path).exists():
        yield f"{recipe.validation.path}, on which the recipe validates, is not here: the training would stop"
    if recipe.parallelism == "fsdp" and devices.number == 1:
        yield 'parallelism = "fsdp" needs several devices: say how many with --devices'
    try:
        outliner.data.check_broken_images()
    except UserError as error:
        yield f"the training would stop: {error}"
