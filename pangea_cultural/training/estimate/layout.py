"""How a stage will be laid out: steps, rows, tokens and images.

Counted where the data is on this machine, assumed where it is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import NamedTuple

import numpy as np

from pangea_cultural.errors import UserError
from pangea_cultural.training.batching import packing
from pangea_cultural.training.batching.lengths import MeasuredSource
from pangea_cultural.training.batching.mixture import Schedule, SourceQuestions
from pangea_cultural.training.batching.packing import Lengths, Segment
from pangea_cultural.training.batching.training_data import TrainingData
from pangea_cultural.training.data.sources.config import Source, SourceEstimate
from pangea_cultural.training.data.types import Group
from pangea_cultural.training.estimate import assumptions
from pangea_cultural.training.estimate.assumptions import TEXTS, thinned
from pangea_cultural.training.estimate.inputs import Sources
from pangea_cultural.training.estimate.memory import Batch, Step
from pangea_cultural.training.estimate.meta_model import Blueprint
from pangea_cultural.training.recipe import Stage
from pangea_cultural.utils.images import read_size
from pangea_cultural.utils.sampling import evenly_spaced

LAID_OUT_STEPS = 500
"""Of so many steps the rows are laid out; what they hold is scaled to all steps."""


@dataclass(frozen=True)
class Held:
    """What rows hold.

    Args:
        rows: how many.
        questions: in them.
        images: shown.
        tokens: of all kinds.
        image_tokens: of images that are shared.
        tokens_apart: of all kinds, if each question had a row of its own.
        image_tokens_apart: of images, if each question had a row of its own.
        targets: tokens that are predicted.
        pairs: of positions that see each other.
        tiles: of images.
    """

    rows: int = 0
    questions: int = 0
    images: int = 0
    tokens: int = 0
    image_tokens: int = 0
    tokens_apart: int = 0
    image_tokens_apart: int = 0
    targets: int = 0
    pairs: int = 0
    tiles: int = 0

    def __add__(self, other: "Held") -> "Held":
        return Held(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


@dataclass(frozen=True)
class Outline:
    """A stage in figures.

    Args:
        steps: of the optimizer.
        questions: of all steps.
        laid_out: steps of which the rows are known.
        held: what these steps hold.
        step: what a device does in the fullest of them.
    """

    steps: int
    questions: int
    laid_out: int
    held: Held
    step: Step

    def total(self, name: str) -> int:
        """A figure of `Held` for all steps."""
        return round(getattr(self.held, name) * self.questions / self.held.questions)


class Seen(NamedTuple):
    """What only a look into a group tells: images, their tiles, and the targets of each conversation."""

    images: int
    tiles: int
    targets: np.ndarray


class Outliner:
    """Lays stages out.

    Args:
        sources: opened.
        measured: those that are here.
        blueprint: of the model.
        devices: how many train together.
    """

    def __init__(self, sources: Sources, measured: list[MeasuredSource], blueprint: Blueprint, devices: int) -> None:
        self.data = TrainingData(sources.here, sources.corpora, measured)
        self._absent = sources.absent
        self._blueprint = blueprint
        self._devices = devices
        self._seen = cache(self._look)

    def outline(self, stage: Stage) -> Outline:
        """A stage in figures.

        What is assumed is not made in full: of all sources one group in so many is taken, and so many steps fewer.

        Raises:
            UserError: there is nothing to learn, or what is assumed does not fit into a row.
        """
        here = self.data.source_questions(stage)
        questions = self._questions(here, stage)
        every = max(1, questions // (LAID_OUT_STEPS * stage.batch.global_batch_size)) if self._absent else 1
        counted = [measured.lengths for measured in self.data.measured]
        guessed = [self._assumed(guess, stage, every) for _, guess in self._absent]
        candidates = [thinned(source, every) for source in here]
        for (source, _), own in zip(self._absent, guessed, strict=True):
            candidates.append(_candidates(source, own, stage, every))
        if not any(source.usable.any() for source in candidates):
            raise UserError(f"stage {stage.name}: no image has an English name (property `label`) to learn from")
        fewer = stage.model_copy(update={"steps": stage.steps and max(1, stage.steps // every)})
        plan = self.data.schedule(fewer, candidates)
        lengths = [*counted, *guessed]
        if every == 1:
            return self._laid_out(stage, plan, lengths, plan.num_steps, plan.num_questions)
        return self._laid_out(stage, plan, lengths, -(-questions // stage.batch.global_batch_size), questions)

    def _questions(self, here: list[SourceQuestions], stage: Stage) -> int:
        """About how many questions a stage learns."""
        if stage.steps:
            return stage.steps * stage.batch.global_batch_size
        assert stage.epochs is not None, "a recipe has either steps or epochs"
        counted = [source.count or int(source.usable.sum()) for source in here]
        guessed = [_learnable(source, guess, stage) for source, guess in self._absent]
        return stage.epochs * sum(counted + guessed)

    def _assumed(self, source: SourceEstimate, stage: Stage, every: int) -> Lengths:
        made = assumptions.lengths(source, self._blueprint.image_tokens.count(source.image_px), every)
        longest = int(made.prefix[0] + made.conversations[0])
        if longest > stage.batch.max_length and stage.objective == "sft":
            raise UserError(
                f"stage {stage.name}: a question that is assumed has {longest} tokens with its image, and max_length "
                f"is {stage.batch.max_length}: raise it, or change the source's estimate"
            )
        return made

    def _laid_out(self, stage: Stage, plan: Schedule, own: Sequence[Lengths], steps: int, questions: int) -> Outline:
        if stage.objective == "contrastive":
            held, step = _images_alone(stage, plan.num_questions, self._devices)
            return Outline(steps, questions, plan.num_steps, held, step)
        chosen = evenly_spaced(plan.num_steps, LAID_OUT_STEPS)
        held, fullest = Held(), Step(Batch(0, 0, 0, 0), 0, self._devices)
        for number in chosen:
            rows = packing.pack_rows(
                plan.step(number), own, packing=stage.batch.packing, max_length=stage.batch.max_length
            )
            seen = [sum((self._part(part, own) for part in row), Held(rows=1)) for row in rows]
            dealt = packing.distribute(
                seen, processes=self._devices, per_device_batch_size=stage.memory.per_device_batch_size
            )
            batches = [_batch(batch) for device in dealt for batch in device if batch]
            largest = max([fullest.largest, *batches], key=lambda batch: batch.tokens)
            fullest = Step(largest, max(fullest.micro_batches, len(dealt[0])), self._devices)
            held = sum(seen, held)
        return Outline(steps, questions, len(chosen), held, fullest)

    def _part(self, part: Segment, own: Sequence[Lengths]) -> Held:
        source, group, number = own[part.chunk.source], part.chunk.group, len(part.conversations)
        prefix, image = int(source.prefix[group]), int(source.image[group])
        tokens = source.conversations[source.starts[group] + part.conversations].astype(np.int64)
        seen = self._seen(part.chunk.source, group, int(source.starts[group + 1] - source.starts[group]))
        return Held(
            questions=number,
            images=seen.images,
            tokens=part.length,
            image_tokens=image,
            tokens_apart=part.length + (number - 1) * prefix,
            image_tokens_apart=image * number,
            targets=int(seen.targets[part.conversations].sum()),
            pairs=prefix * (prefix + 1) // 2 + int((tokens * prefix + tokens * (tokens + 1) // 2).sum()),
            tiles=seen.tiles,
        )

    def _look(self, source: int, group: int, size: int) -> Seen:
        """A group, which has `size` conversations; in a training it comes more than once."""
        number = source - len(self.data.corpora)
        if number >= 0:
            guess = self._absent[number][1]
            tiles = self._blueprint.tiles(guess.image_px) if guess.images else 0
            return Seen(int(guess.images > 0), tiles, np.full(size, assumptions.targets(guess)))
        found = self.data.corpora[source].group(group)
        tiles = sum(self._blueprint.tiles(read_size(path)) for path in found.images)
        return Seen(len(found.images), tiles, np.array(self._targets(source, found)))

    def _targets(self, source: int, group: Group) -> list[int]:
        """Of each conversation of a group."""
        template = self._blueprint.template
        if template is None:
            return [assumptions.targets(self.data.recipe.sources[source].estimate or TEXTS)] * len(group.conversations)
        learnt = [
            [span for span in template.spans(conversation.turns, num_images=len(group.images)) if span.is_target]
            for conversation in group.conversations
        ]
        texts = iter(template.encode([span.text for spans in learnt for span in spans if span.text]))
        return [sum(len(next(texts)) if span.text else len(span.token_ids) for span in spans) for spans in learnt]


def _learnable(source: Source, guess: SourceEstimate, stage: Stage) -> int:
    """How much an assumed source gives to an epoch: questions, or images with a name, which only exports know."""
    if stage.objective == "sft":
        return source.count or guess.questions
    return guess.images if source.type == "export" else 0


def _candidates(source: Source, own: Lengths, stage: Stage, every: int) -> SourceQuestions:
    """What an assumed source offers; weights as `Data` takes them."""
    if stage.objective == "contrastive":
        groups, has_names = len(own.image), source.type == "export"
        weight = source.share if has_names else 0.0
        return SourceQuestions(np.arange(groups + 1), np.full(groups, has_names), weight)
    count = None if source.count is None else -(-source.count // every)
    return SourceQuestions(own.starts, np.ones(len(own.conversations), bool), source.share, count)


def _images_alone(stage: Stage, number: int, devices: int) -> tuple[Held, Step]:
    """Of the objective `contrastive`: every image is a question, shown as its overview."""
    each = -(-stage.batch.global_batch_size // devices)
    rows = min(each, stage.memory.per_device_batch_size)
    held = Held(rows=number, questions=number, images=number, tiles=number)
    return held, Step(Batch(rows, 0, 0, rows), -(-each // stage.memory.per_device_batch_size), devices)


def _batch(rows: Sequence[Held]) -> Batch:
    return Batch(
        rows=len(rows),
        length=max(row.tokens for row in rows),
        targets=sum(row.targets for row in rows),
        tiles=sum(row.tiles for row in rows),
    )
