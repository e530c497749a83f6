"""The training recipe: a TOML file as typed, frozen objects. Named recipes are in training/recipes/."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from pangea_cultural import config
from pangea_cultural.dataset.question import QuestionType
from pangea_cultural.errors import UserError, unknown
from pangea_cultural.reference.languages import language
from pangea_cultural.training.data.sources.config import Source

RECIPES = "pangea_cultural.training.recipes"
"""Package folder of the named recipes."""
Part = Literal["vision_tower", "projector", "language_model"]
Dtype = Literal["float32", "bfloat16"]
Optim = Literal["adamw_torch_fused", "adamw_bnb_8bit", "adamw_bf16", "muon"]
LearningRate = Annotated[float, Field(gt=0)]

WARMUP_RATIO = 0.03
"""Share of all steps, for a stage with neither `warmup_steps` nor `warmup_ratio`."""
METRICS = ("loss", "loss_trained_languages", "loss_held_out_languages", "loss_language_CODE")
"""Losses of a validation that a stage can compare its checkpoints by."""


class Model(config.Config):
    """The base model. Give one of `checkpoint`, `size`, or `vision_tower` with `language_model`."""

    checkpoint: str = ""
    """LLaVA-NeXT checkpoint in Hugging Face layout: a folder, relative to the workspace, or a name on the hub."""
    size: str = ""
    """Name of a size (model/sizes/), or a TOML file, relative to the workspace. Alone: random weights and a new
    tokenizer. With `checkpoint`: the dry run uses it if the checkpoint is not downloaded. With `vision_tower`: gives
    the grids of tiles."""
    vocab_size: int = Field(default=2560, ge=300)
    """Vocabulary size of the tokenizer that is trained for a model with random weights."""
    vision_tower: str = ""
    """CLIP checkpoint. A new projector connects it to the language model."""
    language_model: str = ""
    """Causal language model for the vision tower."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Dtype of frozen weights. Matrix products are bfloat16 on a GPU, and with `bfloat16` on a CPU. On GPUs without
    bfloat16, and with `float16`, they are float16, and the loss is scaled."""
    load_in_4bit: bool = False
    """Quantize the linear layers of the language model to NF4 (QLoRA; Dettmers et al., 2023, arXiv 2305.14314). Stages
    that train the language model need `lora`. Needs bitsandbytes."""
    bnb_4bit_use_double_quant: bool = True
    """Quantize the scales of the 4-bit blocks as well: 4.13 bits per weight in place of 4.5."""
    attn_implementation: Literal["auto", "sdpa", "eager", "flex_attention"] = "auto"
    """Attention of the language model. `auto`: FlexAttention on a GPU, which skips masked blocks; on a CPU sdpa, group
    by group where that is faster. `sdpa`: with a dense mask."""
    torch_compile: bool = False
    """Compile the layers with torch.compile, which needs a C++ compiler. The first steps take minutes. It changes the
    rounding of sums only, and may change on resume."""

    @model_validator(mode="after")
    def _one_base(self) -> "Model":
        if bool(self.vision_tower) != bool(self.language_model):
            raise ValueError("Only one of vision_tower and language_model is set. Set both or neither.")
        if self.checkpoint and self.vision_tower:
            raise ValueError("Both checkpoint and vision_tower are set. Remove one.")
        if self.vision_tower and not self.size:
            raise ValueError("vision_tower and language_model need the grids and tiles of a size. Set size.")
        if not (self.checkpoint or self.vision_tower or self.size):
            raise ValueError("There is no base model. Set checkpoint, size, or vision_tower and language_model.")
        return self

    @model_validator(mode="after")
    def _keys_are_used(self) -> "Model":
        if not self.from_scratch and _changed(self, "vocab_size"):
            raise ValueError("vocab_size is that of a new tokenizer, but the base model has its own. Remove it.")
        if not self.load_in_4bit and _changed(self, "bnb_4bit_use_double_quant"):
            raise ValueError("bnb_4bit_use_double_quant needs load_in_4bit = true. Set it, or remove the key.")
        return self

    @property
    def from_scratch(self) -> bool:
        """Whether the weights are random and the tokenizer is new."""
        return not (self.checkpoint or self.vision_tower)


class Lora(config.Config):
    """Low-rank adapters in the language model (Hu et al., 2021, arXiv 2106.09685), merged at the end of the stage."""

    rank: int = Field(default=64, ge=1)
    """Rank of the adapters."""
    alpha: int = Field(default=128, ge=1)
    """Scale: an adapter's output is multiplied by alpha / rank."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout of an adapter's input."""
    modules: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    """Linear layers that get an adapter."""


class Optimizer(config.Config):
    """AdamW or Muon, and the learning rate schedule."""

    learning_rate: LearningRate
    """Peak learning rate."""
    learning_rates: dict[Part, LearningRate] = Field(default_factory=dict)
    """Peak learning rates of single parts, in place of `learning_rate`."""
    lr_scheduler: Literal["cosine", "linear", "constant"] = "cosine"
    """Schedule after the warm-up."""
    min_lr_ratio: float = Field(default=0.0, ge=0, lt=1)
    """Final learning rate of a cosine schedule, as a ratio of the peak."""
    warmup_steps: int | None = Field(default=None, ge=0)
    """Steps of linear warm-up."""
    warmup_ratio: float | None = Field(default=None, ge=0, lt=1)
    """Linear warm-up as a share of all steps, in place of `warmup_steps`; 0.03 if neither is given."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Weight decay; norms and biases have none."""
    adam_beta2: float = Field(default=0.999, gt=0, lt=1)
    """Decay rate of AdamW's second moment."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    """Maximum norm of the gradients, which are clipped to it."""
    optim: Optim = "adamw_torch_fused"
    """AdamW with moments in float32, in 8 bits (`adamw_bnb_8bit`, needs bitsandbytes), or in bfloat16 (`adamw_bf16`,
    not in transformers). Updates are computed in float32. `muon`: Muon for the matrices of linear layers, without the
    output embeddings, and AdamW for the others, with the same learning rates (Liu et al., 2025, arXiv 2502.16982)."""
    optim_offload: bool = False
    """Keep the moments in main memory. Each step moves them to the device and back, a part at a time."""
    weight_dtype: Dtype = "float32"
    """Dtype of trainable weights and their gradients. Updates of `bfloat16` weights are rounded stochastically, which
    needs `adamw_bf16` or `optim_offload`."""

    @model_validator(mode="after")
    def _states_fit(self) -> "Optimizer":
        if self.optim_offload and self.optim == "adamw_bnb_8bit":
            raise ValueError('optim_offload cannot move 8-bit moments. Set optim = "adamw_bf16", or remove it.')
        if self.optim_offload and self.optim == "muon":
            raise ValueError("optim_offload cannot move the moments of muon. Remove one.")
        if self.weight_dtype == "bfloat16" and not self.rounds_stochastically:
            raise ValueError(
                'weight_dtype = "bfloat16" needs updates that are rounded stochastically: those of float32 or 8-bit '
                'AdamW would be lost. Set optim = "adamw_bf16".'
            )
        return self

    @property
    def rounds_stochastically(self) -> bool:
        """Whether the optimizer is `LowMemoryAdamW`, which rounds bfloat16 weights stochastically."""
        return self.optim == "adamw_bf16" or self.optim_offload

    @property
    def has_own_optimizer(self) -> bool:
        """Whether the optimizer is not one of transformers."""
        return self.rounds_stochastically or self.optim == "muon"

    @property
    def needs_whole_parameters(self) -> bool:
        """Whether a setting needs parameters that are not sharded over devices."""
        return self.has_own_optimizer or self.optim != "adamw_torch_fused"

    @model_validator(mode="after")
    def _keys_fit(self) -> "Optimizer":
        if self.warmup_steps is not None and self.warmup_ratio is not None:
            raise ValueError("Both warmup_steps and warmup_ratio are set. Remove one.")
        if self.min_lr_ratio and self.lr_scheduler != "cosine":
            raise ValueError(f'min_lr_ratio needs lr_scheduler = "cosine", not "{self.lr_scheduler}". Remove one.')
        return self

    @property
    def warmup(self) -> float:
        """Steps of warm-up, or below 1 their share of all steps, as in transformers' `warmup_steps`."""
        if self.warmup_steps is not None:
            return self.warmup_steps
        return WARMUP_RATIO if self.warmup_ratio is None else self.warmup_ratio


