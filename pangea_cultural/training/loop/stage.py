"""One training stage: setup, loop and results."""

import errno
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import LlavaNextProcessor

from pangea_cultural.errors import UserError
from pangea_cultural.model import build
from pangea_cultural.model.modeling import PackedLlavaNext
from pangea_cultural.training.batching.dataset import StepDataset
from pangea_cultural.training.batching.inputs import TrainingInputs
from pangea_cultural.training.batching.layout import pair_work
from pangea_cultural.training.batching.training_data import TrainingData
from pangea_cultural.training.loop import checkpoints
from pangea_cultural.training.loop.arguments import training_arguments
from pangea_cultural.training.loop.best import outcome
from pangea_cultural.training.loop.best.callback import EarlyStopping
from pangea_cultural.training.loop.best.metrics import require_languages
from pangea_cultural.training.loop.callbacks import StageCallback
from pangea_cultural.training.loop.distributed import Processes
from pangea_cultural.training.loop.reporters import reporters
from pangea_cultural.training.loop.trained_weights import trained_weights
from pangea_cultural.training.loop.trainer import StageTrainer
from pangea_cultural.training.loop.validation import Validation, open_validation
from pangea_cultural.training.recipe import Recipe, Stage
from pangea_cultural.training.setup import objectives
from pangea_cultural.training.setup.disk import checkpoint_bytes, checkpoints_kept, needed_bytes
from pangea_cultural.training.setup.objectives import StageSetup
from pangea_cultural.training.setup.optimizers import Trained, own_optimizer, trainable_matrices
from pangea_cultural.training.setup.quantization import full_size
from pangea_cultural.utils.console import Reporter
from pangea_cultural.utils.files import (
    atomic_path,
    free_bytes,
    leftover_temporaries,
    read_json,
    sha256_file,
    sync,
    write_json,
)
from pangea_cultural.utils.sampling import evenly_spaced

NO_SPACE = os.strerror(errno.ENOSPC)
MAX_RECORD_ENTRIES = 200
"""Most log entries in a stage's record; the log file has all of them."""


@dataclass(frozen=True)
class StageContext:
    """A stage of a run, with its files.

    Args:
        inputs: inputs of the run.
        index: index of the stage in the recipe.
        work: work folder of the run.
        reporter: shows progress.
        run_id: id of the run for experiment trackers.
        push: called on the main process with each complete checkpoint.
    """

    inputs: TrainingInputs
    index: int
    work: Path
    reporter: Reporter
    run_id: str = ""
    push: Callable[[Path], None] = lambda checkpoint: None

    @property
    def recipe(self) -> Recipe:
        """The recipe."""
        return self.inputs.recipe

    @property
    def stage(self) -> Stage:
        """Settings of the stage."""
        return self.recipe.stages[self.index]

    @property
    def folder(self) -> Path:
        """Folder of checkpoints, removed at the end of the stage."""
        return self.work / f"{self.index}-{self.stage.name}"

    @property
    def record(self) -> Path:
        """JSON record of the stage, which exists once the stage is finished."""
        return self.folder.with_suffix(".json")

    @property
    def weights(self) -> Path:
        """Trained parameters, by their names in the model."""
        return self.folder.with_suffix(".safetensors")

    @property
    def log(self) -> Path:
        """Log with all entries."""
        return self.folder.with_suffix(".jsonl")


