"""The dry run of a recipe: its data, parameters, steps, memory and time. Nothing is trained or written."""

import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import transformers

from pangea_cultural.errors import UserError
from pangea_cultural.training.batching.training_data import TrainingData, count_notes, source_names
from pangea_cultural.training.estimate.flops import flops
from pangea_cultural.training.estimate.hours import DEFAULT_GB_PER_S, DEFAULT_TFLOPS, Devices, hours
from pangea_cultural.training.estimate.inputs import Sources, measure, open_sources
from pangea_cultural.training.estimate.layout import StageEstimator
from pangea_cultural.training.estimate.memory import memory, offloaded_bytes
from pangea_cultural.training.estimate.meta_model import MetaModel, build_meta_model
from pangea_cultural.training.estimate.plan import plan
from pangea_cultural.training.estimate.stage_model import StageModel
from pangea_cultural.training.recipe import Recipe
from pangea_cultural.training.setup import adapter_export, lora
from pangea_cultural.training.setup.base_model import require_fit
from pangea_cultural.training.setup.disk import checkpoint_bytes, checkpoints_kept, needed_bytes
from pangea_cultural.utils.console import Reporter
from pangea_cultural.utils.files import free_bytes
from pangea_cultural.workspace import Workspace

NOTED_WAITING = 0.05
"""Share of the computing time that devices wait, above which a note says so."""
COUNTED, PARTLY, ASSUMED = "counted", "partly assumed", "assumed"


def dry_run(recipe: Recipe, workspace: Path, devices: Devices, reporter: Reporter) -> dict[str, Any]:
    """Estimate a training run.

    Args:
        recipe: the training recipe.
        workspace: base of the recipe's relative paths. The cache of training runs is read; nothing is written.
        devices: devices of the planned training.
        reporter: shows the progress of reading and measuring data.

    Returns:
        `model`, `devices`, `sources`, `notes`, and for each of `stages` its parameters, steps, workload, memory in
        bytes, bytes in main memory and on disk, FLOPs, hours, and a `plan` if the memory of a device is stated.
        `basis` says for questions, images and texts whether they were counted or assumed.

    Raises:
        UserError: the recipe does not fit data or model, or the size of one of them is unknown.
    """
    transformers.utils.logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        _link_cache(Workspace(workspace).training_cache, cache)
        sources = open_sources(recipe, workspace, cache, reporter)
        model = build_meta_model(sources.inputs, sources.corpora, cache)
        for stage in recipe.stages:
            if stage.lora:
                lora.require_modules(stage.lora, model.model.config.text_config)
        measured = measure(sources, model, cache, reporter)
        estimator = StageEstimator(sources, measured, model, devices.count)
        names = _names(recipe, sources)
        stages = [_stage(StageModel(model.model, recipe, stage), estimator, devices, names) for stage in recipe.stages]
    return {
        "recipe": recipe.name,
        "model": {"from": model.origin},
        "devices": devices.as_record() | {"per_row": recipe.context_size(devices.count)},
        "basis": _basis(sources, model),
        "sources": list(_sources(recipe, sources)),
        "stages": stages,
        "notes": [
            *_device_notes(recipe, devices),
            *_waiting_notes(recipe, stages, devices),
            *_plan_notes(recipe, stages, devices),
            *_disk_notes(stages, Workspace(workspace)),
            *_count_notes(recipe, stages),
            *_early_end_notes(recipe),
            *_adapter_notes(recipe),
            *_data_notes(recipe, workspace, sources, model, estimator.data),
        ],
    }


def _link_cache(training_cache: Path, cache: Path) -> None:
    """Link the entries of the training cache into `cache`, where new entries are written."""
    if training_cache.is_dir():
        for path in training_cache.iterdir():
            if not path.name.startswith("."):  # an unfinished entry
                (cache / path.name).symlink_to(path.absolute())


def _names(recipe: Recipe, sources: Sources) -> list[str]:
    """Return the names of the sources, present ones first."""
    named = list(zip(source_names(recipe.sources), recipe.sources, strict=True))
    present = sources.inputs.recipe.sources
    return [name for is_here in (True, False) for name, source in named if (source in present) == is_here]


