"""The data of a training, opened and measured: from sources to the steps of a stage."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from transformers import LlavaNextProcessor

from pangea_cultural.errors import UserError
from pangea_cultural.training.batching import lengths, mixture
from pangea_cultural.training.batching.chat_template import ChatTemplate
from pangea_cultural.training.batching.dataset import BatchLayout, StepDataset
from pangea_cultural.training.batching.images import ImageTokenCounter
from pangea_cultural.training.batching.inputs import TrainingInputs
from pangea_cultural.training.batching.lengths import MeasuredSource
from pangea_cultural.training.batching.mixture import Schedule, SourceQuestions
from pangea_cultural.training.batching.packing import Lengths
from pangea_cultural.training.data.corpus import Corpus
from pangea_cultural.training.data.sources.config import Source
from pangea_cultural.training.data.sources.open import open_source
from pangea_cultural.training.recipe import Recipe, Stage
from pangea_cultural.utils.console import Reporter

TOO_LONG = "longer than max_length"


@dataclass(frozen=True)
class TrainingData:
    """Sources that are open and measured for a processor."""

    recipe: Recipe
    corpora: list[Corpus]
    measured: list[MeasuredSource]
    selected: list[np.ndarray] | None = None
    """[conversations] of each source, true for those that shall be used; None for all."""

    @property
    def loss_keys(self) -> list[tuple[str, str]]:
        """Each (source, language) for which losses are counted, as names."""
        names = source_names(self.recipe.sources)
        return [(names[n], code) for n, corpus in enumerate(self.corpora) for code in _languages(corpus)]

    @property
    def loss_key_indices(self) -> dict[tuple[int, str], int]:
        """Position of each (number of the source, language) among the keys."""
        pairs = [(n, code) for n, corpus in enumerate(self.corpora) for code in _languages(corpus)]
        return {pair: number for number, pair in enumerate(pairs)}

    @property
    def broken_images(self) -> dict[str, str]:
        """Missing and broken images, and what is wrong with each."""
        return {file: reason for measured in self.measured for file, reason in measured.problems.items()}

    @property
    def broken_by_reason(self) -> dict[str, int]:
        """How many images are missing or broken, by reason."""
        return dict(Counter(self.broken_images.values()))

    @property
    def num_images(self) -> int:
        """Files, broken ones included; one that two sources show counts twice."""
        return sum(measured.num_images for measured in self.measured)

    @property
    def num_broken_images(self) -> int:
        """Files that are missing or broken, counted alike."""
        return sum(len(measured.problems) for measured in self.measured)

    @property
    def files(self) -> dict[str, dict[str, str]]:
        """SHA-256 of each source's files; of an export that is its manifest."""
        names = source_names(self.recipe.sources)
        return {name: corpus.files for name, corpus in zip(names, self.corpora, strict=True)}

    @property
    def languages(self) -> list[str]:
        """Languages of the questions, in the recipe's order where it names them."""
        found = {code for corpus in self.corpora for code in corpus.languages}
        named = [code for code in self.recipe.languages if code in found]
        return named + sorted(found.difference(named))

    def check_broken_images(self) -> None:
        """Stop before anything is learnt.

        Raises:
            UserError: more images are missing or broken than the recipe allows.
        """
        if self.num_broken_images > self.recipe.max_broken_image_ratio * self.num_images:
            example, reason = next(iter(self.broken_images.items()))
            counted = ", ".join(f"{reason}: {number}" for reason, number in self.broken_by_reason.items())
            raise UserError(
                f"{self.num_broken_images} of {self.num_images} images cannot be used ({counted}), such as {example} "
                f"({reason}). Repair them, or raise max_broken_image_ratio (now {self.recipe.max_broken_image_ratio})."
            )

    def exclusions(self, stage: Stage) -> dict[str, dict[str, int]]:
        """What is not learnt, by source, with the reason."""
        names = source_names(self.recipe.sources)
        return {
            name: self.corpora[number].rejected | self.excluded_counts(number, stage)
            for number, name in enumerate(names)
        }

    def excluded_counts(self, number: int, stage: Stage) -> dict[str, int]:
        """How many questions of a source cannot be learnt, by reason."""
        measured = self.measured[number]
        broken = _broken(measured)
        counts = {
            "image missing or broken": int(broken.sum()),
            TOO_LONG: int((_too_long(measured, stage) & ~broken).sum()),
        }
        return {reason: count for reason, count in counts.items() if count}

    def usable(self, number: int, stage: Stage) -> np.ndarray:
        """[conversations], true for what can be learnt of a source."""
        measured = self.measured[number]
        return ~(_too_long(measured, stage) | _broken(measured))

    def schedule(self, stage: Stage, questions: list[SourceQuestions] | None = None) -> Schedule:
        """Which questions a stage learns in which step.

        Args:
            stage: says how many, and how they are spread.
            questions: what there is to learn; where None, all that the sources have.

        Raises:
            UserError: there is nothing to learn.
        """
        return mixture.build_schedule(
            self.source_questions(stage) if questions is None else questions,
            batch_questions=stage.batch.global_batch_size,
            limit=stage.batch.max_questions_per_image,
            name=f"{self.recipe.seed} {stage.name}",
            steps=stage.steps,
            epochs=stage.epochs,
        )

    def source_questions(self, stage: Stage) -> list[SourceQuestions]:
        """What a stage may learn from each source.

        Raises:
            UserError: a source has nothing to learn.
        """
        make = self._answers if stage.objective == "sft" else self._captions
        return [make(number, stage) for number in range(len(self.corpora))]

    def _answers(self, number: int, stage: Stage) -> SourceQuestions:
        source, measured = self.recipe.sources[number], self.measured[number]
        usable = self.usable(number, stage)
        if self.selected is not None:
            usable &= self.selected[number]
        if not usable.any():
            raise UserError(f"{source.path}: no question can be learnt: {self.exclusions(stage)}")
        return SourceQuestions(measured.lengths.starts, usable, source.share, source.count)

    def _captions(self, number: int, stage: Stage) -> SourceQuestions:
        """Images with a name, each as one question. Sources without names, such as chat, have no part."""
        corpus, measured = self.corpora[number], self.measured[number]
        named = np.array([bool(corpus.caption(group)) for group in range(corpus.num_groups)])
        usable = named & ~measured.broken & (measured.lengths.image > 0)
        weight = self.recipe.sources[number].share if usable.any() else 0.0
        return SourceQuestions(np.arange(corpus.num_groups + 1), usable, weight)

    def captions(self) -> list[str]:
        """The names of all images, sorted."""
        return sorted({c.caption(group) for c in self.corpora for group in range(c.num_groups)} - {""})

    def step_dataset(
        self, stage: Stage, collator: Callable[..., dict[str, Any]], *, processes: int, rank: int
    ) -> StepDataset:
        """The steps of a stage as one process sees them."""
        if stage.objective == "contrastive":
            # Names are no text here: every image counts one.
            own = [_of_captions(corpus.num_groups) for corpus in self.corpora]
            layout = BatchLayout("rows", 1, stage.memory.per_device_batch_size, processes, rank)
        else:
            own = [measured.lengths for measured in self.measured]
            layout = BatchLayout(
                stage.batch.packing, stage.batch.max_length, stage.memory.per_device_batch_size, processes, rank
            )
        return StepDataset(self.schedule(stage), self.corpora, own, layout, collator)


