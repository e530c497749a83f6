"""A training from recipe to checkpoint, stage by stage; killed anywhere, the same call goes on."""

import hashlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import orjson
import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoTokenizer, LlavaNextProcessor

from pangea_cultural import __version__
from pangea_cultural.console import Reporter
from pangea_cultural.errors import UserError
from pangea_cultural.export import MANIFEST, SPLITS, Export
from pangea_cultural.files import atomic_path, read_json, sha256_file, write_json
from pangea_cultural.model import build, processor, tokenizer
from pangea_cultural.model.export import export
from pangea_cultural.model.packed import PackedLlavaNext
from pangea_cultural.training import card, mixture, trainer
from pangea_cultural.training.collate import AnswerBatches, CaptionBatches
from pangea_cultural.training.contrastive import Contrastive
from pangea_cultural.training.mixture import Group
from pangea_cultural.training.recipe import Recipe, Stage
from pangea_cultural.training.vary import Vary
from pangea_cultural.workspace import Workspace

RECORD = "training.json"


@dataclass(frozen=True)
class Job:
    """A training under way."""

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


def run(job: Job) -> dict:
    """Train, and give the record that lies beside the checkpoint as training.json.

    Raises:
        UserError: the data is not there or does not fit, or the loss is not a number any more.
    """
    data = _data_hashes(job)
    wanted = _fingerprint(job.recipe, data)
    if (job.checkpoint / RECORD).is_file() and read_json(job.checkpoint / RECORD)["fingerprint"] == wanted:
        job.reporter.note(f"{job.recipe.name}: already trained")
        return read_json(job.checkpoint / RECORD)
    _prepare_work(job, wanted)
    torch.set_num_threads(job.recipe.threads)
    transformers.utils.logging.disable_progress_bar()  # one bar is enough, and it is ours
    sources = mixture.load(job.recipe, job.workspace.root)
    model, model_processor = _start(job, sources)
    records = [_stage(job, number, model, model_processor, sources) for number in range(len(job.recipe.stages))]
    return _finish(job, model, model_processor, data | {"fingerprint": wanted}, records)


def _data_hashes(job: Job) -> dict[str, str]:
    hashes = {}
    for source in job.recipe.sources:
        path = job.workspace.root / source.path
        if source.kind == "export":
            Export.open(path)
            path = path / MANIFEST
        if not path.is_file():
            raise UserError(f"no data at {path}: `pcult data general {path.parent}` makes general questions")
        hashes[str(source.path)] = sha256_file(path)
    return hashes


def _fingerprint(recipe: Recipe, data: dict[str, str]) -> str:
    return hashlib.sha256(orjson.dumps([__version__, recipe.model_dump(mode="json"), data])).hexdigest()


def _prepare_work(job: Job, wanted: str) -> None:
    """Keep the work of a killed run of the same training; throw away another's."""
    mark = job.work / "fingerprint"
    if job.work.exists() and not (mark.is_file() and mark.read_text() == wanted):
        job.reporter.note(f"{job.recipe.name}: recipe or data have changed, starting anew")
        shutil.rmtree(job.work)
    job.work.mkdir(parents=True, exist_ok=True)
    mark.write_text(wanted)


def _start(job: Job, sources: list[list[Group]]) -> tuple[PackedLlavaNext, LlavaNextProcessor]:
    start = job.recipe.model
    if start.checkpoint:
        loaded, info = PackedLlavaNext.from_pretrained(start.checkpoint, output_loading_info=True)
        wrong = {key: value for key, value in info.items() if value}
        if wrong:
            raise UserError(f"{start.checkpoint} is no complete LLaVA-NeXT checkpoint: {wrong}")
        return loaded, processor.load(Path(start.checkpoint))
    size = build.size_table(start.size)
    folder = job.work / "tokenizer"
    if not folder.exists():
        words = tokenizer.train(
            _texts(job, sources), vocabulary=start.vocabulary, max_length=size["text"]["max_position_embeddings"]
        )
        partial = job.work / "tokenizer.partial"
        words.save_pretrained(partial)
        partial.rename(folder)
    words = AutoTokenizer.from_pretrained(folder)
    model = build.build(start.size, words, seed=job.recipe.seed)
    return model, processor.processor(model.config, words)


def _texts(job: Job, sources: list[list[Group]]) -> list[str]:
    """Texts for the tokenizer: all of training, and the exports' other splits in training and held-out languages."""
    texts = [text for groups in sources for g in groups for c in g.conversations for turn in c.turns for text in turn]
    for source in job.recipe.sources:
        if source.kind == "export":
            opened = Export.open(job.workspace.root / source.path)
            wanted = {*job.recipe.languages, *opened.held_out_languages}
            for split in SPLITS[1:]:
                rows = (row for row in opened.questions(split) if not job.recipe.languages or row.language in wanted)
                texts += [text for row in rows for text in (row.question, row.answer)]
    return texts


