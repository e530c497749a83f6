"""What to train: a recipe, as TOML. Named recipes lie in training/recipes/."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from pangea_cultural import config
from pangea_cultural.dataset.question import QuestionType
from pangea_cultural.errors import UserError
from pangea_cultural.reference.languages import language
from pangea_cultural.training.data.sources.config import Source

RECIPES = "pangea_cultural.training.recipes"
"""Package folder of the named recipes."""
Part = Literal["vision_tower", "projector", "language_model"]
Rate = Annotated[float, Field(gt=0)]


class Model(config.Config):
    """What the training starts from: one of a checkpoint, a size, or a vision tower and a language model."""

    checkpoint: str = ""
    """A LLaVA-NeXT checkpoint in Hugging Face layout: a folder, relative to the workspace, or a name on the hub."""
    size: str = ""
    """Name of a size (model/sizes/), or a TOML file of one's own, relative to the workspace: from scratch, with random
    weights and a tokenizer of its own. Beside another start it says to the dry run how large that is, where it is not
    on this machine."""
    vocabulary: int = Field(default=2560, ge=300)
    """Size of the tokenizer that is trained for a model from scratch."""
    vision_tower: str = ""
    """A CLIP checkpoint. A fresh projector is put between it and the language model."""
    language_model: str = ""
    """A causal language model, for the vision tower."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the weights that do not learn; what learns is held in float32. Matrices are multiplied in bfloat16 on a GPU
    in any case, elsewhere where this is bfloat16."""
    attention: Literal["auto", "sdpa", "eager", "flex_attention"] = "auto"
    """`auto`: FlexAttention on a GPU, which skips what may not be seen; a dense mask with sdpa elsewhere."""

    @model_validator(mode="after")
    def _one_start(self) -> "Model":
        if bool(self.vision_tower) != bool(self.language_model):
            raise ValueError("vision tower and language_model go together")
        if self.checkpoint and self.vision_tower:
            raise ValueError("give either checkpoint or vision tower and language_model")
        if self.vision_tower and not self.size:
            raise ValueError("vision tower and language_model need a size, whose grids and tiles they get")
        if not (self.checkpoint or self.vision_tower or self.size):
            raise ValueError("give checkpoint, size, or vision tower and language_model")
        return self

    @property
    def from_scratch(self) -> bool:
        """Random weights and a tokenizer of its own."""
        return not (self.checkpoint or self.vision_tower)


class Lora(config.Config):
    """Low-rank adapters in the language model (Hu et al., 2021, arXiv 2106.09685), through peft; merged at the end."""

    rank: int = Field(default=64, ge=1)
    alpha: int = Field(default=128, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    modules: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class Stage(config.Config):
    """One part of the training, with an optimizer of its own."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    objective: Literal["contrastive", "answers"] = "answers"
    """`contrastive`: vision tower patches against names (CLIP's loss). `answers`: next-token loss on the answers."""
    train: tuple[Part, ...] = Field(min_length=1)
    """Parts that learn; the others are frozen. A frozen vision tower is in evaluation mode. A frozen language model is
    not: activations are checkpointed in training mode only. It has no dropout, so that the result is the same."""
    lora: Lora | None = None
    """Learn adapters in the place of the language model's own weights."""

    steps: int | None = Field(default=None, ge=1)
    """Optimizer steps, with sources drawn by their shares. A stage has either steps or epochs."""
    epochs: int | None = Field(default=None, ge=1)
    """How often every question of every source comes, or as many as its count."""
    batch_questions: int = Field(ge=1)
    """Questions in a step, over all processes; with the objective `contrastive`, images."""
    questions_per_image: int = Field(default=8, ge=1)
    """At most so many questions share an image's tokens in one step; further ones come in other steps."""
    packing: Literal["shared", "rows"] = "shared"
    """`shared`: questions share their image, and rows are filled. `rows`: a row for each question. The result is the
    same, the cost is not."""
    max_length: int = Field(default=8192, ge=16)
    """Tokens in a row."""
    per_device_rows: int = Field(default=1, ge=1)
    """Rows in one forward pass on a device. Fewer, and a smaller max_length, need less memory."""
    gradient_checkpointing: bool = False
    """Compute activations again in the backward pass instead of keeping them."""

    loss_weighting: Literal["token", "question", "sqrt"] = "token"
    """What a target counts. `token`: one, so that the loss is the mean over a step's targets; the default, for that is
    what transformers makes of separate rows, and what others report. `question`: questions count alike, long answers no
    more than short ones. `sqrt`: an image with n questions in a step counts as much as √n images with one."""
    vary_images: bool = False
    """Change light (and, for `contrastive`, place) of the images by a draw each time: few images go further."""
    learning_rate: Rate
    learning_rates: dict[Part, Rate] = Field(default_factory=dict)
    """Of single parts that learn, where they have another."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    min_learning_rate: float = Field(default=0.0, ge=0, lt=1)
    """Where a cosine ends, as a share of the learning rate."""
    warmup: float = Field(default=0.03, ge=0)
    """Steps of warm-up, or below 1 their share of all steps."""
    weight_decay: float = Field(default=0.0, ge=0)
    adam_beta2: float = Field(default=0.999, gt=0, lt=1)
    max_gradient_norm: float = Field(default=1.0, gt=0)

    log_steps: int = Field(default=10, ge=1)
    save_steps: int = Field(default=200, ge=1)
    save_total: int = Field(default=2, ge=1)
    """Checkpoints to keep for going on after a stop."""

    @model_validator(mode="after")
    def _steps_or_epochs(self) -> "Stage":
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("give either steps or epochs")
        if self.lora and "language_model" not in self.train:
            raise ValueError("lora adapts the language model: name it in train")
        return self

    @model_validator(mode="after")
    def _rates_are_used(self) -> "Stage":
        # Input embeddings learn with the names, whether or not the language model does.
        learning = {*self.train, *(["language_model"] if self.objective == "contrastive" else [])}
        idle = [part for part in self.learning_rates if part not in learning]
        if idle:
            raise ValueError(f"learning_rates names {', '.join(idle)}, which does not learn: name it in train")
        if self.min_learning_rate and self.schedule != "cosine":
            raise ValueError(f'min_learning_rate is where a cosine ends, and the schedule is "{self.schedule}"')
        return self


class Validation(config.Config):
    """Questions that are only asked: their loss by language, held-out ones included, and some answers."""

    path: Path
    """An export, relative to the workspace."""
    split: Literal["dev", "test", "unseen"] = "dev"
    questions: tuple[QuestionType, ...] = ("open", "choice")
    """Kinds of questions to ask."""
    questions_per_language: int = Field(default=64, ge=1)
    steps: int = Field(default=500, ge=1)
    """Every so many steps; always at the end of a stage."""
    answers: int = Field(default=8, ge=0)
    """Questions whose answers are generated, to look at."""
    max_new_tokens: int = Field(default=32, ge=1)


class Recipe(config.Config):
    """What to train."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    seed: int = 0
    threads: int = Field(default=2, ge=1)
    """Of torch on CPU; sums are rounded alike only with equally many."""
    workers: int = Field(default=0, ge=0)
    """Processes that read images and make batches, beside each training process."""
    languages: tuple[str, ...] = ()
    """Languages to learn; all of the sources where none is named."""
    held_out_languages: tuple[str, ...] = ()
    """Languages that must not be learnt, beside those that the exports hold out: a row in one of them is an error."""
    max_skipped: float = Field(default=0.01, ge=0, le=1)
    """Share of missing or broken images above which the training stops."""
    sharding: Literal["none", "full"] = "none"
    """Over several processes: `none` keeps the whole model on each (DDP), `full` a part of it (FSDP2)."""
    deepspeed: Path | None = None
    """A configuration of DeepSpeed (JSON), relative to the workspace, instead of `sharding`. Its "auto" values are
    filled in from this recipe, as transformers does; the package is yours to install. The dry run knows nothing of it.
    """
    report_to: tuple[str, ...] = ()
    """transformers' reporters: tensorboard (its files go to the workspace's `tensorboard`), wandb, trackio …; their
    packages are yours to install."""
    export_precision: Literal["float32", "bfloat16"] = "float32"
    """Of the finished checkpoint."""
    license: str = "apache-2.0"
    model: Model
    sources: tuple[Source, ...] = Field(min_length=1)
    validation: Validation | None = None
    stages: tuple[Stage, ...] = Field(min_length=1)

    @field_validator("languages", "held_out_languages")
    @classmethod
    def _known_languages(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(language(code).code for code in codes)
        except UserError as error:
            raise ValueError(str(error)) from error

    @model_validator(mode="after")
    def _stages_differ(self) -> "Recipe":
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise ValueError("two stages have the same name")
        return self

    @model_validator(mode="after")
    def _shares_are_used(self) -> "Recipe":
        weighted = _paths(source for source in self.sources if source.weight is not None)
        counted = _paths(source for source in self.sources if source.count is not None)
        others = _paths(source for source in self.sources if source.count is None)
        for stage in self.stages:
            if stage.epochs and weighted:
                raise ValueError(
                    f"stage {stage.name} has epochs, in which all questions come, whatever the weight of {weighted}: "
                    "give counts, or give the stage steps"
                )
            if stage.steps and counted and others:
                raise ValueError(
                    f"stage {stage.name} has steps, for which a count of {counted} is no share beside {others}: "
                    "give all sources a weight, or all a count"
                )
        return self

    @model_validator(mode="after")
    def _shardable(self) -> "Recipe":
        if self.deepspeed and self.sharding == "full":
            raise ValueError("give either deepspeed or sharding")
        for stage in self.stages:
            if self.is_sharded and (stage.lora or stage.objective == "contrastive"):
                question_type = "lora" if stage.lora else "contrastive"
                raise ValueError(
                    f'stage {stage.name} is {question_type}, which fits on each device: use sharding = "none"'
                )
        return self

    @property
    def is_sharded(self) -> bool:
        """Whether parameters may be spread over devices while they learn."""
        return self.sharding == "full" or self.deepspeed is not None

    def with_steps(self, steps: int | None) -> "Recipe":
        """The recipe with another number of steps in its main stage, which is the last.

        Raises:
            UserError: some sources have a count and others none, which fits epochs only.
        """
        if steps is None:
            return self
        main = self.stages[-1].model_copy(update={"steps": steps, "epochs": None})
        changed = self.model_copy(update={"stages": (*self.stages[:-1], main)})
        # A copy is not validated, and what fits epochs need not fit steps.
        return config.parse(Recipe, changed.model_dump(), where="with --steps")

    def with_data(self, name: str | None) -> "Recipe":
        """The recipe with another export in the place of its own."""
        if name is None:
            return self
        path = Path("exports") / name
        sources = (s.model_copy(update={"path": path}) if s.type == "export" else s for s in self.sources)
        update: dict[str, Any] = {"sources": tuple(sources)}
        if self.validation:
            update["validation"] = self.validation.model_copy(update={"path": path})
        return self.model_copy(update=update)


def _paths(sources: Iterable[Source]) -> str:
    return ", ".join(str(source.path) for source in sources)
