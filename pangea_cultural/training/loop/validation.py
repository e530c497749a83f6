"""Validation during training: losses by language, held-out languages included, and generated answers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from transformers import LlavaNextProcessor, PreTrainedTokenizerBase

from pangea_cultural.errors import ImageError
from pangea_cultural.model.attention.masks import row_multiple
from pangea_cultural.training import recipe as recipes
from pangea_cultural.training.batching.collate import Collator
from pangea_cultural.training.batching.dataset import StepDataset
from pangea_cultural.training.batching.inputs import TrainingInputs
from pangea_cultural.training.batching.training_data import TrainingData, measure_all
from pangea_cultural.training.data.corpus import Corpus
from pangea_cultural.training.data.sources.config import ExportSource
from pangea_cultural.training.data.sources.open import SourceContext, open_source
from pangea_cultural.training.data.types import Group
from pangea_cultural.training.loop.metrics import LossAccumulator
from pangea_cultural.training.loop.trainer import StageTrainer
from pangea_cultural.training.recipe import Recipe, Stage
from pangea_cultural.training.setup.base_model import attn_implementation
from pangea_cultural.utils.console import Reporter
from pangea_cultural.utils.sampling import evenly_spaced


@dataclass(frozen=True)
class Validation:
    """Questions to validate on. Calling it validates the model of a trainer.

    Args:
        steps: batches with every question once.
        languages: codes of the languages of these questions.
        left_out: number of questions that cannot be used, by reason.
        keys: (source, language) pairs of the losses.
        answered: groups of one question each, for which answers are generated.
        collator: makes the inputs of these groups, as in training.
        tokenizer: tokenizer of the model.
        max_new_tokens: most tokens of a generated answer.
    """

    steps: StepDataset
    languages: set[str]
    left_out: dict[str, int]
    keys: list[tuple[str, str]]
    answered: Sequence[Group]
    collator: Collator
    tokenizer: PreTrainedTokenizerBase
    max_new_tokens: int

    def __call__(self, trainer: StageTrainer) -> dict[str, Any]:
        """Return the mean loss of a target, of all and by language, generated answers, and unusable questions."""
        losses = LossAccumulator(self.keys, trainer.args.device)
        broken: dict[str, str] = {}
        for index in range(len(self.steps)):
            step = self.steps[index]
            broken |= dict(step["skipped"])
            for batch in step["micro_batches"]:
                inputs = trainer._prepare_inputs(batch)
                keys = inputs.pop("keys")
                with trainer.compute_loss_context_manager():
                    losses.add(trainer.model_wrapped(**inputs).target_losses, keys)
        means = losses.means(trainer.accelerator.reduce(losses.sums, "sum"))
        model = trainer.accelerator.unwrap_model(trainer.model)
        answers = [self._answer(model, group, trainer) for group in self.answered]
        return {
            "loss": means["loss"],
            "by_language": means["by_language"],
            "answers": answers,
            "left_out": self.left_out,
            "broken_images": trainer.gather_broken_images(broken),
        }

    def _answer(self, model: Any, group: Group, trainer: StageTrainer) -> dict[str, str]:
        """Generate the answer to a question with greedy decoding."""
        conversation = group.conversations[0]
        question, answer = conversation.turns[0]
        entry = {"id": conversation.id, "language": conversation.language, "question": question, "answer": answer}
        try:
            inputs = trainer._prepare_inputs(self.collator.prompt(group))
        except ImageError as error:
            return entry | {"prediction": "", "problem": str(error)}
        is_sharded = trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled
        tokens = model.generate(**inputs, max_new_tokens=self.max_new_tokens, do_sample=False, synced_gpus=is_sharded)
        new_tokens = tokens[0, inputs["input_ids"].shape[1] :]
        prediction = self.tokenizer.decode(new_tokens, skip_special_tokens=True).strip()
        return entry | {"prediction": prediction}


def open_validation(
    inputs: TrainingInputs, stage: Stage, cache: Path, processor: LlavaNextProcessor, processes: int, rank: int
) -> Validation:
    """Read and measure the questions of a recipe's validation.

    Args:
        inputs: inputs of a recipe with a validation.
        stage: stage whose row layout is used.
        cache: folder for corpora and measurements.
        processor: processor of the model.
        processes: number of processes.
        rank: index of this process.
    """
    recipe = inputs.recipe
    assert recipe.validation is not None, "called only for recipes with validation"
    config, export = recipe.validation, inputs.exports[recipe.validation.path]
    source = _source(recipe, config)
    # Validate on the languages that this export holds out, even if no training source is an export.
    held_out_languages = inputs.held_out_languages.union(export.held_out_languages)
    languages = (*recipe.languages, *sorted(held_out_languages)) if recipe.languages else ()
    quiet = Reporter(quiet=True)
    corpus = open_source(source, SourceContext(inputs.workspace, cache, quiet, languages, exports=inputs.exports))
    measured = measure_all([corpus], processor, cache, "validation", quiet)
    one_epoch = stage.model_copy(update={"epochs": 1, "steps": None, "name": "validation"})
    data = TrainingData(recipe.model_copy(update={"sources": (source,)}), [corpus], measured)
    left_out = measured[0].excluded_counts(stage.batch.max_length)
    chosen = _choose(corpus, measured[0].usable(stage.batch.max_length), config.questions_per_language)
    mask = np.zeros(corpus.num_conversations, bool)
    mask[chosen] = True
    data = replace(data, selected=[mask])
    multiple = row_multiple(attn_implementation(recipe.model))
    collator = Collator(processor, keys=data.loss_key_indices, pad_to_multiple_of=multiple)
    steps = data.step_dataset(one_epoch, collator, processes=processes, rank=rank)
    answered = [_group(corpus, conversation) for conversation in chosen[evenly_spaced(len(chosen), config.answers)]]
    tokenizer = processor.tokenizer
    asked = {corpus.languages[code] for code in np.unique(corpus.language_codes[chosen])}
    return Validation(steps, asked, left_out, data.loss_keys, answered, collator, tokenizer, config.max_new_tokens)


def _source(recipe: Recipe, config: recipes.Validation) -> ExportSource:
    """Return the source of the validation, with the style of answers that the first export of the recipe has."""
    trained = [source for source in recipe.sources if isinstance(source, ExportSource)]
    style = {"answer_style": trained[0].answer_style, "instructions": trained[0].instructions} if trained else {}
    fields = {"type": "export", "path": config.path, "split": config.split, "question_types": config.question_types}
    return ExportSource.model_validate(fields | style)


def _choose(corpus: Corpus, usable: np.ndarray, max_per_language: int) -> np.ndarray:
    """Return indices of usable conversations, language by language, evenly spaced over the source."""
    by_language = [np.flatnonzero(usable & (corpus.language_codes == code)) for code in range(len(corpus.languages))]
    return np.concatenate([indices[evenly_spaced(len(indices), max_per_language)] for indices in by_language])


def _group(corpus: Corpus, conversation: int) -> Group:
    """Return a group with a single conversation."""
    group = int(np.searchsorted(corpus.starts, conversation, side="right")) - 1
    return corpus.group(group, [int(conversation - corpus.starts[group])])
