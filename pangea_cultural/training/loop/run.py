"""A training from recipe to checkpoint, stage by stage; killed anywhere, the same call goes on."""

import contextlib
import gc
import importlib.util
import resource
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file
from transformers import LlavaNextProcessor

from pangea_cultural.dataset.export import Export
from pangea_cultural.errors import UserError
from pangea_cultural.model import build
from pangea_cultural.model.checkpoint import save_checkpoint
from pangea_cultural.model.modeling import PackedLlavaNext
from pangea_cultural.training.batching import lengths, training_data
from pangea_cultural.training.batching.lengths import Measured
from pangea_cultural.training.batching.training_data import Data
from pangea_cultural.training.data.corpus import Corpus
from pangea_cultural.training.loop import checkpoints, model_card, resume, stage
from pangea_cultural.training.loop.distributed import Processes
from pangea_cultural.training.loop.reporters import reporters
from pangea_cultural.training.recipe import Recipe
from pangea_cultural.training.setup.base_model import Start, processor_key
from pangea_cultural.utils.console import Reporter
from pangea_cultural.utils.environment import peak_memory_bytes
from pangea_cultural.utils.files import read_json, restore_folder, sha256_file, write_json
from pangea_cultural.workspace import Workspace

RECORD = "training.json"
LOGS = "logs"
BROKEN = "broken-images.json"
"""Among the logs: every image that was missing or broken before the first step, and why."""
MOST_FILES = 65536
MOST_COMPILED = 64
GATHERS = "stage3_gather_16bit_weights_on_model_save"


@dataclass(frozen=True)
class Job:
    """A training under way; of several processes each has its own."""

    recipe: Recipe
    workspace: Workspace
    reporter: Reporter

    @property
    def checkpoint(self) -> Path:
        """Where the finished model goes."""
        return self.workspace.checkpoints / self.recipe.name

    @property
    def work(self) -> Path:
        """What is needed to go on after a kill; removed at the end."""
        return self.workspace.checkpoints / f".{self.recipe.name}.work"

    @property
    def cache(self) -> Path:
        """Sources as they were read and measured; may be deleted at any time between trainings."""
        return self.workspace.root / "cache" / "training"

    @property
    def stages(self) -> list[stage.Setting]:
        """The stages of the recipe, in order."""
        where = (self.work, self.workspace.root, self.reporter)
        return [stage.Setting(self.recipe, number, *where) for number in range(len(self.recipe.stages))]


def run(job: Job, *, anew: bool = False, overwrite: bool = False) -> dict[str, Any]:
    """Train, and give the record that lies beside the checkpoint as training.json.

    Under `torchrun` every process calls this; the first one prepares and writes for all.

    Args:
        job: what to train, and where.
        anew: begin from the start, whatever was begun or finished; what is finished stays until it is replaced.
        overwrite: replace a finished checkpoint that was trained otherwise.

    Raises:
        UserError: the data is not there or does not fit, what was begun or finished was another training, or the loss
            is not a number any more.
    """
    processes = Processes()
    torch.set_num_threads(job.recipe.num_threads)
    _raise_limits()
    transformers.utils.logging.disable_progress_bar()  # one bar is enough, and it is ours
    transformers.utils.logging.set_verbosity_error()  # or it warns of what may change on the way
    _refuse_absent(job)
    with contextlib.ExitStack() as stack:
        processes.once(lambda: stack.enter_context(resume.alone(job.work)))
        return _run(job, processes, anew=anew, overwrite=overwrite)


def _run(job: Job, processes: Processes, *, anew: bool, overwrite: bool) -> dict[str, Any]:
    corpora = processes.once(lambda: training_data.open_all(job.recipe, job.workspace.root, job.cache, job.reporter))
    start = Start(job.recipe, job.workspace.root, job.work)
    terms = processes.once(lambda: _terms(job, corpora, start, processes.number))
    if anew:
        processes.once(lambda: resume.discard(job.work))
    elif processes.once(lambda: _is_done(job, terms, overwrite=overwrite)):
        return read_json(job.checkpoint / RECORD)
    processes.once(lambda: _prepare(job, terms, start, corpora))
    model, processor = start.make()
    measured = processes.once(lambda: _measured(job, corpora, processor))
    opened = Data(job.recipe, corpora, measured)
    opened.refuse_broken()
    for number, setting in enumerate(job.stages):
        is_new = not processes.once(setting.record.is_file)
        if is_new:
            stage.train(setting, opened, model, processor, processes)
            processes.wait()
        goes_on = number + 1 < len(job.recipe.stages)
        if goes_on or processes.is_main:  # which exports
            model = _whole(job, start, model, number) if is_new else model
            checkpoints.put(model, load_file(setting.weights))
    processes.once(lambda: _finish(job, model, processor, opened, terms))
    return read_json(job.checkpoint / RECORD)


