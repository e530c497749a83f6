"""One stage of a training: what learns, from which batches, and what it leaves."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from transformers import LlavaNextProcessor
from transformers.integrations.deepspeed import unset_hf_deepspeed_config

from pangea_cultural.errors import UserError
from pangea_cultural.model import build
from pangea_cultural.model.modeling import PackedLlavaNext
from pangea_cultural.training.batching.augment import Vary
from pangea_cultural.training.batching.collate import CaptionCollator, Collator
from pangea_cultural.training.batching.dataset import Steps
from pangea_cultural.training.batching.training_data import Data
from pangea_cultural.training.loop import arguments, checkpoints
from pangea_cultural.training.loop.distributed import Processes
from pangea_cultural.training.loop.reporters import reporters
from pangea_cultural.training.loop.trainer import StageTrainer, Watch
from pangea_cultural.training.loop.validation import Validation, open_validation
from pangea_cultural.training.recipe import Recipe, Stage
from pangea_cultural.training.setup import lora
from pangea_cultural.training.setup.contrastive import Contrastive
from pangea_cultural.utils.console import Reporter
from pangea_cultural.utils.files import atomic_path, leftover_temporaries, write_json
from pangea_cultural.utils.sampling import spread

MOST_ENTRIES = 200
"""Entries of the log in a stage's record; all of them are in the log file."""


@dataclass(frozen=True)
class Setting:
    """Where a stage stands.

    Args:
        recipe: of the training.
        number: of the stage in it.
        work: folder for all that is needed to go on.
        workspace: where paths of the recipe begin.
        reporter: shows progress.
    """

    recipe: Recipe
    number: int
    work: Path
    workspace: Path
    reporter: Reporter

    @property
    def stage(self) -> Stage:
        """The stage's settings."""
        return self.recipe.stages[self.number]

    @property
    def folder(self) -> Path:
        """Of checkpoints."""
        return self.work / f"{self.number}-{self.stage.name}"

    @property
    def record(self) -> Path:
        """What was done; there once the stage is finished."""
        return self.folder.with_suffix(".json")

    @property
    def weights(self) -> Path:
        """What was learnt, by the names of the model's parameters."""
        return self.folder.with_suffix(".safetensors")

    @property
    def log(self) -> Path:
        """All entries of the log."""
        return self.folder.with_suffix(".jsonl")


def train(
    setting: Setting, data: Data, model: PackedLlavaNext, processor: LlavaNextProcessor, processes: Processes
) -> None:
    """Train a stage, from where an earlier run has left it; its weights, log and record lie in the work folder.

    Raises:
        UserError: there is nothing to learn, memory is too small, or the loss is not a number any more.
    """
    stage, folder = setting.stage, setting.folder
    processes.once(lambda: _clear(setting))
    learning = _learning(setting, data, model, processor)
    _widen(learning.module)
    steps = data.steps(stage, learning.collator, processes=processes.number, rank=processes.rank)
    saved = processes.once(lambda: checkpoints.complete(folder))
    with setting.reporter.bar(f"train: {stage.name}", len(steps), "steps") as bar:
        validation = _validation(setting, processor, processes)
        loop = _loop(setting, data, learning, steps, validation)
        loop.add_callback(Watch(loop, bar, stage.checkpoint.save_total_limit))
        if saved:
            loop.resume(saved[-1])
        elif loop.is_world_process_zero():
            loop.log_file.cut(0)
        try:
            loop.train(resume_from_checkpoint=str(saved[-1]) if saved else None)
        except (RuntimeError, MemoryError) as error:
            raise _mended(error, stage) from error
    weights = learning.weights(loop)
    skipped = loop.gather(loop.measures.skipped)
    if loop.is_world_process_zero():
        _leave(setting, loop, weights, saved, data.left_out(stage), skipped)


def _clear(setting: Setting) -> None:
    """Remove what a kill has left unfinished."""
    setting.folder.mkdir(parents=True, exist_ok=True)
    checkpoints.clear(setting.folder)
    for file in leftover_temporaries(setting.weights):
        file.unlink()


@dataclass(frozen=True)
class Learning:
    """What learns in a stage.

    Args:
        model: the whole model.
        module: what the loop trains: the model, or a wrapper around a part of it.
        names: parameters of the model that are kept afterwards.
        frozen: modules that do not learn.
        collator: makes the batches.
        adapted: the model's adapters, where it has some.
    """

    model: PackedLlavaNext
    module: torch.nn.Module
    names: list[str]
    frozen: list[torch.nn.Module]
    collator: Callable[..., dict[str, Any]]
    adapted: Any = None

    def weights(self, loop: StageTrainer) -> dict[str, torch.Tensor]:
        """What was learnt, by the model's names; complete on the main process."""
        if loop.is_fsdp_enabled:
            options = StateDictOptions(full_state_dict=True, cpu_offload=True)
            state = get_model_state_dict(loop.model, options=options)
            return {name: state[name] for name in self.names if name in state}
        if loop.is_deepspeed_enabled:
            state = loop.accelerator.get_state_dict(loop.deepspeed) or {}
            unset_hf_deepspeed_config()  # or transformers would make the next model in shards, too
            return {name: state[name].cpu().contiguous() for name in self.names if name in state}
        # The next stage has an autocast of its own.
        loop.accelerator.unwrap_model(self.module, keep_fp32_wrapper=False)
        if self.adapted is not None:
            lora.merge(self.adapted)
        own = dict(self.model.named_parameters())
        return {name: own[name].detach().cpu().contiguous() for name in self.names}