class Batch(config.Config):
    """Questions of an optimizer step, and the rows that hold them."""

    global_batch_size: int = Field(ge=1)
    """Questions per optimizer step, over all processes; images for the objective `contrastive`."""
    max_questions_per_image: int = Field(default=8, ge=1)
    """Maximum number of questions about an image in one step; the others come in other steps."""
    image_multiple: int = Field(default=1, ge=1)
    """The number of images in a step is a multiple of this. Set it to the number of devices, so that all have equally
    many: an image is not divided. The questions of a step then vary more around `global_batch_size`. A conversation
    without an image counts as one."""
    packing: Literal["shared", "rows"] = "shared"
    """`shared`: questions share their image, and rows are filled. `rows`: one row per question. The loss is the same;
    `shared` is faster."""
    max_length: int = Field(default=8192, ge=16)
    """Maximum number of tokens in a row."""


class Memory(config.Config):
    """Settings that trade memory for speed. They may change on resume."""

    per_device_batch_size: int = Field(default=1, ge=1)
    """Rows per forward pass on a device. Lower it, or `max_length`, to save memory."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass to save memory. It takes another forward pass."""
    gradient_checkpointing_layers: int | None = Field(default=None, ge=0)
    """Number of layers that do so, from the first on: of the language model; in a stage with the objective
    `contrastive`, of the vision tower. All by default. Beside the language model a trained vision tower recomputes all
    of its layers. `--dry-run --device-memory` chooses a number."""

    @model_validator(mode="after")
    def _layers_are_used(self) -> "Memory":
        if self.gradient_checkpointing_layers is not None and not self.gradient_checkpointing:
            raise ValueError(
                "gradient_checkpointing_layers needs gradient_checkpointing = true. Set it, or remove the number."
            )
        return self

    def recomputed_layers(self, layers: int) -> int:
        """Return how many of a number of layers recompute their activations."""
        if not self.gradient_checkpointing:
            return 0
        chosen = self.gradient_checkpointing_layers
        return layers if chosen is None else min(chosen, layers)