def _terms(job: Job, corpora: list[Corpus], start: Start, processes: int) -> dict[str, Any]:
    path = job.recipe.deepspeed
    return resume.terms(
        job.recipe,
        data=dict(zip(training_data.source_names(job.recipe.sources), [corpus.key for corpus in corpora], strict=True)),
        start=start.contents(),
        deepspeed=read_json(job.workspace.root / path) if path else None,
        processes=processes,
    )


def _is_done(job: Job, terms: dict[str, Any], *, overwrite: bool) -> bool:
    """Whether the checkpoint is there already.

    Raises:
        UserError: it was trained otherwise.
    """
    restore_folder(job.checkpoint)
    record = job.checkpoint / RECORD
    if not record.is_file() or resume.is_under_way(job.work, terms):
        return False
    found = resume.differences(read_json(record)["begun"], terms)
    if not found:
        job.reporter.note(f"{job.recipe.name}: already trained")
    elif not overwrite:
        raise UserError(
            f"{job.checkpoint} was trained otherwise ({'; '.join(found[:3])}): give the recipe another name, or "
            "--overwrite to replace it"
        )
    return not found


def _whole(job: Job, start: Start, model: PackedLlavaNext, number: int) -> PackedLlavaNext:
    """The model as it was before a stage, on the CPU; after a sharded one it has to be made again."""
    gc.collect()  # what a trainer leaves holds itself: optimizer, shards and buckets
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if job.recipe.is_sharded:
        model = start.make()[0]
        for setting in job.stages[:number]:
            checkpoints.put(model, load_file(setting.weights))
    return model


def _raise_limits() -> None:
    # FlexAttention is compiled for a few shapes each in training, validation and generation; after the eighth, torch
    # would compute all scores instead, in full.
    torch._dynamo.config.recompile_limit = MOST_COMPILED
    # Workers hand batches over as open files, eight for each micro-batch; many systems allow 1,024 unless asked.
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if most == resource.RLIM_INFINITY else min(MOST_FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(now, wanted), most))


def _refuse_absent(job: Job) -> None:
    """Find out before hours of reading what would stop the training.

    Raises:
        UserError: a reporter, DeepSpeed, what the model starts from or the validation's export is not here.
    """
    reporters(job.recipe.report_to, job.work)
    Start(job.recipe, job.workspace.root, job.work).refuse_absent()
    if job.recipe.validation:
        Export.open(job.workspace.root / job.recipe.validation.path)
    if job.recipe.deepspeed:
        path = job.workspace.root / job.recipe.deepspeed
        if not path.is_file():
            raise UserError(f"no DeepSpeed configuration at {path}")
        zero = read_json(path).get("zero_optimization", {})
        if zero.get("stage") == 3 and not zero.get(GATHERS):
            raise UserError(f"{path}: stage 3 saves nothing without {GATHERS} = true in zero_optimization")
        if importlib.util.find_spec("deepspeed") is None:
            raise UserError('deepspeed is not installed: pip install deepspeed, or use FSDP (parallelism = "fsdp")')


def _prepare(job: Job, terms: dict[str, Any], start: Start, corpora: list[Corpus]) -> None:
    resume.hold(job.work, terms)
    start.prepare(corpora)


def _measured(job: Job, corpora: list[Corpus], processor: LlavaNextProcessor) -> list[Measured]:
    with tempfile.TemporaryDirectory() as folder:
        key = processor_key(processor, Path(folder))
    measured = training_data.measure_all(corpora, processor, job.cache, key, job.reporter)
    return lengths.left_out_since(job.work, measured)


def _finish(
    job: Job, model: PackedLlavaNext, processor: LlavaNextProcessor, opened: Data, terms: dict[str, Any]
) -> None:
    recipe = job.recipe
    held_out = sorted(training_data.held_out(recipe, job.workspace.root))
    statements = model_card.statements(recipe, opened.languages, held_out)
    model.to(getattr(torch, recipe.export_dtype))
    save_checkpoint(
        model, processor, job.checkpoint, card=model_card.card(recipe, statements, opened.files), license=recipe.license
    )
    (job.checkpoint / LOGS).mkdir(exist_ok=True)
    for setting in job.stages:
        shutil.copy(setting.log, job.checkpoint / LOGS)
    write_json(job.checkpoint / LOGS / BROKEN, opened.problems)
    record = {
        "name": recipe.name,
        "begun": terms,
        "recipe": recipe.model_dump(mode="json"),
        "seed": recipe.seed,
        "data": opened.files,
        "languages": opened.languages,
        "held_out_languages": held_out,
        "statements": statements,
        "broken_images": opened.broken,
        "stages": [read_json(setting.record) for setting in job.stages],
        "parameters": {part: sum(p.numel() for p in values) for part, values in build.parameter_groups(model).items()},
        "peak_memory_bytes": peak_memory_bytes(),
        "environment": model_card.environment(),
        "weights_sha256": {path.name: sha256_file(path) for path in sorted(job.checkpoint.glob("*.safetensors"))},
    }
    write_json(job.checkpoint / RECORD, record)
    resume.discard(job.work)
