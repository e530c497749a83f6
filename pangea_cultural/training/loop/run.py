"""A training run from recipe to checkpoint. A run that is killed at any moment resumes with the same result."""

import contextlib
import gc
import importlib.util
import resource
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import LlavaNextProcessor

from pangea_cultural.dataset import training_rows
from pangea_cultural.errors import UserError
from pangea_cultural.model import build
from pangea_cultural.model.checkpoint import write_checkpoint
from pangea_cultural.model.modeling import PackedLlavaNext
from pangea_cultural.training.batching import joined, training_data
from pangea_cultural.training.batching.image_sizes import FrozenSizes
from pangea_cultural.training.batching.inputs import TrainingInputs
from pangea_cultural.training.batching.lengths import MeasuredSource
from pangea_cultural.training.batching.training_data import TrainingData
from pangea_cultural.training.data.corpus import Corpus
from pangea_cultural.training.loop import model_card, result, resume, stage, trained_weights
from pangea_cultural.training.loop.best.metrics import require_questions
from pangea_cultural.training.loop.distributed import Processes
from pangea_cultural.training.loop.environment import environment
from pangea_cultural.training.loop.hub.target import HubTarget
from pangea_cultural.training.loop.reporters import one_run, reporters
from pangea_cultural.training.loop.result import RECORD
from pangea_cultural.training.loop.stage import StageContext
from pangea_cultural.training.recipe import Recipe, Stage
from pangea_cultural.training.setup import adapter_export
from pangea_cultural.training.setup.base_model import BaseModel, processor_key, require_attention
from pangea_cultural.training.setup.compilation import require_compiler
from pangea_cultural.training.setup.precision import mixed_precision
from pangea_cultural.training.setup.quantization import require_bitsandbytes
from pangea_cultural.utils.console import Reporter
from pangea_cultural.utils.environment import peak_memory_bytes
from pangea_cultural.utils.files import atomic_folder, read_json, sha256_file, sync, sync_tree, write_json
from pangea_cultural.workspace import Workspace

LOGS = "logs"
BROKEN_IMAGES = "broken-images.json"
"""Log of all images that were missing or broken before the first step, with reasons."""
MAX_OPEN_FILES = 65536
MAX_RECOMPILES = 64
OF_RECIPE = ("optimizer", "scheduler")
"""Keys of a DeepSpeed configuration in whose place a stage has its own."""
DEEPSPEED_GATHER = "stage3_gather_16bit_weights_on_model_save"


@dataclass(frozen=True)
class TrainingRun:
    """A run of a recipe in a workspace. Every process has its own."""

    inputs: TrainingInputs
    workspace: Workspace
    reporter: Reporter

    @property
    def recipe(self) -> Recipe:
        """The recipe."""
        return self.inputs.recipe

    @property
    def checkpoint(self) -> Path:
        """Folder of the finished model."""
        return self.workspace.checkpoints / self.recipe.name

    @property
    def work(self) -> Path:
        """Folder with everything needed to resume, removed at the end."""
        return self.workspace.checkpoints / f".{self.recipe.name}.work"

    @property
    def stages(self) -> list[StageContext]:
        """Stages of the recipe, in order."""
        return [StageContext(self.inputs, index, self.work, self.reporter) for index in range(len(self.recipe.stages))]

    @property
    def stage_weights(self) -> list[tuple[Stage, Path]]:
        """Stages with the files of their trained weights."""
        return [(context.stage, context.weights) for context in self.stages]


def run(
    recipe: Recipe, workspace: Workspace, reporter: Reporter, *, restart: bool = False, overwrite: bool = False
) -> dict[str, Any]:
    """Train, and return the record that is written beside the checkpoint as training.json.

    Under `torchrun` every process calls this. The main process prepares and writes for all.

    Args:
        recipe: the recipe.
        workspace: the workspace, root of the recipe's paths.
        reporter: shows progress.
        restart: start over and discard an interrupted run.
        overwrite: replace the folder at the place of the checkpoint, when the training has ended.

    Raises:
        UserError: the data is missing or does not fit, an interrupted or finished run has different settings, or the
            loss is not finite.
        Stopped: a signal of the cluster has ended the run, after a checkpoint was saved.
    """
    processes = Processes()
    torch.set_num_threads(recipe.num_threads)
    _raise_limits()
    transformers.utils.logging.disable_progress_bar()  # a stage has its own progress bar
    transformers.utils.logging.set_verbosity_error()  # hide deprecation warnings
    training = TrainingRun(TrainingInputs.open(recipe, workspace.root), workspace, reporter)
    base_model = BaseModel(training.inputs, training.work)
    _check_inputs(training, base_model, processes.world_size)
    with processes.stop_signals.handled(), contextlib.ExitStack() as stack:
        processes.run_on_main(lambda: stack.enter_context(resume.run_lock(training.work)))
        hub = HubTarget(recipe, training.checkpoint, training.work, reporter)
        stack.enter_context(contextlib.closing(hub))
        processes.run_on_main(hub.prepare)
        record = _run(training, base_model, processes, hub, restart=restart, overwrite=overwrite)
        if processes.is_main:
            hub.push_result()  # the others need not wait for it
        return record