def _languages(corpus: Corpus) -> list[str]:
    # Captions are English, whatever the questions are in.
    return sorted({*corpus.languages, "en"})


def _too_long(measured: MeasuredSource, stage: Stage) -> np.ndarray:
    own = measured.lengths
    return own.conversations + np.repeat(own.prefix, np.diff(own.starts)) > stage.batch.max_length


def _broken(measured: MeasuredSource) -> np.ndarray:
    """[conversations], true where an image is missing or broken."""
    return np.repeat(measured.broken, np.diff(measured.lengths.starts))


def _of_captions(groups: int) -> Lengths:
    ones = np.ones(groups, np.int32)
    return Lengths(np.arange(groups + 1), 0 * ones, 0 * ones, ones)


def source_names(sources: tuple[Source, ...]) -> list[str]:
    """A name for each source: the last part of its path, with a number where that is not unique."""
    names = [source.path.stem for source in sources]
    return [name if names.count(name) == 1 else f"{name}-{number}" for number, name in enumerate(names, 1)]


def open_all(inputs: TrainingInputs, cache: Path, reporter: Reporter) -> list[Corpus]:
    """Open the sources of a recipe; each is read once, and then lies in the cache.

    Raises:
        UserError: a source is not there, is not what the recipe says, or has a row in a held-out language.
    """
    return [
        open_source(
            number,
            source,
            inputs.workspace,
            cache,
            languages=inputs.recipe.languages,
            held_out=inputs.held_out_languages,
            reporter=reporter,
            export=inputs.exports.get(source.path),
        )
        for number, source in enumerate(inputs.recipe.sources)
    ]


def measure_all(
    corpora: list[Corpus], processor: LlavaNextProcessor, cache: Path, key: str, reporter: Reporter
) -> list[MeasuredSource]:
    """Measure sources for a processor; `key` names the processor and its tokenizer."""
    template, tokens = ChatTemplate(processor.tokenizer), ImageTokenCounter(processor)
    return [lengths.measure(corpus, template, tokens, cache, f"{corpus.key}-{key}", reporter) for corpus in corpora]