def train(
    context: StageContext,
    data: TrainingData,
    model: PackedLlavaNext,
    processor: LlavaNextProcessor,
    processes: Processes,
) -> None:
    """Train a stage, resuming from its last checkpoint, and write weights, log and record to the work folder.

    Raises:
        UserError: there is nothing to train on, memory or disk is too small, or the loss is not finite.
        Stopped: a process has received a signal. Its checkpoint is complete.
    """
    stage, folder = context.stage, context.folder
    processes.run_on_main(lambda: _remove_leftovers(context))
    row_parts = context.recipe.context_size(processes.world_size)
    setup = objectives.set_up(context.recipe, stage, data, model, processor, row_parts=row_parts)
    if row_parts > 1:
        model.divide_rows(processes.context_group(row_parts))
    steps = _steps(context, data, setup, processes, row_parts)
    needs_best = stage.checkpoint.load_best_model_at_end
    saved = processes.run_on_main(lambda: checkpoints.newest_intact(folder, context.reporter, needs_best=needs_best))
    processes.run_on_main(lambda: _require_space(context, setup, len(steps)))
    # From here on processes wait for each other: one that alone ended at once would leave the others waiting.
    deferred = processes.stop_signals.deferred()
    with context.reporter.bar(f"train: {stage.name}", len(steps), "steps") as bar, deferred:
        validation = _validation(context, data, processor, processes)
        trainer = _trainer(context, data, setup, steps, validation)
        stopping = EarlyStopping(stage.checkpoint, context.reporter.note)
        if stage.checkpoint.compares:
            trainer.add_callback(stopping)  # before the next one, which may validate the step that it resumes from
        trainer.add_callback(StageCallback(trainer, bar, stage.checkpoint.save_total_limit, processes, context.push))
        if saved:
            trainer.resume(saved)
        elif trainer.is_world_process_zero():
            trainer.log_file.truncate(0)
        try:
            trainer.train(resume_from_checkpoint=str(saved) if saved else None)
        except Exception as error:
            if explained := _explained(error, context, checkpoint_bytes(stage.optimizer, _num_trainable(setup))):
                raise explained from error
            raise
        processes.raise_if_stopped()
        ending = outcome.finish(stage, trainer, stopping, processes)
    if skipped := trainer.metrics.skipped_steps:
        context.reporter.note(
            f"Stage {stage.name}: {skipped} of {len(steps)} steps changed nothing, because gradients overflowed float16"
        )
    weights = trained_weights(setup, trainer)
    broken = trainer.gather_broken_images(trainer.metrics.skipped)
    if trainer.is_world_process_zero():
        shares = steps.source_shares(ending["steps"])
        passes = {
            name: number * shares.get(index, 0.0) for index, (name, number) in enumerate(data.passes(stage).items())
        }
        about = {**ending, "left_out": data.exclusions(stage), "passes": passes}
        _write_results(context, trainer, weights, saved, about, broken)


def _steps(
    context: StageContext, data: TrainingData, setup: StageSetup, processes: Processes, row_parts: int
) -> StepDataset:
    """Return the steps of the stage as this process sees them."""
    return data.step_dataset(
        context.stage,
        setup.collator,
        processes=processes.world_size,
        rank=processes.rank,
        pair_work=pair_work(setup.model.config.text_config),
        context=row_parts,
    )


def is_finished(context: StageContext) -> bool:
    """Return whether a stage is finished.

    Raises:
        UserError: its weights are missing or have changed since.
    """
    if not context.record.is_file():
        return False
    expected = read_json(context.record).get("weights_sha256")  # absent in records of earlier versions
    if expected and (not context.weights.is_file() or sha256_file(context.weights) != expected):
        raise UserError(f"{context.weights} is missing or damaged. Restore it, or rerun with --restart.")
    return True


def _remove_leftovers(context: StageContext) -> None:
    """Remove incomplete checkpoints and temporary files of an interrupted run."""
    context.folder.mkdir(parents=True, exist_ok=True)
    checkpoints.remove_incomplete(context.folder)
    for file in leftover_temporaries(context.weights):
        file.unlink()


def _validation(
    context: StageContext, data: TrainingData, processor: LlavaNextProcessor, processes: Processes
) -> Validation | None:
    stage, recipe = context.stage, context.recipe
    if not recipe.validation or stage.objective != "sft":
        return None
    opened = open_validation(context.inputs, stage, context.work, processor, processes.world_size, processes.rank)
    if stage.checkpoint.compares:
        require_languages(stage.name, stage.checkpoint.metric_for_best_model, opened.languages, data.languages)
    return opened


def _trainer(
    context: StageContext, data: TrainingData, setup: StageSetup, steps: StepDataset, validation: Validation | None
) -> StageTrainer:
    stage, recipe = context.stage, context.recipe
    rates = stage.optimizer.learning_rates
    learning_rates = {
        id(parameter): rates[part]
        for part, parameters in build.parameter_groups(setup.model).items()
        if part in rates
        for parameter in parameters
    }
    return StageTrainer(
        model=setup.module,
        args=training_arguments(
            recipe,
            stage,
            context.folder,
            workspace=context.inputs.workspace,
            run_id=context.run_id,
            steps=len(steps),
            validates=validation is not None,
            layer_class=type(setup.model.model.language_model.layers[0]).__name__,
        ),
        steps=steps,
        frozen=setup.frozen,
        learning_rates=learning_rates,
        keys=data.loss_keys,
        max_broken_images=int(recipe.max_broken_image_ratio * data.num_images) - data.num_broken_images,
        own_optimizer=own_optimizer(stage.optimizer, _matrices(setup)),
        reporters=reporters(recipe.report_to, context.inputs.workspace / "tensorboard" / recipe.name / stage.name),
        trained_languages=data.languages,
        keeps_best=stage.checkpoint.load_best_model_at_end,
        context_group=setup.model.context.group if setup.model.context else None,
        validate=validation,
    )