def _stage(model: StageModel, estimator: StageEstimator, devices: Devices, names: list[str]) -> dict[str, Any]:
    estimate = estimator.estimate(model.stage, partial(flops, model))
    workload, sampled = estimate.total, estimate.sampled_steps
    trained = (model.stage.optimizer, model.trained)
    return {
        "stage": model.stage.name,
        "parameters": {part: counts._asdict() for part, counts in model.parameters.items()},
        "steps": estimate.steps,
        "sampled_steps": estimate.sampled_steps,
        "passes": dict(zip(names, estimate.passes, strict=True)),
        **asdict(workload),
        "saved_tokens": workload.unshared_tokens - workload.tokens,
        "rows_per_step": estimate.sampled.rows / sampled,
        "images_per_step": estimate.work.images / sampled,
        "idle_devices": estimate.work.idle_devices / sampled,
        "exclusions": estimator.data.exclusions(model.stage),
        "largest_micro_batch": asdict(estimate.step.largest),
        "micro_batches": estimate.step.micro_batches,
        "memory_bytes": memory(model, estimate.step),
        "main_memory_bytes": offloaded_bytes(model),
        "checkpoint_bytes": checkpoint_bytes(*trained),
        "disk_bytes": needed_bytes(
            *trained, sum(model.total), checkpoints_kept(model.recipe, model.stage, estimate.steps)
        ),
        "flops": flops(model, workload),
        **hours(model, estimate, devices),
        "plan": plan(model, estimator, estimate, devices, devices.usable_gb * 1e9) if devices.memory else None,
    }


def _basis(sources: Sources, model: MetaModel) -> dict[str, str]:
    data = ASSUMED if not sources.corpora else PARTLY if sources.missing else COUNTED
    return {"questions": data, "images": data, "texts": data if model.template else ASSUMED}


def _sources(recipe: Recipe, sources: Sources) -> Iterator[dict[str, Any]]:
    corpora = iter(sources.corpora)
    for name, source in zip(source_names(recipe.sources), recipe.sources, strict=True):
        if source in sources.inputs.recipe.sources:
            corpus = next(corpora)
            images = {image for group in range(corpus.num_groups) for image in corpus.images(group)}
            counts = {"questions": corpus.num_conversations, "images": len(images)}
            yield {"source": name, **counts, "basis": COUNTED, "rejected": corpus.rejected}
        else:
            assert source.estimate, "a missing source has an estimate"
            counts = {"questions": source.estimate.questions, "images": source.estimate.images}
            yield {"source": name, **counts, "basis": ASSUMED, "rejected": {}}


def _device_notes(recipe: Recipe, devices: Devices) -> Iterator[str]:
    if devices.tflops is None:
        yield f"Hours assume {DEFAULT_TFLOPS:g} TFLOP/s per device, as an H100 in bfloat16. Change it with --tflops."
    if devices.bandwidth is None and devices.count > 1:
        yield (
            f"Communication assumes {DEFAULT_GB_PER_S:g} GB/s per device, as H100s with NVLink and a network card of "
            "400 Gbit/s each, and no overlap with computing. Change it with --bandwidth."
        )
    context = recipe.context_size(devices.count)
    if context < recipe.context_parallel_size and devices.count > 1:
        yield (
            f"context_parallel_size is {recipe.context_parallel_size}, but {context} of {devices.count} devices divide "
            "rows. Choose a multiple of it for --devices."
        )
    if recipe.parallelism == "fsdp" and devices.count == 1:
        yield 'parallelism = "fsdp" needs several devices. Set --devices.'
    if recipe.deepspeed:
        yield 'The dry run ignores deepspeed: memory and communication are those of parallelism = "ddp".'
    if recipe.model.load_in_4bit:
        yield "Hours do not count that 4-bit weights are expanded in each forward and backward pass."
    if any(stage.optimizer.optim_offload for stage in recipe.stages):
        yield "Hours do not count that moments move between main memory and device (optim_offload)."


