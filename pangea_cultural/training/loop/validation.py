"""Questions that are only asked while a model learns: losses by language, held-out ones too, and answers to read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from transformers import LlavaNextProcessor

from pangea_cultural.dataset.export import Export
from pangea_cultural.training.batching.collate import Collator
from pangea_cultural.training.batching.dataset import Steps
from pangea_cultural.training.batching.images import BrokenImageError, read
from pangea_cultural.training.batching.training_data import Data, held_out, measure_all
from pangea_cultural.training.data.corpus import Corpus
from pangea_cultural.training.data.sources.config import ExportSource
from pangea_cultural.training.data.sources.open import open_source
from pangea_cultural.training.data.types import Group
from pangea_cultural.training.loop.metrics import Losses
from pangea_cultural.training.loop.trainer import StageTrainer
from pangea_cultural.training.recipe import Recipe, Stage
from pangea_cultural.utils.console import Reporter
from pangea_cultural.utils.sampling import spread


@dataclass(frozen=True)
class Validation:
    """What is asked.

    Args:
        steps: every question once.
        left_out: questions that cannot be asked, by reason.
        keys: each (source, language) of the steps' measures.
        asked: groups of one question each, whose answers are generated.
        processor: of the model.
        max_new_tokens: of a generated answer.
    """

    steps: Steps
    left_out: dict[str, int]
    keys: list[tuple[str, str]]
    asked: Sequence[Group]
    processor: LlavaNextProcessor
    max_new_tokens: int

    def __call__(self, trainer: StageTrainer) -> dict[str, Any]:
        """Mean loss of a target, of all and by language, the generated answers, and what could not be asked."""
        losses = Losses(self.keys, trainer.args.device)
        skipped: dict[str, str] = {}
        for number in range(len(self.steps)):
            step = self.steps[number]
            skipped |= dict(step["skipped"])
            for batch in step["micro_batches"]:
                inputs = trainer._prepare_inputs(batch)
                keys = inputs.pop("keys")
                with trainer.compute_loss_context_manager():
                    losses.add(trainer.model_wrapped(**inputs).target_losses, keys)
        means = losses.means(trainer.accelerator.reduce(losses.sums, "sum"))
        model = trainer.accelerator.unwrap_model(trainer.model)
        answers = [self._answer(model, group, trainer) for group in self.asked]
        return {
            "loss": means["loss"],
            "by_language": means["by_language"],
            "answers": answers,
            "left_out": self.left_out,
            "broken_images": trainer.gather(skipped),
        }

    def _answer(self, model: Any, group: Group, trainer: StageTrainer) -> dict[str, str]:
        """What the model says to a question, greedily."""
        conversation = group.conversations[0]
        question, answer = conversation.turns[0]
        content = [*({"type": "image"} for _ in group.images), {"type": "text", "text": question}]
        text = self.processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
        told = {"id": conversation.id, "language": conversation.language, "question": question, "answer": answer}
        try:
            images = [read(path) for path in group.images] or None
        except BrokenImageError as error:
            return told | {"said": "", "problem": str(error)}
        inputs = trainer._prepare_inputs(dict(self.processor(images=images, text=text, return_tensors="pt")))
        together = trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled
        tokens = model.generate(**inputs, max_new_tokens=self.max_new_tokens, do_sample=False, synced_gpus=together)
        new = tokens[0, inputs["input_ids"].shape[1] :]
        return told | {"said": self.processor.tokenizer.decode(new, skip_special_tokens=True).strip()}


def open_validation(
    recipe: Recipe, stage: Stage, workspace: Path, cache: Path, processor: LlavaNextProcessor, processes: int, rank: int
) -> Validation:
    """Read and measure the questions of a recipe's validation.

    Args:
        recipe: has a validation.
        stage: how rows are laid out.
        workspace: where paths of the recipe begin.
        cache: folder for what was read.
        processor: of the model.
        processes: how many share the work.
        rank: which of them this one is.
    """
    assert recipe.validation is not None, "called only where a recipe validates"
    asked = recipe.validation
    source = ExportSource(type="export", path=asked.path, split=asked.split, question_types=asked.question_types)
    # Those that its own export holds out are asked, too: sources that are no exports hold nothing out.
    unlearnt = held_out(recipe, workspace) | set(Export.open(workspace / asked.path).held_out_languages)
    languages = (*recipe.languages, *sorted(unlearnt)) if recipe.languages else ()
    quiet = Reporter(quiet=True)
    corpus = open_source(0, source, workspace, cache, languages=languages, held_out=frozenset(), reporter=quiet)
    measured = measure_all([corpus], processor, cache, "validation", quiet)
    all_once = stage.model_copy(update={"epochs": 1, "steps": None, "name": "validation"})
    data = Data(recipe.model_copy(update={"sources": (source,)}), [corpus], measured)
    left_out = data.unusable(0, all_once)
    chosen = _evenly(corpus, data.usable(0, all_once), asked.questions_per_language)
    mask = np.zeros(corpus.num_conversations, bool)
    mask[chosen] = True
    data = replace(data, chosen=[mask])
    collator = Collator(processor, keys=data.key_numbers)
    steps = data.steps(all_once, collator, processes=processes, rank=rank)
    shown = [_group(corpus, number) for number in chosen[spread(len(chosen), asked.answers)]]
    return Validation(steps, left_out, data.keys, shown, processor, asked.max_new_tokens)


def _evenly(corpus: Corpus, usable: np.ndarray, most: int) -> np.ndarray:
    """Numbers of at most so many usable conversations of each language, evenly spread over the source; by language."""
    places = [np.flatnonzero(usable & (corpus.language_codes == code)) for code in range(len(corpus.languages))]
    return np.concatenate([own[spread(len(own), most)] for own in places])


def _group(corpus: Corpus, conversation: int) -> Group:
    """A conversation as a group of its own."""
    group = int(np.searchsorted(corpus.starts, conversation, side="right")) - 1
    return corpus.group(group, [int(conversation - corpus.starts[group])])
