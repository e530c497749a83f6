"""A training from recipe to checkpoint, stage by stage; killed anywhere, the same call goes on."""

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

from pangea_cultural import __version__
from pangea_cultural.console import Reporter
from pangea_cultural.errors import UserError
from pangea_cultural.files import read_json, sha256_file, write_json
from pangea_cultural.model import build
from pangea_cultural.model.export import export
from pangea_cultural.model.packed import PackedLlavaNext
from pangea_cultural.training import card, data, stage, trainer
from pangea_cultural.training.corpus import Corpus
from pangea_cultural.training.data import Data
from pangea_cultural.training.lengths import Measured
from pangea_cultural.training.processes import Processes
from pangea_cultural.training.recipe import Recipe
from pangea_cultural.training.reporters import reporters
from pangea_cultural.training.start import Start, processor_key
from pangea_cultural.workspace import Workspace

RECORD = "training.json"
LOGS = "logs"
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


def run(job: Job) -> dict[str, Any]:
    """Train, and give the record that lies beside the checkpoint as training.json.

    Under `torchrun` every process calls this; the first one prepares and writes for all.

    Raises:
        UserError: the data is not there or does not fit, what was begun was another training, or the loss is not a
            number any more.
    """
    processes = Processes()
    torch.set_num_threads(job.recipe.threads)
    _raise_limits()
    transformers.utils.logging.disable_progress_bar()  # one bar is enough, and it is ours
    _refuse_absent(job)
    job.work.mkdir(parents=True, exist_ok=True)
    corpora = processes.once(lambda: data.open_all(job.recipe, job.workspace.root, job.cache, job.reporter))
    sources = {str(s.path): c.key for s, c in zip(job.recipe.sources, corpora, strict=True)}
    begun = _begun(job, sources, processes.number)
    if (job.checkpoint / RECORD).is_file() and read_json(job.checkpoint / RECORD)["begun"] == begun:
        job.reporter.note(f"{job.recipe.name}: already trained")
        shutil.rmtree(job.work, ignore_errors=True)
        return read_json(job.checkpoint / RECORD)
    start = Start(job.recipe, job.workspace.root, job.work)
    processes.once(lambda: _prepare(job, begun, start, corpora))
    model, processor = start.make()
    measured = processes.once(lambda: _measured(job, corpora, processor))
    opened = Data(job.recipe, corpora, measured)
    opened.refuse_broken()
    for number, setting in enumerate(job.stages):
        is_new = not setting.record.is_file()
        if is_new:
            stage.train(setting, opened, model, processor, processes)
            processes.wait()
        if processes.is_main or number + 1 < len(job.recipe.stages):  # the others have nothing to export
            model = _whole(job, start, model, number) if is_new else model
            trainer.put(model, load_file(setting.weights))
    processes.once(lambda: _finish(job, model, processor, opened, begun))
    return read_json(job.checkpoint / RECORD)


def _whole(job: Job, start: Start, model: PackedLlavaNext, number: int) -> PackedLlavaNext:
    """The model as it was before a stage, on the CPU; after a sharded one it has to be made again."""
    gc.collect()  # what a trainer leaves holds itself: optimizer, shards and buckets
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if job.recipe.is_sharded:
        model = start.make()[0]
        for setting in job.stages[:number]:
            trainer.put(model, load_file(setting.weights))
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
        UserError: a reporter or DeepSpeed is not here.
    """
    reporters(job.recipe.report_to, job.work)
    if job.recipe.deepspeed:
        path = job.workspace.root / job.recipe.deepspeed
        if not path.is_file():
            raise UserError(f"no DeepSpeed configuration at {path}")
        zero = read_json(path).get("zero_optimization", {})
        if zero.get("stage") == 3 and not zero.get(GATHERS):
            raise UserError(f"{path}: stage 3 saves nothing without {GATHERS} = true in zero_optimization")
        if importlib.util.find_spec("deepspeed") is None:
            raise UserError('deepspeed is not installed: pip install deepspeed, or use FSDP (sharding = "full")')


def _prepare(job: Job, begun: dict[str, Any], start: Start, corpora: list[Corpus]) -> None:
    _refuse_another(job.work / "begun.json", begun)
    start.prepare(corpora)


def _measured(job: Job, corpora: list[Corpus], processor: LlavaNextProcessor) -> list[Measured]:
    with tempfile.TemporaryDirectory() as folder:
        key = processor_key(processor, Path(folder))
    return data.measure_all(corpora, processor, job.cache, key, job.reporter)


def _begun(job: Job, sources: dict[str, str], processes: int) -> dict[str, Any]:
    """What must be the same for a training to go on, and for its result to be the same."""
    return {
        "version": __version__,
        "processes": processes,
        "recipe": job.recipe.model_dump(mode="json"),
        "data": sources,
    }


def _refuse_another(path: Path, begun: dict[str, Any]) -> None:
    """Note what is begun; what was begun before must be the same.

    Raises:
        UserError: another training was stopped here; the message says what differs.
    """
    if not path.is_file():
        write_json(path, begun)
        return
    before = read_json(path)
    differences = list(_differences(before, begun))
    if differences:
        raise UserError(
            f"a training of this name was stopped that differs: {'; '.join(differences[:3])}. Call it with the same "
            "settings to go on, or with --anew to throw it away"
        )


def _differences(before: Any, now: Any, where: str = "") -> Any:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted(before.keys() | now.keys()):
            yield from _differences(before.get(key), now.get(key), f"{where}.{key}" if where else key)
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for number, (old, new) in enumerate(zip(before, now, strict=True)):
            yield from _differences(old, new, f"{where}[{number}]")
    elif before != now:
        yield f"{where} was {before}, now is {now}"


def _finish(
    job: Job, model: PackedLlavaNext, processor: LlavaNextProcessor, opened: Data, begun: dict[str, Any]
) -> None:
    recipe = job.recipe
    held_out = sorted(data.held_out(recipe, job.workspace.root))
    text = card.card(recipe, held_out, begun["data"])
    model.to(getattr(torch, recipe.export_precision))
    export(model, processor, job.checkpoint, card=text, licence=recipe.licence)
    (job.checkpoint / LOGS).mkdir(exist_ok=True)
    for setting in job.stages:
        shutil.copy(setting.log, job.checkpoint / LOGS)
    record = {
        "name": recipe.name,
        "begun": begun,
        "recipe": recipe.model_dump(mode="json"),
        "seed": recipe.seed,
        "data": begun["data"],
        "languages": list(recipe.languages),
        "held_out_languages": held_out,
        "statements": card.statements(recipe, held_out),
        "broken_pictures": opened.broken,
        "stages": [read_json(setting.record) for setting in job.stages],
        "parameters": {part: sum(p.numel() for p in values) for part, values in build.parts(model).items()},
        "peak_memory_bytes": card.peak_memory_bytes(),
        "environment": card.environment(),
        "weights_sha256": {path.name: sha256_file(path) for path in sorted(job.checkpoint.glob("*.safetensors"))},
    }
    write_json(job.checkpoint / RECORD, record)
    shutil.rmtree(job.work)