class Checkpoint(config.Config):
    """Checkpoints for resuming, the choice of the best one, and the log. `save_steps`, `save_total_limit` and
    `logging_steps` may change on resume.
    """

    save_steps: int = Field(default=200, ge=1)
    """Steps between checkpoints."""
    save_total_limit: int = Field(default=2, ge=1)
    """Maximum number of checkpoints to keep, besides the best one."""
    logging_steps: int = Field(default=10, ge=1)
    """Steps between log entries."""
    load_best_model_at_end: bool = False
    """End the stage with the weights of the validation with the lowest loss, not with the last ones. Such a validation
    saves a checkpoint, whatever `save_steps` is. Of equal losses the first counts."""
    metric_for_best_model: str = METRICS[1]
    """Loss of a validation to compare. `loss`: mean of all targets. `loss_trained_languages` and
    `loss_held_out_languages`: mean of the losses of languages with training questions, or without. `loss_language_de`:
    that of a language. Held-out languages that choose the weights are no longer held out."""
    early_stopping_patience: int | None = Field(default=None, ge=1)
    """Number of validations in a row without a lower loss after which the stage ends. None: it makes all steps."""
    early_stopping_threshold: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Difference from the lowest loss above which a lower loss counts, for `early_stopping_patience`."""

    @field_validator("metric_for_best_model")
    @classmethod
    def _known_metric(cls, name: str) -> str:
        prefix, found, code = name.removeprefix("eval_").partition("loss_language_")
        try:
            if found and not prefix and code != "CODE":
                return found + language(code).code
        except UserError as error:
            raise ValueError(str(error)) from error
        if found or prefix not in METRICS:
            raise ValueError(str(unknown("metric_for_best_model", name, METRICS)))
        return prefix

    @model_validator(mode="after")
    def _choice_is_used(self) -> "Checkpoint":
        if self.early_stopping_patience is None and self.early_stopping_threshold:
            raise ValueError("early_stopping_threshold needs early_stopping_patience. Set it.")
        if not self.compares and self.metric_for_best_model != METRICS[1]:
            raise ValueError("metric_for_best_model needs load_best_model_at_end or early_stopping_patience. Set one.")
        return self

    @property
    def compares(self) -> bool:
        """Whether the stage compares its validations."""
        return self.load_best_model_at_end or self.early_stopping_patience is not None


class Stage(config.Config):
    """One stage of training, with its own optimizer."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    """Name of the stage. It is part of the seed of the question order."""
    objective: Literal["contrastive", "sft"] = "sft"
    """`contrastive`: match vision tower patches with names (CLIP's loss). `sft`: next-token loss on the answers."""
    trainable: tuple[Part, ...] = Field(min_length=1)
    """Trainable parts; the others are frozen. A frozen vision tower is in evaluation mode. A frozen language model is
    in training mode, because only then are activations checkpointed; it has no dropout."""
    lora: Lora | None = None
    """Adapters to train in place of the language model's own weights."""
    steps: int | None = Field(default=None, ge=1)
    """Optimizer steps, with sources sampled by their weights. Give either `steps` or `epochs`."""
    epochs: int | None = Field(default=None, ge=1)
    """Passes over every source: each of its questions once, or as many as its `count`."""
    loss_weighting: Literal["token", "question", "sqrt"] = "token"
    """Weight of each target token. `token`: equal weights, the mean over a step's targets, as transformers computes for
    separate rows. `question`: equal weights per question, so that long answers count no more than short ones. `sqrt`:
    an image with n questions in a step counts as much as sqrt(n) images with one."""
    augment_images: bool = False
    """Change the colors of images at random (and, for `contrastive`, their position) each time they are shown."""
    optimizer: Optimizer
    """Optimizer and learning rate schedule."""
    batch: Batch
    """Size and layout of a batch."""
    memory: Memory = Field(default_factory=Memory)
    """Settings that trade memory for speed."""
    checkpoint: Checkpoint = Field(default_factory=Checkpoint)
    """Checkpoints and log."""

    @model_validator(mode="after")
    def _steps_or_epochs(self) -> "Stage":
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("A stage needs either steps or epochs. Set one of them.")
        if self.lora and "language_model" not in self.trainable:
            raise ValueError('lora needs a trainable language model. Add "language_model" to trainable.')
        return self

    @model_validator(mode="after")
    def _contrastive_uses_keys(self) -> "Stage":
        if self.objective != "contrastive":
            return self
        if self.lora:
            raise ValueError("contrastive has no adapters. Remove lora.")
        if set(self.trainable) != {"vision_tower"}:
            raise ValueError(
                'contrastive trains the vision tower and input embeddings only. Set trainable = ["vision_tower"].'
            )
        if self.checkpoint.compares:
            raise ValueError(
                "contrastive has no validation. Remove load_best_model_at_end and early_stopping_patience."
            )
        unused = _changed(self.batch, "packing", "max_length", "max_questions_per_image")
        if unused := unused + _changed(self, "loss_weighting"):
            raise ValueError(f"contrastive shows images without questions. Remove {', '.join(unused)}.")
        return self

    @model_validator(mode="after")
    def _rates_are_used(self) -> "Stage":
        # `contrastive` trains the input embeddings even if the language model is frozen.
        trained = {*self.trainable, *(["language_model"] if self.objective == "contrastive" else [])}
        frozen = [part for part in self.optimizer.learning_rates if part not in trained]
        if frozen:
            parts = ", ".join(frozen)
            raise ValueError(f"learning_rates names {parts}, but trainable does not. Add it to trainable.")
        return self


class Validation(config.Config):
    """Questions for validation: losses by language, held-out languages included, and generated answers."""

    path: Path
    """Export, relative to the workspace."""
    split: Literal["dev", "test", "unseen"] = "dev"
    """Split of the export."""
    question_types: tuple[QuestionType, ...] = ("open", "choice")
    """Question types to validate on."""
    questions_per_language: int = Field(default=64, ge=1)
    """Maximum number of questions per language."""
    steps: int = Field(default=500, ge=1)
    """Steps between validations; there is always one at the end of a stage."""
    answers: int = Field(default=8, ge=0)
    """Number of questions to generate an answer for."""
    max_new_tokens: int = Field(default=32, ge=1)
    """Maximum number of tokens of a generated answer."""


class Recipe(config.Config):
    """A training recipe."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    """Name of the checkpoint."""
    seed: int = 0
    """Seed of weights, question order and augmentation."""
    num_threads: int = Field(default=2, ge=1)
    """Torch's CPU threads. The same number gives the same rounding of sums."""
    num_workers: int = Field(default=0, ge=0)
    """Data worker processes per training process. It may change on resume."""
    languages: tuple[str, ...] = ()
    """Languages to train on; all languages of the sources if empty."""
    held_out_languages: tuple[str, ...] = ()
    """Languages that no training row may be in, besides those that the exports hold out."""
    max_broken_image_ratio: float = Field(default=0.01, ge=0, le=1)
    """Ratio of missing or broken images above which training stops. It may change on resume."""
    parallelism: Literal["ddp", "fsdp"] = "ddp"
    """Distribution over processes. `ddp`: each device has a copy of the model. `fsdp`: the model is sharded (FSDP2)."""
    context_parallel_size: int = Field(default=1, ge=1)
    """Processes that divide each row between them (context parallelism), so that an image can be on several devices.
    Of other numbers of processes, their greatest common divisor with this one. They should be on one node: each layer
    gathers keys and values. Rows are as many times longer. It may change on resume."""
    deepspeed: Path | None = None
    """DeepSpeed configuration (JSON), relative to the workspace, in place of `parallelism`. transformers fills its
    "auto" values from this recipe. Install `deepspeed` yourself. The dry run ignores it."""
    report_to: tuple[str, ...] = ()
    """Reporters of transformers: tensorboard (written to the workspace's `tensorboard`), wandb, trackio and others.
    Install their packages yourself. It may change on resume."""
    export_dtype: Dtype = "float32"
    """Dtype of the finished checkpoint."""
    license: str = "apache-2.0"
    """License of the finished checkpoint, as an identifier of the hub."""
    push_to_hub: bool = False
    """Upload the finished checkpoint to the Hugging Face hub. The token is read from HF_TOKEN, or else from
    `hf auth login`. This and the next keys may change on resume."""
    hub_model_id: str = ""
    """Repository on the hub: USER/NAME, or NAME; the name of the recipe if empty."""
    hub_private_repo: bool = True
    """Refuse a public repository, and make a new one private: licenses of images may not allow to publish a model."""
    hub_strategy: Literal["end", "checkpoint", "all_checkpoints"] = "end"
    """Checkpoints to upload during the training. `end`: none. `checkpoint`: the last one, in `last-checkpoint`.
    `all_checkpoints`: each, in `checkpoints`. One that is saved while another is on its way is left out."""
    model: Model
    """Base model."""
    sources: tuple[Source, ...] = Field(min_length=1)
    """Training data."""
    validation: Validation | None = None
    """Validation data."""
    stages: tuple[Stage, ...] = Field(min_length=1)
    """Stages, in order."""

    @field_validator("languages", "held_out_languages")
    @classmethod
    def _known_languages(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(language(code).code for code in codes)
        except UserError as error:
            raise ValueError(str(error)) from error

    @model_validator(mode="after")
    def _stage_names_differ(self) -> "Recipe":
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise ValueError("Two stages have the same name. Rename one.")
        return self

    @model_validator(mode="after")
    def _compared_stages_validate(self) -> "Recipe":
        for stage in self.stages:
            if stage.checkpoint.compares and not self.validation:
                key = "load_best_model_at_end" if stage.checkpoint.load_best_model_at_end else "early_stopping_patience"
                raise ValueError(f"Stage {stage.name} has {key}, but there is no validation. Add [validation].")
        return self

    @model_validator(mode="after")
    def _validation_and_hub_are_used(self) -> "Recipe":
        if self.validation and all(stage.objective == "contrastive" for stage in self.stages):
            raise ValueError("All stages are contrastive, which has no validation. Remove [validation].")
        unused = ", ".join(_changed(self, "hub_model_id", "hub_private_repo", "hub_strategy"))
        if unused and not self.push_to_hub:
            raise ValueError(f"Nothing uses {unused}. Set push_to_hub = true, or remove {unused}.")
        return self

    @model_validator(mode="after")
    def _weights_are_used(self) -> "Recipe":
        weighted = _paths(source for source in self.sources if source.weight is not None)
        counted = _paths(source for source in self.sources if source.count is not None)
        others = _paths(source for source in self.sources if source.count is None)
        for stage in self.stages:
            if stage.epochs and weighted:
                raise ValueError(
                    f"Stage {stage.name} has epochs, which ignore the weight of {weighted}. "
                    "Give counts in place of weights, or steps in place of epochs."
                )
            if stage.steps and counted and others:
                raise ValueError(
                    f"Stage {stage.name} has steps, but {counted} has a count and {others} has none. "
                    "Give all sources a weight, or all a count."
                )
        return self

    @model_validator(mode="after")
    def _stages_can_be_sharded(self) -> "Recipe":
        if self.deepspeed and self.parallelism == "fsdp":
            raise ValueError('Both deepspeed and parallelism = "fsdp" are set. Remove one.')
        for stage in self.stages:
            if self.is_sharded and (stage.lora or stage.objective == "contrastive"):
                feature = "lora" if stage.lora else "contrastive"
                raise ValueError(
                    f"Stage {stage.name} uses {feature}, which cannot be sharded. "
                    'Use parallelism = "ddp" without deepspeed.'
                )
        return self

    @model_validator(mode="after")
    def _memory_settings_fit(self) -> "Recipe":
        for stage in self.stages:
            if self.is_sharded and stage.optimizer.needs_whole_parameters:
                raise ValueError(
                    f"Stage {stage.name} sets optim, optim_offload or weight_dtype, which cannot be sharded. "
                    'Use parallelism = "ddp" without deepspeed.'
                )
            if self.model.load_in_4bit and "language_model" in stage.trainable and not stage.lora:
                raise ValueError(
                    f"Stage {stage.name} trains the language model, whose weights load_in_4bit freezes. "
                    f"Add [stages.lora], or remove load_in_4bit."
                )
            if stage.optimizer.weight_dtype == "bfloat16" and self.model.dtype != "bfloat16":
                raise ValueError(
                    f"Stage {stage.name} has weight_dtype bfloat16, but model.dtype is {self.model.dtype}. "
                    'Set model.dtype = "bfloat16".'
                )
        if self.is_sharded and self.model.load_in_4bit:
            raise ValueError('load_in_4bit cannot be sharded. Use parallelism = "ddp" without deepspeed.')
        if self.is_sharded and self.model.dtype == "float16":
            raise ValueError('dtype = "float16" cannot be sharded. Use parallelism = "ddp" without deepspeed.')
        return self

    @model_validator(mode="after")
    def _rows_can_be_divided(self) -> "Recipe":
        if self.context_parallel_size > 1 and self.undivided:
            raise ValueError(self.undivided)
        return self

    @property
    def undivided(self) -> str:
        """Reason why processes cannot divide rows of this recipe; empty if they can."""
        for stage in self.stages:
            if stage.objective == "contrastive":
                return f"Stage {stage.name} is contrastive, which has no rows to divide. Remove context_parallel_size."
        if self.model.torch_compile:
            return "torch_compile cannot compile divided rows. Remove context_parallel_size."
        if self.model.attn_implementation == "eager":
            return 'attn_implementation "eager" cannot divide rows. Set "auto".'
        return ""

    def context_size(self, processes: int) -> int:
        """Return the number of processes that divide each row between them."""
        return math.gcd(self.context_parallel_size, processes)

    @property
    def is_sharded(self) -> bool:
        """Whether parameters may be sharded over devices during training."""
        return self.parallelism == "fsdp" or self.deepspeed is not None

    def with_steps(self, steps: int | None) -> "Recipe":
        """Return the recipe with `steps` optimizer steps in its last stage, and at most as many in earlier ones.

        Raises:
            UserError: some sources have a count and others none, which fits epochs only.
        """
        if steps is None:
            return self
        *earlier, last = self.stages
        fewer = [
            stage.model_copy(update={"steps": min(stage.steps, steps)}) if stage.steps else stage for stage in earlier
        ]
        last = last.model_copy(update={"steps": steps, "epochs": None})
        changed = self.model_copy(update={"stages": (*fewer, last)})
        # A copy is not validated, and a recipe for epochs may be invalid for steps.
        return config.parse(Recipe, changed.model_dump(), where="with --steps")

    def with_data(self, name: str | None) -> "Recipe":
        """Return the recipe with the export `name` in place of its own exports.

        Raises:
            UserError: no source is an export.
        """
        if name is None:
            return self
        if all(source.type != "export" for source in self.sources):
            raise UserError(f"The recipe {self.name} has no export to replace. Remove --data, or add an export to it.")
        path = Path("exports") / name
        sources = (s.model_copy(update={"path": path}) if s.type == "export" else s for s in self.sources)
        update: dict[str, Any] = {"sources": tuple(sources)}
        if self.validation:
            update["validation"] = self.validation.model_copy(update={"path": path})
        return self.model_copy(update=update)


def _changed(settings: config.Config, *keys: str) -> list[str]:
    """Return those of the keys of a table that do not have their defaults."""
    return [key for key in keys if getattr(settings, key) != type(settings).model_fields[key].default]


def _paths(sources: Iterable[Source]) -> str:
    return ", ".join(str(source.path) for source in sources)
