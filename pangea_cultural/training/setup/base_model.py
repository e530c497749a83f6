"""What a training starts from: a checkpoint, parts of one, or nothing."""

from collections.abc import Iterator
from pathlib import Path

import torch
from transformers import AutoTokenizer, LlavaNextProcessor, PreTrainedTokenizerBase, Qwen2Config

from pangea_cultural.dataset.export import SPLITS, Export
from pangea_cultural.model import build, pretrained, processor, tokenizer
from pangea_cultural.model.config import size_table
from pangea_cultural.model.modeling import PackedLlavaNext
from pangea_cultural.training.data.corpus import Corpus
from pangea_cultural.training.recipe import Model, Recipe
from pangea_cultural.utils.files import atomic_folder, sha256_file


class Start:
    """Makes the model and the processor that a training begins with; the same ones as often as it is asked.

    Args:
        recipe: says what they are.
        workspace: where paths of the recipe begin.
        folder: for the tokenizer of a model from scratch.
    """

    def __init__(self, recipe: Recipe, workspace: Path, folder: Path) -> None:
        self._recipe = recipe
        self._workspace = workspace
        self._folder = folder / "tokenizer"

    def refuse_absent(self) -> None:
        """Find out before anything is read.

        Raises:
            UserError: what the recipe starts from is not there.
        """
        for name in self._names():
            pretrained.require_checkpoint(self.local(name))
        if self._recipe.model.size:
            size_table(self.size)

    def contents(self) -> dict[str, str]:
        """What tells each checkpoint that the recipe starts from, by its name there, and what its size says: another
        one may come to lie in the same place.
        """
        found = {name: pretrained.content_hash(self.local(name)) for name in self._names()}
        start = self._recipe.model
        if start.size and not start.checkpoint:
            found[start.size] = size_table(self.size).model_dump_json()
        return found

    def prepare(self, corpora: list[Corpus]) -> None:
        """Train the tokenizer of a model from scratch, unless it is there."""
        start = self._recipe.model
        if start.from_scratch and not self._folder.exists():
            longest = Qwen2Config(**size_table(self.size).text).max_position_embeddings
            words = tokenizer.train(self._texts(corpora), vocab_size=start.vocab_size, max_length=longest)
            with atomic_folder(self._folder) as partial:
                words.save_pretrained(partial)

    def make(self) -> tuple[PackedLlavaNext, LlavaNextProcessor]:
        """The model, on the CPU, and its processor.

        Raises:
            UserError: there is no such model, or it is no complete LLaVA-NeXT.
        """
        start = self._recipe.model
        if start.checkpoint:
            name = self.local(start.checkpoint)
            return pretrained.load(name, dtype=getattr(torch, start.dtype), attn_implementation=attention(start))
        if start.vision_tower:
            vision_tower, language_model = self.local(start.vision_tower), self.local(start.language_model)
            options = {
                "dtype": getattr(torch, start.dtype),
                "attn_implementation": attention(start),
                "seed": self._recipe.seed,
            }
            return pretrained.assemble(vision_tower, language_model, size=self.size, **options)
        words = self.tokenizer()
        made = build.build(self.size, words, seed=self._recipe.seed)
        model_processor = processor.build_processor(made.config, words)
        made.set_attn_implementation({"text_config": attention(start)})
        return made.to(getattr(torch, start.dtype)), model_processor

    @property
    def size(self) -> str:
        """The recipe's, as `size_table` takes it: a path begins at the workspace."""
        name = self._recipe.model.size
        return str(self._workspace / name) if name.endswith(".toml") else name

    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The tokenizer of a model from scratch, once it is prepared."""
        return AutoTokenizer.from_pretrained(self._folder)

    def local(self, name: str) -> str:
        """A folder of the workspace where there is such a one, else a name on the hub."""
        path = self._workspace / name
        return str(path) if path.is_dir() else name

    def _names(self) -> list[str]:
        start = self._recipe.model
        return [name for name in (start.checkpoint, start.vision_tower, start.language_model) if name]

    def _texts(self, corpora: list[Corpus]) -> Iterator[str]:
        """Texts for the tokenizer: all of training; exports' other splits in training and held-out languages."""
        for corpus in corpora:
            for turns in corpus.texts(0, corpus.num_conversations):
                yield from (text for turn in turns for text in turn)
        languages = self._recipe.languages
        for source in self._recipe.sources:
            if source.type == "export":
                opened = Export.open(self._workspace / source.path)
                wanted = {*languages, *opened.held_out_languages}
                for split in SPLITS[1:]:
                    for row in opened.questions(split):
                        if not languages or row.language in wanted:
                            yield from (row.question, row.answer)


def attention(start: Model) -> str:
    """The attention of the language model on this machine."""
    if start.attn_implementation != "auto":
        return start.attn_implementation
    return "flex_attention" if torch.cuda.is_available() else "sdpa"


def processor_key(model_processor: LlavaNextProcessor, folder: Path) -> str:
    """Names a processor by all that tells how long texts and images are."""
    model_processor.save_pretrained(folder)
    return sha256_file(folder / "tokenizer.json")[:12] + sha256_file(folder / "processor_config.json")[:12]