def _run(
    training: TrainingRun,
    base_model: BaseModel,
    processes: Processes,
    hub: HubTarget,
    *,
    restart: bool,
    overwrite: bool,
) -> dict[str, Any]:
    cache = training.workspace.training_cache
    corpora = processes.run_on_main(lambda: training_data.open_all(training.inputs, cache, training.reporter))
    fingerprint = processes.run_on_main(lambda: _fingerprint(training, corpora, base_model, processes.world_size))
    if processes.run_on_main(lambda: _is_done(training, fingerprint, restart=restart, overwrite=overwrite)):
        return read_json(training.checkpoint / RECORD)
    processes.run_on_main(lambda: base_model.prepare(corpora))
    model, processor = base_model.load()
    measured = processes.run_on_main(lambda: _measured(training, corpora, processor))
    data = TrainingData(training.recipe, corpora, measured)
    data.check_broken_images()
    require_questions(training.inputs, data.languages)
    run_id = processes.run_on_main(lambda: resume.run_id(training.work))
    for index, context in enumerate(training.stages):
        is_unfinished = not processes.run_on_main(partial(stage.is_finished, context))
        if is_unfinished:
            with one_run(training.recipe.report_to, run_id):
                stage.train(
                    replace(context, run_id=run_id, push=hub.push_checkpoint), data, model, processor, processes
                )
            processes.wait()
        is_last = index + 1 == len(training.stages)
        if not is_last or processes.is_main:  # only the main process writes the checkpoint
            model = _full_model(training, base_model, model, index) if is_unfinished else model
            model = _with_stage(training, base_model, model, index)
    base = base_model.published_name
    processes.run_on_main(lambda: _write_result(training, model, processor, data, fingerprint, base))
    return read_json(training.checkpoint / RECORD)


def _fingerprint(
    training: TrainingRun, corpora: list[Corpus], base_model: BaseModel, world_size: int
) -> dict[str, Any]:
    recipe = training.recipe
    names = training_data.source_names(recipe.sources)
    return resume.run_fingerprint(
        recipe,
        data=dict(zip(names, [corpus.key for corpus in corpora], strict=True)),
        base_model=base_model.content_hashes(),
        deepspeed=read_json(training.workspace.root / recipe.deepspeed) if recipe.deepspeed else None,
        world_size=world_size,
        shares_images=any(joined.share_folder(corpora)),
    )


def _is_done(training: TrainingRun, fingerprint: dict[str, Any], *, restart: bool, overwrite: bool) -> bool:
    """Return whether the checkpoint is finished. Otherwise prepare the work folder, which keeps --overwrite."""
    checkpoint, work = training.checkpoint, training.work
    may_replace = result.may_replace(work, fingerprint, restart=restart, overwrite=overwrite)
    if result.is_finished(checkpoint, work, fingerprint, restart=restart, may_replace=may_replace):
        training.reporter.note(f"{training.recipe.name}: already trained")
        return True
    if restart:
        resume.discard(work)
    resume.claim_work_folder(work, fingerprint)
    if may_replace:
        (work / result.OVERWRITE).touch()
    return False


def _full_model(training: TrainingRun, base_model: BaseModel, model: PackedLlavaNext, index: int) -> PackedLlavaNext:
    """Return the model with full weights, as it is before stage `index`. After a sharded or quantized stage it is
    loaded again, on the CPU.
    """
    gc.collect()  # optimizer, shards and buckets of the trainer are in reference cycles
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if training.recipe.is_sharded or training.recipe.model.load_in_4bit:
        model = base_model.load()[0]
        for earlier in range(index):
            model = _with_stage(training, base_model, model, earlier)
    return model


def _with_stage(training: TrainingRun, base_model: BaseModel, model: PackedLlavaNext, index: int) -> PackedLlavaNext:
    """Return a model with the weights of stage `index`, which is as it was before this stage.

    Between stages, merged adapters are rounded to the dtype of frozen weights. After the last one, all adapters are
    added to the base model in float32, so that the result is rounded once. Quantized weights are rounded in each stage.
    """
    recipe, stages = training.recipe, training.stage_weights
    is_last = index + 1 == len(stages)
    dtype = getattr(torch, recipe.export_dtype if is_last else recipe.model.dtype)
    if recipe.model.load_in_4bit:
        trained_weights.apply_on_4_bits(model, *stages[index], recipe.model, dtype, is_last=is_last)
        return model
    first = index
    if is_last and recipe.model.dtype != "float32" and any(stage.lora for stage in recipe.stages[:index]):
        model, first = base_model.load()[0], 0
    trained_weights.apply(model, stages[first : index + 1], dtype)
    return model


