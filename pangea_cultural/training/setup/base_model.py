"""Load or create the base model: a checkpoint, a vision tower with a language model, or random weights."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, CLIPVisionConfig, LlavaNextProcessor, PreTrainedTokenizerBase, Qwen2Config

from pangea_cultural.dataset.export import SPLITS
from pangea_cultural.errors import UserError
from pangea_cultural.model import build, pretrained, processor, tokenizer
from pangea_cultural.model.attention.grouped import GROUPED
from pangea_cultural.model.config import load_size
from pangea_cultural.model.modeling import PackedLlavaNext
from pangea_cultural.training.batching.inputs import TrainingInputs
from pangea_cultural.training.data.corpus import Corpus
from pangea_cultural.training.recipe import Model, Stage
from pangea_cultural.training.setup import lora
from pangea_cultural.utils.files import atomic_folder, sha256_file


class BaseModel:
    """The base model of a recipe and its processor. Every call of `load` returns an equal model.

    Args:
        inputs: inputs of the run.
        folder: folder for the tokenizer of a model from scratch.
    """

    def __init__(self, inputs: TrainingInputs, folder: Path) -> None:
        self._inputs = inputs
        self._recipe = inputs.recipe
        self._workspace = inputs.workspace
        self._folder = folder / "tokenizer"

    def check(self) -> None:
        """Check that the base checkpoints exist and are whole, that the size is valid, and that both fit the stages.

        Raises:
            UserError: a checkpoint or the size is missing or invalid, or a stage needs what the model lacks.
        """
        model = self._recipe.model
        configs = {name: pretrained.checked_config(self.local(name)) for name in self._checkpoint_names()}
        if model.checkpoint and configs[model.checkpoint].model_type != "llava_next":
            raise UserError(
                f"{model.checkpoint} is a {configs[model.checkpoint].model_type} checkpoint, not LLaVA-NeXT. Choose "
                "another checkpoint."
            )
        for name, checkpoint_config in configs.items():
            if getattr(checkpoint_config, "quantization_config", None):
                raise UserError(
                    f"The weights of {name} are quantized. Start from the checkpoint that it was made from, with "
                    "load_in_4bit if memory is short."
                )
        size = load_size(self.size) if model.size else None
        if model.checkpoint:
            text, vision = configs[model.checkpoint].text_config, configs[model.checkpoint].vision_config
        elif model.language_model:
            text, vision = configs[model.language_model], configs[model.vision_tower]
            vision = getattr(vision, "vision_config", vision)  # of a whole CLIP, or of its tower alone
        else:
            assert size is not None, "a model has a checkpoint, a language model or a size"
            text, vision = Qwen2Config(**size.text), CLIPVisionConfig(**size.vision)
        for stage in self._recipe.stages:
            require_fit(stage, text, vision)

    @property
    def published_name(self) -> str:
        """Name of the base checkpoint for others: that of the hub, or of a folder in the workspace without its parents
        outside of it.
        """
        name = self._recipe.model.checkpoint
        folder, workspace = Path(self.local(name)).resolve(), self._workspace.resolve()
        if not folder.is_dir():
            return name
        return folder.relative_to(workspace).as_posix() if folder.is_relative_to(workspace) else folder.name

    def require_outside(self, folder: Path) -> None:
        """Check that no base checkpoint is in a folder, which the run replaces by its result.

        Raises:
            UserError: one is.
        """
        for name in self._checkpoint_names():
            if Path(self.local(name)).resolve().is_relative_to(folder.resolve()):
                raise UserError(f"The recipe starts from {name}, the place of its own result. Rename the recipe.")

    def content_hashes(self) -> dict[str, str]:
        """Return a hash of each base checkpoint by its name in the recipe, and the content of the size if it is used.

        They show whether a folder still has the same model.
        """
        hashes = {name: pretrained.content_hash(self.local(name)) for name in self._checkpoint_names()}
        model = self._recipe.model
        if model.size and not model.checkpoint:
            hashes[model.size] = load_size(self.size).model_dump_json()
        return hashes

    def prepare(self, corpora: list[Corpus]) -> None:
        """Train the tokenizer of a model from scratch, unless it exists."""
        model = self._recipe.model
        if model.from_scratch and not self._folder.exists():
            max_length = Qwen2Config(**load_size(self.size).text).max_position_embeddings
            trained = tokenizer.train(self._texts(corpora), vocab_size=model.vocab_size, max_length=max_length)
            with atomic_folder(self._folder) as partial:
                trained.save_pretrained(partial)

    def load(self) -> tuple[PackedLlavaNext, LlavaNextProcessor]:
        """Return the model, on the CPU, and its processor.

        Raises:
            UserError: a checkpoint is missing, or is not a complete LLaVA-NeXT.
        """
        model = self._recipe.model
        dtype, attention = getattr(torch, model.dtype), attn_implementation(model)
        if model.checkpoint:
            return pretrained.load(self.local(model.checkpoint), dtype=dtype, attn_implementation=attention)
        if model.vision_tower:
            return pretrained.assemble(
                self.local(model.vision_tower),
                self.local(model.language_model),
                size=self.size,
                dtype=dtype,
                attn_implementation=attention,
                seed=self._recipe.seed,
            )
        trained = self.tokenizer()
        from_scratch = build.build(self.size, trained, seed=self._recipe.seed)
        model_processor = processor.build_processor(from_scratch.config, trained)
        from_scratch.set_attn_implementation({"text_config": attention})
        return from_scratch.to(dtype), model_processor

    @property
    def size(self) -> str:
        """Size of the recipe for `load_size`, with a path made absolute."""
        name = self._recipe.model.size
        return str(self._workspace / name) if name.endswith(".toml") else name

    def tokenizer(self) -> PreTrainedTokenizerBase:
        """Return the tokenizer of a model from scratch. Call `prepare` first."""
        return AutoTokenizer.from_pretrained(self._folder)

    def local(self, name: str) -> str:
        """Return the folder `name` of the workspace if it exists, else `name` as a name on the hub."""
        path = self._workspace / name
        return str(path) if path.is_dir() else name

    def _checkpoint_names(self) -> list[str]:
        model = self._recipe.model
        return [name for name in (model.checkpoint, model.vision_tower, model.language_model) if name]

    def _texts(self, corpora: list[Corpus]) -> Iterator[str]:
        """Yield texts for the tokenizer: all training texts, and exports' other splits in trained and held-out
        languages.
        """
        for corpus in corpora:
            for turns in corpus.texts(0, corpus.num_conversations):
                yield from (text for turn in turns for text in turn)
        languages = self._recipe.languages
        for source in self._recipe.sources:
            if source.type == "export":
                export = self._inputs.exports[source.path]
                wanted = {*languages, *export.held_out_languages} if languages else None
                for split in SPLITS[1:]:
                    for row in export.questions(split, wanted):
                        yield from (row.question, row.answer)


def require_fit(stage: Stage, text: Any, vision: Any) -> None:
    """Check that a model has the positions, the layers and the modules that a stage needs.

    Args:
        stage: the stage.
        text: configuration of the language model.
        vision: configuration of the vision tower.

    Raises:
        UserError: it lacks them.
    """
    positions = getattr(text, "max_position_embeddings", None)
    if stage.objective == "sft" and positions and stage.batch.max_length > positions:
        raise UserError(
            f"Stage {stage.name} has max_length {stage.batch.max_length}, but the model has {positions} positions. "
            "Lower max_length."
        )
    part, config = ("vision tower", vision) if stage.objective == "contrastive" else ("language model", text)
    number, layers = stage.memory.gradient_checkpointing_layers, config.num_hidden_layers
    if number is not None and number > layers:
        raise UserError(
            f"Stage {stage.name} has gradient_checkpointing_layers {number}, but the {part} has {layers} layers. Lower "
            "it, or remove it to recompute all."
        )
    if stage.lora:
        lora.require_modules(stage.lora, text)


def require_attention(model: Model) -> None:
    """Check that this machine can train with the attention of the recipe.

    Raises:
        UserError: it cannot.
    """
    if model.attn_implementation == "flex_attention" and not torch.cuda.is_available():
        raise UserError('attn_implementation = "flex_attention" needs a GPU to train. Set "auto" or "sdpa".')


def attn_implementation(model: Model) -> str:
    """Return the attention of the language model on this machine."""
    if torch.cuda.is_available() or model.attn_implementation != "auto":
        return planned_attention(model)
    return "sdpa" if model.torch_compile else GROUPED  # each layout of groups would be compiled


def planned_attention(model: Model) -> str:
    """Return the attention of the language model on a machine with a GPU."""
    return "flex_attention" if model.attn_implementation == "auto" else model.attn_implementation


def processor_key(model_processor: LlavaNextProcessor, folder: Path) -> str:
    """Return a key of everything that decides the lengths of texts and images; `folder` is for temporary files."""
    model_processor.save_pretrained(folder)
    return sha256_file(folder / "tokenizer.json")[:12] + sha256_file(folder / "processor_config.json")[:12]