def _require_space(context: StageContext, setup: StageSetup, steps: int) -> None:
    """Check that the disk has space for the checkpoints to come, the stage's weights and the result.

    Raises:
        UserError: it has not.
    """
    new = max(
        0,
        checkpoints_kept(context.recipe, context.stage, steps) - len(checkpoints.complete_checkpoints(context.folder)),
    )
    total = sum(map(full_size, setup.model.parameters()))
    needed = needed_bytes(context.stage.optimizer, _num_trainable(setup), total, new)
    free = free_bytes(context.work)
    if free < needed:
        raise UserError(
            f"Stage {context.stage.name} needs {needed / 1e9:.2f} GB for {new} checkpoints and the result, but the "
            f"disk of {context.work.parent} has {free / 1e9:.2f} GB. Free some space, or choose another --workspace."
        )


def _matrices(setup: StageSetup) -> list[torch.Tensor]:
    """Return the parameters that Muon orthogonalizes."""
    return trainable_matrices(setup.module, setup.model.lm_head.weight)


def _num_trainable(setup: StageSetup) -> Trained:
    embeddings = setup.model.get_input_embeddings().weight
    trainable = sum(p.numel() for p in setup.module.parameters() if p.requires_grad)
    matrices = sum(matrix.numel() for matrix in _matrices(setup))
    return Trained(trainable, embeddings.numel() if embeddings.requires_grad else 0, matrices)


def _more_recomputation(stage: Stage) -> str:
    """Return the advice to recompute more layers."""
    number = stage.memory.gradient_checkpointing_layers
    if number is not None:
        return f"raise gradient_checkpointing_layers (now {number})"
    return "set gradient_checkpointing = true"


def _smaller_training(stage: Stage) -> str:
    """Return the advice to start over with a training of less memory: what a recipe of this stage may set."""
    if stage.objective == "contrastive":
        return ""
    start = f" Or rerun with --restart and a lower max_length (now {stage.batch.max_length})"
    return f"{start}." if stage.lora else f'{start}, [stages.lora], or parallelism = "fsdp" on more devices.'


def _explained(error: Exception, context: StageContext, one_checkpoint: int) -> UserError | None:
    """Return the advice for an error of the machine, or of a DeepSpeed file; None for other errors."""
    text, stage = str(error), context.stage
    if "DeepSpeed config values" in text:  # transformers lists those that contradict the recipe
        keys = ", ".join(line.split()[2].partition("=")[0] for line in text.splitlines() if line.startswith("- ds "))
        return UserError(f'{context.recipe.deepspeed} contradicts the recipe in {keys}. Set "auto" there.')
    if isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in text:
        return UserError(
            f"Out of memory in stage {stage.name}. Lower per_device_batch_size (now "
            f"{stage.memory.per_device_batch_size}), or {_more_recomputation(stage)}, and rerun to resume."
            f"{_smaller_training(stage)}"
        )
    if "DataLoader worker (pid" in text:  # an error in a worker has another text
        return UserError(
            f"A data worker was killed, most likely because memory was full. Lower num_workers (now "
            f"{context.recipe.num_workers}) and rerun to resume."
        )
    if NO_SPACE in text or "PytorchStreamWriter failed writing" in text:
        free = free_bytes(context.work)
        return UserError(
            f"The disk of {context.work.parent} is full: {free / 1e9:.2f} GB are free, and a checkpoint needs "
            f"{one_checkpoint / 1e9:.2f} GB. Free some space, or lower save_total_limit (now "
            f"{stage.checkpoint.save_total_limit}), and rerun to resume."
        )
    return None


def _write_results(
    context: StageContext,
    trainer: StageTrainer,
    weights: dict[str, torch.Tensor],
    saved: Path | None,
    about: dict[str, Any],
    broken: dict[str, str],
) -> None:
    """Write the results of a finished stage. The record comes last: it marks the stage as finished."""
    with atomic_path(context.weights) as temporary:
        save_file(weights, temporary)
    shutil.copy(trainer.log_file.path, context.log)
    for path in (context.weights, context.log):
        sync(path)
    entries = trainer.log_file.entries()
    training = [entry for entry in entries if "validation" not in entry]
    record = {
        "stage": context.stage.name,
        **trainer.metrics.totals,
        "resumed_from": saved.name if saved else None,
        **about,
        "skipped": broken,
        "log": [training[index] for index in evenly_spaced(len(training), MAX_RECORD_ENTRIES)],
        "weights_sha256": sha256_file(context.weights),
        "validation": [{"step": e["step"], **e["validation"]} for e in entries if "validation" in e],
    }
    write_json(context.record, record)
    sync(context.work)
    shutil.rmtree(context.folder, ignore_errors=True)