def _learning(setting: Setting, data: Data, model: PackedLlavaNext, processor: LlavaNextProcessor) -> Learning:
    stage = setting.stage
    _freeze(model, stage)
    vary = Vary(f"{setting.recipe.seed} {stage.name}") if stage.augment_images else None
    make = _answers if stage.objective == "sft" else _names
    return make(setting, data, model, processor, vary)


def _freeze(model: PackedLlavaNext, stage: Stage) -> None:
    for part, parameters in build.parameter_groups(model).items():
        for parameter in parameters:
            parameter.requires_grad_(part in stage.trainable)
    for parameter in build.unused_vision_parameters(model):
        parameter.requires_grad_(False)


def _answers(
    setting: Setting, data: Data, model: PackedLlavaNext, processor: LlavaNextProcessor, vary: Vary | None
) -> Learning:
    stage = setting.stage
    # Before adapters freeze what they adapt and give it other names.
    names = _learnt(model)
    adapted = lora.attach(model, stage.lora, seed=setting.recipe.seed) if stage.lora else None
    collator = Collator(processor, keys=data.key_numbers, weighting=stage.loss_weighting, vary=vary)
    return Learning(model, model, names, _frozen(model, stage), collator, adapted)


def _names(
    setting: Setting, data: Data, model: PackedLlavaNext, processor: LlavaNextProcessor, vary: Vary | None
) -> Learning:
    # The names are learnt with the images: input embeddings, and nothing else of the language model.
    model.get_input_embeddings().weight.requires_grad_(True)
    captions = data.captions()
    if not captions:
        name = setting.stage.name
        raise UserError(f"stage {name}: no image has an English name (property `label`) to learn from")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(setting.recipe.seed)
        module = Contrastive(model, processor.tokenizer, captions)
    collator = CaptionCollator(processor, captions, data.key_numbers, vary)
    return Learning(model, module, _learnt(model), _frozen(model, setting.stage), collator)


def _learnt(model: PackedLlavaNext) -> list[str]:
    return [name for name, parameter in model.named_parameters() if parameter.requires_grad]


def _frozen(model: PackedLlavaNext, stage: Stage) -> list[torch.nn.Module]:
    return [] if "vision_tower" in stage.trainable else [model.model.vision_tower]


def _widen(model: torch.nn.Module) -> None:
    """Hold what learns in float32, whatever the model's precision: small updates vanish in bfloat16's 8 bits."""
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


def _validation(setting: Setting, processor: LlavaNextProcessor, processes: Processes) -> Validation | None:
    stage, recipe = setting.stage, setting.recipe
    if not recipe.validation or stage.objective != "sft":
        return None
    place = (processes.number, processes.rank)
    return open_validation(recipe, stage, setting.workspace, setting.work, processor, *place)


def _loop(
    setting: Setting, data: Data, learning: Learning, steps: Steps, validation: Validation | None
) -> StageTrainer:
    stage, recipe = setting.stage, setting.recipe
    rates = {
        id(parameter): stage.optimizer.learning_rates[part]
        for part, parameters in build.parameter_groups(learning.model).items()
        if part in stage.optimizer.learning_rates
        for parameter in parameters
    }
    return StageTrainer(
        model=learning.module,
        args=arguments.arguments(
            recipe,
            stage,
            setting.folder,
            workspace=setting.workspace,
            steps=len(steps),
            validates=validation is not None,
            layer=type(learning.model.model.language_model.layers[0]).__name__,
        ),
        steps=steps,
        frozen=learning.frozen,
        rates=rates,
        keys=data.keys,
        most_skipped=int(recipe.max_broken_image_ratio * data.num_images) - data.num_broken,
        reporters=reporters(recipe.report_to, setting.workspace / "tensorboard" / recipe.name / stage.name),
        evaluate_with=validation,
    )


def _mended(error: Exception, stage: Stage) -> Exception:
    """What to lower, where memory was too small; the error itself otherwise."""
    if not isinstance(error, torch.OutOfMemoryError | MemoryError) and "can't allocate memory" not in str(error):
        return error
    return UserError(
        f"Out of memory in stage {stage.name}. Lower per_device_batch_size (now {stage.memory.per_device_batch_size}), "
        "or set gradient_checkpointing = true, and rerun to resume. Or rerun with --restart and a lower max_length "
        f'(now {stage.batch.max_length}), [stages.lora], or parallelism = "fsdp" on more devices.'
    )


def _leave(
    setting: Setting,
    loop: StageTrainer,
    weights: dict[str, torch.Tensor],
    saved: list[Path],
    left_out: dict[str, dict[str, int]],
    skipped: dict[str, str],
) -> None:
    """Write what a finished stage leaves: the record last, which says that it is finished."""
    with atomic_path(setting.weights) as temporary:
        save_file(weights, temporary)
    shutil.copy(loop.log_file.path, setting.log)
    entries = loop.log_file.entries()
    learnt = [entry for entry in entries if "validation" not in entry]
    record = {
        "stage": setting.stage.name,
        "steps": len(loop.train_dataset),
        **loop.measures.totals,
        "resumed_from": saved[-1].name if saved else None,
        "left_out": left_out,
        "skipped": skipped,
        "log": [learnt[number] for number in spread(len(learnt), MOST_ENTRIES)],
        "validation": [{"step": e["step"], **e["validation"]} for e in entries if "validation" in e],
    }
    write_json(setting.record, record)
    shutil.rmtree(setting.folder, ignore_errors=True)
