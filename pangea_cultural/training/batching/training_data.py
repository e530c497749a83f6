"""Training data: opened and measured sources, and the steps of each stage."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from transformers import LlavaNextProcessor

from pangea_cultural.dataset import withdrawal
from pangea_cultural.errors import UserError
from pangea_cultural.training.batching import joined, lengths, mixture
from pangea_cultural.training.batching.balance import Devices
from pangea_cultural.training.batching.chat_template import ChatTemplate
from pangea_cultural.training.batching.dataset import StepDataset
from pangea_cultural.training.batching.image_sizes import FrozenSizes
from pangea_cultural.training.batching.images import ImageTokenCounter
from pangea_cultural.training.batching.inputs import TrainingInputs
from pangea_cultural.training.batching.layout import BatchLayout
from pangea_cultural.training.batching.lengths import MeasuredSource
from pangea_cultural.training.batching.mixture import Schedule, SourceQuestions
from pangea_cultural.training.batching.packing import Lengths
from pangea_cultural.training.data.corpus import Corpus
from pangea_cultural.training.data.sources.config import Source
from pangea_cultural.training.data.sources.open import SourceContext, open_source
from pangea_cultural.training.recipe import Recipe, Stage
from pangea_cultural.utils.console import Reporter
from pangea_cultural.workspace import Workspace


@dataclass(frozen=True)
class TrainingData:
    """The sources of a recipe, measured for a processor.

    Args:
        recipe: the recipe.
        corpora: its sources.
        measured: measurements of each source.
        selected: whether each conversation may be used, for each source [conversations]; None for all.
    """

    recipe: Recipe
    corpora: list[Corpus]
    measured: list[MeasuredSource]
    selected: list[np.ndarray] | None = None

    @property
    def files(self) -> dict[str, dict[str, str]]:
        """SHA-256 of each source's files; of an export that is its manifest."""
        names = source_names(self.recipe.sources)
        return {name: corpus.files for name, corpus in zip(names, self.corpora, strict=True)}

    @property
    def languages(self) -> list[str]:
        """Languages of the questions: those of the recipe in its order, then the others."""
        languages = {code for corpus in self.corpora for code in corpus.languages}
        listed = [code for code in self.recipe.languages if code in languages]
        return listed + sorted(languages.difference(listed))

    @property
    def loss_keys(self) -> list[tuple[str, str]]:
        """Name of the source and language of each separate loss."""
        names = source_names(self.recipe.sources)
        return [(names[index], language) for index, language in self.loss_key_indices]

    @property
    def loss_key_indices(self) -> dict[tuple[int, str], int]:
        """Position in `loss_keys` of each pair of source and language."""
        # Captions are English whatever languages the questions have.
        pairs = [(index, code) for index, c in enumerate(self.corpora) for code in sorted({*c.languages, "en"})]
        return {pair: position for position, pair in enumerate(pairs)}

    @property
    def broken_images(self) -> dict[str, str]:
        """Missing and broken image files, with the reason for each."""
        return {file: reason for measured in self.measured for file, reason in measured.problems.items()}

    @property
    def broken_by_reason(self) -> dict[str, int]:
        """Number of missing and broken images, by reason."""
        return dict(Counter(self.broken_images.values()))

    @property
    def num_images(self) -> int:
        """Number of image files, with broken ones. A file of two sources counts twice."""
        return sum(measured.num_images for measured in self.measured)

    @property
    def num_broken_images(self) -> int:
        """Number of missing and broken image files. A file of two sources counts twice."""
        return sum(len(measured.problems) for measured in self.measured)

    def check_broken_images(self) -> None:
        """Check the share of broken images before training.

        Raises:
            UserError: it is higher than the recipe allows.
        """
        max_ratio = self.recipe.max_broken_image_ratio
        if self.num_broken_images > max_ratio * self.num_images:
            example, reason = next(iter(self.broken_images.items()))
            counts = ", ".join(f"{reason}: {number}" for reason, number in self.broken_by_reason.items())
            raise UserError(
                f"{self.num_broken_images} of {self.num_images} images cannot be used ({counts}), such as {example} "
                f"({reason}). Repair them, or raise max_broken_image_ratio (now {max_ratio})."
            )

    def exclusions(self, stage: Stage) -> dict[str, dict[str, int]]:
        """Return the number of rows that a stage does not use, by source and reason."""
        names = source_names(self.recipe.sources)
        return {name: self._exclusions(index, stage) for index, name in enumerate(names)}

    def _exclusions(self, index: int, stage: Stage) -> dict[str, int]:
        """Return the number of rows of a source that a stage does not use, by reason."""
        return self.corpora[index].rejected | self.measured[index].excluded_counts(stage.batch.max_length)

    def captions(self) -> list[str]:
        """Return the distinct captions of all images, sorted."""
        return sorted({c.caption(group) for c in self.corpora for group in range(c.num_groups)} - {""})

    def source_questions(self, stage: Stage) -> list[SourceQuestions]:
        """Return the questions that a stage may use, for each source.

        Raises:
            UserError: a source has no usable question.
        """
        select = self._sft_questions if stage.objective == "sft" else self._captioned_images
        return [select(index, stage) for index in range(len(self.corpora))]

    def _sft_questions(self, index: int, stage: Stage) -> SourceQuestions:
        source, measured = self.recipe.sources[index], self.measured[index]
        usable = measured.usable(stage.batch.max_length)
        if self.selected is not None:
            usable &= self.selected[index]
        if not usable.any():
            counts = ", ".join(f"{reason}: {number}" for reason, number in self._exclusions(index, stage).items())
            raise UserError(f"{source.path} has no usable question ({counts}). Correct its data, or remove the source.")
        images = joined.image_keys(self.corpora[index]) if joined.share_folder(self.corpora)[index] else None
        return SourceQuestions(measured.lengths.starts, usable, source.share, source.count, images)

    def _captioned_images(self, index: int, stage: Stage) -> SourceQuestions:
        """Return captioned images, as one question each. A source without captions, such as chat, gets no weight."""
        corpus, measured = self.corpora[index], self.measured[index]
        has_caption = np.array([bool(corpus.caption(group)) for group in range(corpus.num_groups)])
        usable = has_caption & ~measured.broken & (measured.lengths.image > 0)
        weight = self.recipe.sources[index].share if usable.any() else 0.0
        return SourceQuestions(np.arange(corpus.num_groups + 1), usable, weight)

    def passes(self, stage: Stage) -> dict[str, float]:
        """Return how often a stage trains each usable question of a source, or image with a name, by source."""
        return dict(
            zip(source_names(self.recipe.sources), stage_passes(self.source_questions(stage), stage), strict=True)
        )

    def schedule(self, stage: Stage, questions: list[SourceQuestions] | None = None) -> Schedule:
        """Return the schedule of a stage.

        Args:
            stage: the stage.
            questions: questions of each source; None for all usable ones.

        Raises:
            UserError: a source has no usable question.
        """
        return mixture.build_schedule(
            self.source_questions(stage) if questions is None else questions,
            global_batch_size=stage.batch.global_batch_size,
            max_questions_per_image=stage.batch.max_questions_per_image,
            image_multiple=stage.batch.image_multiple,
            seed=f"{self.recipe.seed} {stage.name}",
            steps=stage.steps,
            epochs=stage.epochs,
        )

    def step_dataset(
        self,
        stage: Stage,
        collator: Callable[..., dict[str, Any]],
        *,
        processes: int,
        rank: int,
        pair_work: float = 0.0,
        context: int = 1,
    ) -> StepDataset:
        """Return the steps of a stage as one process sees them.

        Args:
            stage: the stage.
            collator: makes micro-batches.
            processes: number of processes.
            rank: index of the process.
            pair_work: that of `layout.pair_work`.
            context: processes that divide each row between them.
        """
        if stage.objective == "contrastive":
            # Captions are labels, not text: every image is a row of one token.
            source_lengths = [_one_token_each(corpus.num_groups) for corpus in self.corpora]
        else:
            source_lengths = [measured.lengths for measured in self.measured]
        layout = stage_layout(stage, processes, pair_work, context)
        return StepDataset(self.schedule(stage), self.corpora, source_lengths, layout, collator, rank)


