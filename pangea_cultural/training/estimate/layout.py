"""Layout of a stage: its steps, rows, tokens and images, counted on present data and assumed for missing data."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import numpy as np

from pangea_cultural.errors import UserError
from pangea_cultural.model.attention.masks import row_multiple
from pangea_cultural.training.batching.layout import pair_work
from pangea_cultural.training.batching.lengths import MeasuredSource
from pangea_cultural.training.batching.mixture import Schedule, SourceQuestions
from pangea_cultural.training.batching.packing import Lengths, PackedRow, Segment, bundles, row_length
from pangea_cultural.training.batching.training_data import TrainingData, stage_layout, stage_passes
from pangea_cultural.training.data.sources.config import Source, SourceEstimate
from pangea_cultural.training.data.types import Group
from pangea_cultural.training.estimate.inputs import (
    DEFAULT_TEXTS,
    Sources,
    assumed_lengths,
    subsample,
    target_tokens,
)
from pangea_cultural.training.estimate.meta_model import MetaModel
from pangea_cultural.training.estimate.workload import DeviceWork, MicroBatchShape, StepShape, Workload
from pangea_cultural.training.recipe import Stage
from pangea_cultural.training.setup.base_model import planned_attention
from pangea_cultural.utils.images import read_size
from pangea_cultural.utils.sampling import evenly_spaced

Cost = Callable[[Workload], float]
MAX_SAMPLED_STEPS = 500
"""Most steps whose rows are laid out. Their workload is scaled to all steps."""


@dataclass(frozen=True)
class StageEstimate:
    """Figures of a stage.

    Args:
        steps: optimizer steps.
        questions: questions of all steps.
        sampled_steps: steps whose rows were laid out.
        sampled: the workload of these steps.
        step: shape of the largest of these steps.
        work: work on the devices in these steps.
        passes: how often a question of each source is trained, on average; present sources first.
    """

    steps: int
    questions: int
    sampled_steps: int
    sampled: Workload
    step: StepShape
    work: DeviceWork
    passes: list[float]

    @property
    def total(self) -> Workload:
        """The workload of all steps."""
        return self.sampled.scaled_to(self.questions)


class StageSchedule(NamedTuple):
    """Steps of a stage, or of a part of it."""

    schedule: Schedule
    lengths: list[Lengths]
    """Lengths of the sources, present ones first."""
    questions: int
    """Approximate number of questions of the whole stage."""
    is_whole: bool
    """Whether all groups are in the schedule."""
    passes: list[float]
    """Passes over each source."""


class GroupContents(NamedTuple):
    """Images, their tiles, and the target tokens of each conversation of a group."""

    images: int
    tiles: int
    targets: np.ndarray


class StageEstimator:
    """Lays out stages.

    Args:
        sources: the sources of the recipe.
        measured: lengths of the present sources.
        model: the base model.
        devices: number of devices that train together.
    """

    def __init__(self, sources: Sources, measured: list[MeasuredSource], model: MetaModel, devices: int) -> None:
        self.data = TrainingData(sources.inputs.recipe, sources.corpora, measured)
        self._missing = sources.missing
        self._model = model
        self._devices = devices
        self._contents = cache(self._read_contents)

    def estimate(self, stage: Stage, cost: Cost) -> StageEstimate:
        """Estimate a stage; `cost` returns the operations of a workload, and so decides which device is the slowest.

        Raises:
            UserError: no question is usable, no image has a name, or an assumed question is longer than a row.
        """
        planned = self.schedule(stage)
        schedule, batch_size = planned.schedule, stage.batch.global_batch_size
        steps, questions = -(-planned.questions // batch_size), planned.questions
        if planned.is_whole:
            steps, questions = schedule.num_steps, schedule.num_questions
        if stage.objective == "contrastive":
            sampled = Workload(**dict.fromkeys(("rows", "questions", "images", "tiles"), schedule.num_questions))
            per_device, per_pass = -(-batch_size // self._devices), stage.memory.per_device_batch_size
            tiles = min(per_device, per_pass)  # each image is a row of its overview tile, without text
            step = StepShape(MicroBatchShape(tiles, 0, 0, tiles), -(-per_device // per_pass), self._devices)
            each = schedule.num_steps * per_device
            work = DeviceWork(
                Workload(rows=each, images=each, tiles=each),
                sampled,
                schedule.num_steps * step.micro_batches,
                schedule.num_steps * max(0, self._devices - batch_size),
                schedule.num_questions,
            )
            return StageEstimate(steps, questions, schedule.num_steps, sampled, step, work, planned.passes)
        chosen = evenly_spaced(schedule.num_steps, MAX_SAMPLED_STEPS)
        sampled, step, work = self._lay_out(stage, schedule, chosen, planned.lengths, cost)
        return StageEstimate(steps, questions, len(chosen), sampled, step, work, planned.passes)

    def schedule(self, stage: Stage) -> StageSchedule:
        """Return the schedule of a stage.

        Missing data is not laid out in full: one group in `every` is taken from all sources, and as many fewer steps.

        Raises:
            UserError: as `estimate`.
        """
        present = self.data.source_questions(stage)
        questions, batch_size = self._num_questions(present, stage), stage.batch.global_batch_size
        every = max(1, questions // (MAX_SAMPLED_STEPS * batch_size)) if self._missing else 1
        assumed = [self._assumed_lengths(estimate, stage, every) for _, estimate in self._missing]
        usable = [subsample(source, every) for source in present]
        for (source, _), lengths in zip(self._missing, assumed, strict=True):
            usable.append(_assumed_questions(source, lengths, stage, every))
        if not any(source.usable.any() for source in usable):
            raise UserError(
                f"Stage {stage.name} is contrastive, but no image has an English name. "
                "Add questions of property `label`."
            )
        shorter = stage.model_copy(update={"steps": stage.steps and max(1, stage.steps // every)})
        return StageSchedule(
            self.data.schedule(shorter, usable),
            [*(source.lengths for source in self.data.measured), *assumed],
            questions,
            every == 1,
            stage_passes(usable, shorter),
        )

    def _num_questions(self, present: list[SourceQuestions], stage: Stage) -> int:
        """Return the approximate number of questions of a stage."""
        if stage.steps:
            return stage.steps * stage.batch.global_batch_size
        assert stage.epochs is not None, "a stage has either steps or epochs"
        counted = [source.count or int(source.usable.sum()) for source in present]
        assumed = [_assumed_per_epoch(source, estimate, stage) for source, estimate in self._missing]
        return stage.epochs * sum(counted + assumed)

    def _assumed_lengths(self, estimate: SourceEstimate, stage: Stage, every: int) -> Lengths:
        lengths = assumed_lengths(estimate, self._model.image_tokens.count(estimate.image_px), every)
        longest = int(lengths.prefix[0] + lengths.conversations[0])
        if longest > stage.batch.max_length and stage.objective == "sft":
            raise UserError(
                f"Stage {stage.name}: an assumed question has {longest} tokens with its image, but max_length is "
                f"{stage.batch.max_length}. Raise max_length, or lower the source's estimate."
            )
        return lengths

    def _lay_out(
        self, stage: Stage, schedule: Schedule, chosen: np.ndarray, lengths: Sequence[Lengths], cost: Cost
    ) -> tuple[Workload, StepShape, DeviceWork]:
        """Return the workload of the chosen steps, the largest of them, and the work on the devices."""
        workload, largest, micro_batches = Workload(), MicroBatchShape(0, 0, 0, 0), 0
        work, batch = DeviceWork(), stage.batch
        recipe = self.data.recipe
        context = recipe.context_size(self._devices)
        multiple = row_multiple(planned_attention(recipe.model), context)
        layout = stage_layout(stage, self._devices, pair_work(self._model.model.config.text_config), context)
        for number in chosen:
            chunks = schedule.step(number)
            whole = list(bundles(chunks, lengths, batch.packing, layout.max_length))
            division = _Division(context, multiple, max(map(row_length, whole)))
            devices = [
                [[self._row_workload(row, lengths) for row in batch] for batch in device]
                for device in layout.batches(chunks, lengths)
            ]
            shapes = [division.shape(batch) for device in devices for batch in device if batch]
            largest = max([largest, *shapes], key=lambda shape: shape.tokens)
            micro_batches = max(micro_batches, len(devices[0]))
            workload = sum((row for device in devices for batch in device for row in batch), workload)
            even = sum((self._workload(segment, lengths) for bundle in whole for segment in bundle), Workload())
            images = sum(not chunk.follows for chunk in chunks)
            work += _device_work(devices, images, cost, division) + DeviceWork(even=even)
        return workload, StepShape(largest, micro_batches, self._devices), work

    def _row_workload(self, row: PackedRow, lengths: Sequence[Lengths]) -> Workload:
        return sum((self._workload(segment, lengths) for segment in row), Workload(rows=1))

    def _workload(self, segment: Segment, all_lengths: Sequence[Lengths]) -> Workload:
        source, group = segment.chunk.source, segment.chunk.group
        lengths, questions = all_lengths[source], len(segment.conversations)
        prefix, image, start = int(lengths.prefix[group]), int(lengths.image[group]), int(lengths.starts[group])
        tokens = lengths.conversations[start + segment.conversations].astype(np.int64)
        contents = self._contents(source, group, int(lengths.starts[group + 1]) - start)
        own = 0 if segment.follows else 1  # prefixes
        return Workload(
            questions=questions,
            images=own * contents.images,
            tokens=segment.length,
            image_tokens=own * image,
            unshared_tokens=segment.length + (questions - own) * prefix,
            unshared_image_tokens=image * questions,
            targets=int(contents.targets[segment.conversations].sum()),
            attention_pairs=own * prefix * (prefix + 1) // 2
            + int((tokens * prefix + tokens * (tokens + 1) // 2).sum()),
            tiles=own * contents.tiles,
        )

    def _read_contents(self, source: int, group: int, size: int) -> GroupContents:
        """Return the contents of a group with `size` conversations; cached, because epochs repeat groups."""
        if source >= len(self.data.corpora):
            _, estimate = self._missing[source - len(self.data.corpora)]
            tiles = self._model.num_tiles(estimate.image_px) if estimate.images else 0
            return GroupContents(int(estimate.images > 0), tiles, np.full(size, target_tokens(estimate)))
        rows = self.data.corpora[source].group(group)
        tiles = sum(self._model.num_tiles(read_size(path)) for path in rows.images)
        return GroupContents(len(rows.images), tiles, np.array(self._targets(source, rows)))

    def _targets(self, source: int, group: Group) -> list[int]:
        """Return the target tokens of each conversation of a group."""
        template = self._model.template
        if template is None:
            estimate = self.data.recipe.sources[source].estimate or DEFAULT_TEXTS
            return [target_tokens(estimate)] * len(group.conversations)
        targets = [
            [span for span in template.spans(conversation.turns, num_images=len(group.images)) if span.is_target]
            for conversation in group.conversations
        ]
        texts = iter(template.encode([span.text for spans in targets for span in spans if span.text]))
        return [sum(len(next(texts)) if span.text else len(span.token_ids) for span in spans) for spans in targets]


def _assumed_per_epoch(source: Source, estimate: SourceEstimate, stage: Stage) -> int:
    """Return the questions of a missing source in an epoch, or its images with names, which only exports have."""
    if stage.objective == "sft":
        return source.count or estimate.questions
    return estimate.images if source.type == "export" else 0


def _assumed_questions(source: Source, lengths: Lengths, stage: Stage, every: int) -> SourceQuestions:
    """Return the questions of a missing source, as `TrainingData.source_questions` does for a present one."""
    if stage.objective == "contrastive":
        groups, has_names = len(lengths.image), source.type == "export"
        weight = source.share if has_names else 0.0
        return SourceQuestions(np.arange(groups + 1), np.full(groups, has_names), weight)
    count = None if source.count is None else -(-source.count // every)
    return SourceQuestions(lengths.starts, np.ones(len(lengths.conversations), bool), source.share, count)


class _Division(NamedTuple):
    """Division and padding of the rows of a step.

    Args:
        context: devices that divide each row between them.
        multiple: number of which the length of a row is a multiple.
        longest_group: tokens of the longest group.
    """

    context: int
    multiple: int
    longest_group: int

    def shape(self, rows: Sequence[Workload]) -> MicroBatchShape:
        """Return the shape of a micro-batch on one device, whose rows are padded to the longest."""
        longest, parts = max(row.tokens for row in rows), self.context
        length = -(-longest // (parts * self.multiple)) * self.multiple
        targets, tiles = sum(row.targets for row in rows), sum(row.tiles for row in rows)
        if parts == 1:
            return MicroBatchShape(len(rows), length, targets, tiles)
        texts = sum(row.tokens - row.image_tokens for row in rows)
        # A device can have conversations only.
        most = min(targets, len(rows) * length * targets // max(texts, 1))
        return MicroBatchShape(len(rows), length, most, -(-tiles // parts), parts, self.longest_group)

    def workload(self, rows: Sequence[Workload]) -> Workload:
        """Return the workload of a micro-batch on one device, padding included."""
        if not rows:
            return Workload()
        return replace(sum(rows, Workload()).share(self.context), tokens=self.shape(rows).tokens)


def _device_work(devices: list[list[list[Workload]]], images: int, cost: Cost, division: _Division) -> DeviceWork:
    """Return the work of one step: in each micro-batch, of the device with the most."""
    padded = [[division.workload(batch) for batch in device] for device in devices]
    slowest = sum((max(batches, key=cost) for batches in zip(*padded, strict=True)), Workload())
    idle = division.context * sum(not any(device) for device in devices)
    return DeviceWork(slowest, Workload(), len(devices[0]), idle, images)