def _stage(
    job: Job, number: int, model: PackedLlavaNext, model_processor: LlavaNextProcessor, sources: list[list[Group]]
) -> dict:
    """Train a stage, or load what an earlier run has left of it; gives its record."""
    stage = job.recipe.stages[number]
    record, weights = job.work / f"{number}-{stage.name}.json", job.work / f"{number}-{stage.name}.safetensors"
    if record.is_file():
        trainer.load_weights(model, weights)
        return read_json(record)
    began = time.monotonic()
    learnt, collate, groups, frozen = _objective(job.recipe, stage, model, model_processor, sources)
    folder = job.work / f"{number}-{stage.name}"
    resumed = trainer.last_complete(folder)
    with job.reporter.bar(f"train: {stage.name}", stage.steps, "steps") as bar:
        loop = trainer.StageTrainer(
            model=learnt,
            args=trainer.arguments(stage, folder, seed=job.recipe.seed),
            data_collator=collate,
            train_dataset=trainer.Plan(groups),
            callbacks=[trainer.Watch(bar)],
            frozen=frozen,
        )
        loop.train(resume_from_checkpoint=str(resumed) if resumed else None)
    with atomic_path(weights) as temporary:
        save_file({name: value.detach().contiguous() for name, value in model.named_parameters()}, temporary)
    result = {
        "stage": stage.name,
        "seconds": time.monotonic() - began,
        "questions": loop.num_questions,
        "resumed_from": resumed.name if resumed else None,
        "log": [{k: e[k] for k in ("step", "loss", "learning_rate")} for e in loop.state.log_history if "loss" in e],
    }
    write_json(record, result)
    shutil.rmtree(folder, ignore_errors=True)
    return result


def _objective(
    recipe: Recipe,
    stage: Stage,
    model: PackedLlavaNext,
    model_processor: LlavaNextProcessor,
    sources: list[list[Group]],
) -> tuple[torch.nn.Module, Callable, list[Group], list[torch.nn.Module]]:
    """What learns, how batches are made, in which order, and which modules are frozen."""
    frozen = _freeze(model, stage)
    vary = Vary(f"{recipe.seed} {stage.name}") if stage.vary_pictures else None
    if stage.objective == "answers":
        return model, AnswerBatches(model_processor, vary), mixture.plan(sources, recipe, stage), frozen
    named = [[group for group in groups if group.caption and group.image] for groups in sources]
    captions = sorted({group.caption for groups in named for group in groups})
    if not captions:
        raise UserError(f"stage {stage.name}: no picture has an English name (property `label`) to learn from")
    # Sources without names, such as general questions, have no part in this stage.
    kept = [n for n, groups in enumerate(named) if groups]
    narrowed = recipe.model_copy(update={"sources": tuple(recipe.sources[n] for n in kept)})
    groups = mixture.plan([named[n] for n in kept], narrowed, stage)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        learnt = Contrastive(model, model_processor.tokenizer, captions)
    return learnt, CaptionBatches(model_processor, captions, vary), groups, frozen


def _freeze(model: PackedLlavaNext, stage: Stage) -> list[torch.nn.Module]:
    for part, parameters in build.parts(model).items():
        for parameter in parameters:
            parameter.requires_grad_(part in stage.train)
    if stage.objective == "contrastive":
        # The names are learnt with the pictures: input embeddings, and nothing else of the language model.
        model.get_input_embeddings().weight.requires_grad_(True)
    return [] if "tower" in stage.train else [model.model.vision_tower]


def _finish(
    job: Job, model: PackedLlavaNext, model_processor: LlavaNextProcessor, data: dict[str, str], records: list[dict]
) -> dict:
    fingerprint = data.pop("fingerprint")
    held_out = sorted(mixture._held_out(job.recipe, job.workspace.root))
    text = card.card(job.recipe, held_out, data)
    export(model, model_processor, job.checkpoint, card=text, licence=job.recipe.licence)
    record = {
        "name": job.recipe.name,
        "fingerprint": fingerprint,
        "recipe": job.recipe.model_dump(mode="json"),
        "seed": job.recipe.seed,
        "data": data,
        "languages": list(job.recipe.languages),
        "held_out_languages": held_out,
        "statements": card.statements(job.recipe, held_out),
        "stages": records,
        "parameters": {part: sum(p.numel() for p in values) for part, values in build.parts(model).items()},
        "peak_memory_bytes": card.peak_memory_bytes(),
        "environment": card.environment(),
        "weights_sha256": sha256_file(job.checkpoint / "model.safetensors"),
    }
    write_json(job.checkpoint / RECORD, record)
    shutil.rmtree(job.work)
    return record