def stage_layout(stage: Stage, devices: int, pair_work: float, context: int = 1) -> BatchLayout:
    """Return the layout of a stage's steps on a number of devices, of which `context` at a time divide rows.

    Such rows are longer, so that each device has as many tokens as without.
    """
    all_devices = Devices(devices // context, stage.memory.per_device_batch_size, pair_work)
    if stage.objective == "contrastive":
        return BatchLayout("rows", 1, all_devices)
    return BatchLayout(stage.batch.packing, context * stage.batch.max_length, all_devices, context)


def stage_passes(questions: list[SourceQuestions], stage: Stage) -> list[float]:
    """Return how often a stage trains each usable question of a source."""
    size = stage.batch.global_batch_size
    return mixture.passes(questions, global_batch_size=size, steps=stage.steps, epochs=stage.epochs)


def count_notes(recipe: Recipe, stage: Stage, passes: dict[str, float]) -> list[str]:
    """Return a sentence for each source that has fewer usable questions than its count."""
    if stage.epochs is None or stage.objective != "sft":
        return []
    notes = []
    for source, (name, number) in zip(recipe.sources, passes.items(), strict=True):
        if source.count is not None and number > stage.epochs:
            usable = round(source.count * stage.epochs / number)
            notes.append(
                f"Stage {stage.name}: {name} has {usable:,} usable questions, fewer than its count of "
                f"{source.count:,}. Each is trained {number:.1f} times on average."
            )
    return notes


def _one_token_each(num_groups: int) -> Lengths:
    ones = np.ones(num_groups, np.int32)
    return Lengths(np.arange(num_groups + 1), 0 * ones, 0 * ones, ones)


def source_names(sources: tuple[Source, ...]) -> list[str]:
    """Return a name for each source: the stem of its path, with a number unless it is unique."""
    names = [source.path.stem for source in sources]
    return [name if names.count(name) == 1 else f"{name}-{number}" for number, name in enumerate(names, 1)]


def open_all(inputs: TrainingInputs, cache: Path, reporter: Reporter) -> list[Corpus]:
    """Open the sources of a recipe. Each is read once and then stays in the cache.

    Raises:
        UserError: a source is missing, does not fit the recipe, or has a row in a held-out language.
    """
    context = SourceContext(
        workspace=inputs.workspace,
        cache=cache,
        reporter=reporter,
        languages=inputs.recipe.languages,
        held_out_languages=inputs.held_out_languages,
        exports=inputs.exports,
        withdrawn_images=withdrawal.read(Workspace(inputs.workspace).withdrawals).image_hashes,
    )
    return [open_source(source, context, index) for index, source in enumerate(inputs.recipe.sources)]


def measure_all(
    corpora: list[Corpus],
    processor: LlavaNextProcessor,
    cache: Path,
    key: str,
    reporter: Reporter,
    frozen: FrozenSizes | None = None,
) -> list[MeasuredSource]:
    """Measure sources for a processor.

    Args:
        corpora: the sources.
        processor: processor of the model.
        cache: folder of the measurements.
        key: hash of the processor and its tokenizer.
        reporter: shows progress.
        frozen: the images of the run to resume; None outside of runs.

    Raises:
        UserError: images have changed since the run was started.
    """
    template, tokens = ChatTemplate(processor.tokenizer), ImageTokenCounter(processor)
    return [
        lengths.measure(
            *(corpus, template, tokens, cache, f"{corpus.key}-{key}", reporter),
            freeze=partial(frozen.apply, index) if frozen else None,
        )
        for index, corpus in enumerate(corpora)
    ]