def _raise_limits() -> None:
    # FlexAttention is compiled for a few shapes each in training, validation and generation. After torch's default of
    # eight recompilations it would compute all scores, without block sparsity.
    torch._dynamo.config.recompile_limit = MAX_RECOMPILES
    # Data workers pass batches as open files, eight per micro-batch. The default limit is often 1,024.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(MAX_OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def _check_inputs(training: TrainingRun, base_model: BaseModel, world_size: int) -> None:
    """Check reporters, processes, machine, compiler, base model and DeepSpeed before data is read for hours.

    Raises:
        UserError: one of them is missing or invalid.
    """
    recipe = training.recipe
    reporters(recipe.report_to, training.work)
    if recipe.parallelism == "fsdp" and world_size == 1:
        raise UserError(
            'parallelism = "fsdp" needs several processes. Start with torchrun, or use parallelism = "ddp".'
        )
    mixed_precision(recipe)
    require_attention(recipe.model)
    require_bitsandbytes(recipe)
    base_model.require_outside(training.checkpoint)
    base_model.check()
    if recipe.model.torch_compile:
        require_compiler()
    if recipe.deepspeed:
        _check_deepspeed(training.workspace.root / recipe.deepspeed)


def _check_deepspeed(path: Path) -> None:
    if not path.is_file():
        raise UserError(f"No DeepSpeed config at {path}. Create it or remove `deepspeed` from the recipe.")
    content = read_json(path)
    for key in OF_RECIPE:
        if key in content:
            raise UserError(f"{path} has {key}, which the recipe sets in [stages.optimizer]. Remove it from the file.")
    if "gradient_clipping" not in content:  # DeepSpeed would not clip
        raise UserError(f'{path}: nothing would use max_grad_norm. Set gradient_clipping = "auto".')
    zero = content.get("zero_optimization", {})
    if zero.get("stage") == 3 and not zero.get(DEEPSPEED_GATHER):
        raise UserError(f"{path}: ZeRO stage 3 saves no weights. Set {DEEPSPEED_GATHER} = true in zero_optimization.")
    if importlib.util.find_spec("deepspeed") is None:
        raise UserError('deepspeed is not installed. Run `pip install deepspeed`, or use parallelism = "fsdp".')


def _measured(training: TrainingRun, corpora: list[Corpus], processor: LlavaNextProcessor) -> list[MeasuredSource]:
    with tempfile.TemporaryDirectory() as folder:
        key = processor_key(processor, Path(folder))
    cache, frozen = training.workspace.training_cache, FrozenSizes(training.work)
    return training_data.measure_all(corpora, processor, cache, key, training.reporter, frozen)


@contextlib.contextmanager
def _finishing(training: TrainingRun) -> Iterator[Path]:
    """Yield the folder of the result, which stands at its place only when it is whole. Then the work folder goes."""
    with atomic_folder(training.checkpoint) as folder:
        yield folder
        sync_tree(folder)
    sync(training.checkpoint.parent)
    resume.discard(training.work)


def _write_result(
    training: TrainingRun,
    model: PackedLlavaNext,
    processor: LlavaNextProcessor,
    data: TrainingData,
    fingerprint: dict[str, Any],
    base: str,
) -> None:
    """Write the checkpoint with its adapter, its logs and its record, all at once."""
    recipe = training.recipe
    held_out = sorted(training.inputs.held_out_languages)
    statements = model_card.statements(recipe, data.languages, held_out, training.inputs.base_record)
    model.to(getattr(torch, recipe.export_dtype))
    stages = [read_json(context.record) for context in training.stages]
    for one, trained in zip(recipe.stages, stages, strict=True):
        if not trained.get("stopped_early"):
            statements += training_data.count_notes(recipe, one, data.passes(one))
    card = model_card.text(recipe, statements, data.files, stages)
    with _finishing(training) as checkpoint:
        write_checkpoint(model, processor, checkpoint, card=card, license=recipe.license)
        adapter = checkpoint / adapter_export.FOLDER
        if reason := adapter_export.write(recipe, training.stage_weights, adapter, base=base):
            training.reporter.note(adapter_export.note(reason))
        (checkpoint / LOGS).mkdir(exist_ok=True)
        for context in training.stages:
            shutil.copy(context.log, checkpoint / LOGS)
        write_json(checkpoint / LOGS / BROKEN_IMAGES, data.broken_images)
        training_rows.write(training.inputs.training_exports, checkpoint / training_rows.FILE)
        record = {
            "name": recipe.name,
            "fingerprint": fingerprint,
            "recipe": recipe.model_dump(mode="json"),
            "seed": recipe.seed,
            "data": data.files,
            "languages": data.languages,
            "held_out_languages": held_out,
            "statements": statements,
            "broken_images": data.broken_by_reason,
            "stages": stages,
            "parameters": {
                part: sum(p.numel() for p in values) for part, values in build.parameter_groups(model).items()
            },
            "peak_memory_bytes": peak_memory_bytes(),
            "environment": environment(),
            "weights_sha256": {path.name: sha256_file(path) for path in sorted(checkpoint.glob("*.safetensors"))},
        }
        write_json(checkpoint / RECORD, record)