def _plan_notes(recipe: Recipe, stages: list[dict[str, Any]], devices: Devices) -> Iterator[str]:
    """Yield what the plans for a stated memory assume, and the stages that do not fit."""
    if devices.memory is None:
        return
    usable = devices.usable_gb
    yield (
        f"Plans use {usable:g} of {devices.memory:g} GB per device. The rest is for CUDA, NCCL and fragmentation. Of "
        "plans with nearly the same hours the one with more rows per forward pass is chosen."
    )
    if any(
        stage.objective == "sft" and stage.batch.packing == "shared" and result["sampled_steps"] < result["steps"]
        for stage, result in zip(recipe.stages, stages, strict=True)
    ):
        yield (
            "Plans count rows of max_length where not all steps were laid out. The table above has the longest row of "
            "those that were, so it may show less memory for the same settings."
        )
    for stage, result in zip(recipe.stages, stages, strict=True):
        if result["plan"]["chosen"] is None:
            least = result["plan"]["least_bytes"] / 1e9
            advice = "Use devices with more memory."
            if stage.lora:
                advice = "Lower max_length, or use devices with more memory."
            elif stage.objective == "sft":
                advice = 'Lower max_length, add [stages.lora], or use parallelism = "fsdp" on more devices.'
            yield (
                f"Training would stop: stage {stage.name} needs at least {least:.3g} GB, with one row at a time and "
                f"recomputed layers, but a plan may use {usable:g} GB. {advice}"
            )


def _waiting_notes(recipe: Recipe, stages: list[dict[str, Any]], devices: Devices) -> Iterator[str]:
    """Yield what a step's images mean for the devices: without context parallelism an image is on one device."""
    groups = devices.count // recipe.context_size(devices.count)
    for stage, result in zip(recipe.stages, stages, strict=True):
        waiting = 1 - result["even_hours"] / result["computing_hours"]
        if devices.count == 1 or waiting < NOTED_WAITING:
            continue
        images, multiple = result["images_per_step"], stage.batch.image_multiple
        ways = ["use fewer devices", "raise global_batch_size"]
        if stage.objective == "sft" and images >= groups and multiple % groups:
            ways.insert(0, f"set image_multiple = {groups}")
        if recipe.context_parallel_size == 1 and not recipe.undivided:
            ways.insert(0, "set context_parallel_size")
        advice = f"{', '.join(ways[:-1])}, or {ways[-1]}.".capitalize()
        yield (
            f"Stage {stage.name}: {devices.count} devices wait {waiting:.0%} of the computing time, and "
            f"{result['idle_devices']:.1f} have no row in a step on average. A step has {images:.1f} images. {advice}"
        )


def _disk_notes(stages: list[dict[str, Any]], workspace: Workspace) -> Iterator[str]:
    needed = max(stage["disk_bytes"] for stage in stages)
    free = free_bytes(workspace.checkpoints)
    if free < needed:
        yield (
            f"Training would stop: it needs {needed / 1e9:.0f} GB for checkpoints and the result, but the disk of "
            f"{workspace.checkpoints} has {free / 1e9:.0f} GB. Free some space, or choose another --workspace."
        )


def _count_notes(recipe: Recipe, stages: list[dict[str, Any]]) -> Iterator[str]:
    for stage, result in zip(recipe.stages, stages, strict=True):
        passes = {name: result["passes"][name] for name in source_names(recipe.sources)}
        yield from count_notes(recipe, stage, passes)


def _early_end_notes(recipe: Recipe) -> Iterator[str]:
    for stage in recipe.stages:
        if stage.checkpoint.early_stopping_patience is not None:
            yield f"Stage {stage.name} may end earlier, by early_stopping_patience. Its hours are those of all steps."


def _adapter_notes(recipe: Recipe) -> Iterator[str]:
    reason = adapter_export.obstacle(recipe)
    if reason and adapter_export.trains_adapters(recipe):
        yield adapter_export.note(reason)


def _data_notes(
    recipe: Recipe, workspace: Path, sources: Sources, model: MetaModel, data: TrainingData
) -> Iterator[str]:
    for source, estimate in sources.missing:
        height, width = estimate.image_px
        yield (
            f"{source.path} is missing. Assumed: images {width} wide and {height} high, {estimate.question_tokens} "
            f"tokens per question and answer, {estimate.answer_tokens} of them in the answer."
        )
    if model.template is None and sources.corpora:
        name = recipe.model.checkpoint or recipe.model.language_model
        yield f"The tokenizer of {name} is not on this machine. Text tokens are assumed."
    if recipe.validation and not (workspace / recipe.validation.path).exists():
        yield f"Training would stop: the validation data {recipe.validation.path} is missing."
    checks = [data.check_broken_images]
    text, vision = model.model.config.text_config, model.model.config.vision_config
    checks += [partial(require_fit, stage, text, vision) for stage in recipe.stages]
    for check in checks:
        try:
            check()
        except UserError as error:
            yield f"Training would stop: {error}"
