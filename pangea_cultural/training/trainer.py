"""The loop: transformers' `Trainer` with a fixed order of batches, frozen parts in evaluation mode, exact resume."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch.utils.data import Dataset, Sampler, SequentialSampler
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from pangea_cultural.console import Bar
from pangea_cultural.errors import UserError
from pangea_cultural.training.mixture import Group
from pangea_cultural.training.recipe import Stage

COMPLETE = "complete"
"""Empty file in a checkpoint folder, written last: a checkpoint without it was cut off by a kill."""
WEIGHTS = "weights.safetensors"


class Plan(Dataset):
    """The groups of a stage with their numbers, in the order in which they are learnt."""

    def __init__(self, groups: list[Group]) -> None:
        self._groups = groups

    def __len__(self) -> int:
        return len(self._groups)

    def __getitem__(self, index: int) -> tuple[int, Group]:
        return index, self._groups[index]


class StageTrainer(Trainer):
    """Trains one stage.

    Args:
        frozen: modules that do not learn; they stay in evaluation mode.
        num_questions: counts questions seen, for the record.
    """

    def __init__(self, *, frozen: list[torch.nn.Module], **arguments: Any) -> None:
        super().__init__(**arguments)
        self._frozen = frozen
        self.num_questions = 0
        self.remove_callback(PrinterCallback)

    def _get_train_sampler(self, *_: Any) -> Sampler:
        # The plan is shuffled already; and a sequence can be resumed by skipping what was seen.
        return SequentialSampler(self.train_dataset)

    def training_step(self, model: torch.nn.Module, inputs: dict, num_items_in_batch: Any = None) -> torch.Tensor:
        """One step.

        Raises:
            UserError: the loss is not a number any more.
        """
        self.num_questions += int(inputs.pop("num_questions"))
        loss = super().training_step(model, inputs, num_items_in_batch)
        if not torch.isfinite(loss):
            raise UserError(
                f"the loss is {loss.item()} at step {self.state.global_step + 1}: lower learning_rate in the recipe; "
                "the last saved step is kept"
            )
        return loss

    def compute_loss(self, model: torch.nn.Module, inputs: dict, *arguments: Any, **options: Any) -> Any:
        """As in `Trainer`, which has just put the whole model in training mode: frozen parts go back."""
        for module in self._frozen:
            module.eval()
        return super().compute_loss(model, inputs, *arguments, **options)

    # Weights of a checkpoint are saved by the modules' own names: `save_pretrained` writes the hub's, which
    # `load_state_dict` would pass over in silence.
    def _save(self, output_dir: str | None = None, state_dict: dict | None = None) -> None:
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        save_file(
            {name: value.detach().contiguous() for name, value in self.model.named_parameters()}, folder / WEIGHTS
        )

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: torch.nn.Module | None = None) -> None:
        load_weights(self.model, Path(resume_from_checkpoint) / WEIGHTS)


def load_weights(model: torch.nn.Module, path: Path) -> None:
    """Put saved parameters into a model; all of them must be there."""
    saved = load_file(path)
    with torch.no_grad():
        for name, value in model.named_parameters():
            value.copy_(saved.pop(name))
    if saved:
        raise ValueError(f"{path} has parameters that the model has not: {sorted(saved)[:3]}")


class Watch(TrainerCallback):
    """Shows progress and marks complete checkpoints."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar

    def on_train_begin(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """Count the steps of an earlier run."""
        self._bar.advance(state.global_step)

    def on_step_end(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """Count a step."""
        losses = [entry["loss"] for entry in state.log_history[-2:] if "loss" in entry]
        self._bar.advance(1, extra=f"loss {losses[-1]:.3f}" if losses else None)

    def on_save(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """The last act of saving: everything of the checkpoint is on disk."""
        (Path(args.output_dir) / f"checkpoint-{state.global_step}" / COMPLETE).touch()


def arguments(stage: Stage, folder: Path, *, seed: int) -> TrainingArguments:
    """The settings of a stage, as transformers names them."""
    return TrainingArguments(
        output_dir=str(folder),
        max_steps=stage.steps,
        per_device_train_batch_size=stage.pictures,
        learning_rate=stage.learning_rate,
        warmup_steps=stage.warmup_steps,
        lr_scheduler_type="cosine_with_min_lr",
        lr_scheduler_kwargs={"min_lr_rate": 0.05},
        weight_decay=stage.weight_decay,
        max_grad_norm=stage.max_gradient_norm,
        adam_beta2=0.98,
        bf16=torch.cuda.is_available(),
        use_cpu=not torch.cuda.is_available(),
        save_steps=stage.save_steps,
        save_total_limit=2,
        logging_steps=10,
        seed=seed,
        remove_unused_columns=False,
        disable_tqdm=True,
        report_to=[],
    )


def last_complete(folder: Path) -> Path | None:
    """The newest checkpoint of a stage that was saved to its end."""
    found = [path.parent for path in folder.glob(f"checkpoint-*/{COMPLETE}")]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)
