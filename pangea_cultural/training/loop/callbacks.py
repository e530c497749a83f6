"""The callback of a stage: progress, metrics and complete checkpoints."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback, TrainingArguments

from pangea_cultural.utils.console import Bar

if TYPE_CHECKING:
    from pangea_cultural.training.loop.distributed import Processes
    from pangea_cultural.training.loop.trainer import StageTrainer


class StageCallback(TrainerCallback):
    """The callback of a stage: shows progress, counts steps and completes checkpoints.

    Args:
        trainer: the trainer of the stage.
        bar: its progress bar.
        save_total_limit: most checkpoints to keep.
        processes: the processes that train together.
        push: called on the main process with each complete checkpoint.
    """

    def __init__(
        self,
        trainer: "StageTrainer",
        bar: Bar,
        save_total_limit: int,
        processes: "Processes",
        push: Callable[[Path], None],
    ) -> None:
        self._trainer = trainer
        self._bar = bar
        self._save_total_limit = save_total_limit
        self._processes = processes
        self._push = push

    def on_train_begin(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """Advance the bar to the resumed step, and replace the intervals that the checkpoint stored."""
        state.compute_steps(args, state.max_steps)
        self._bar.advance(state.global_step)
        if self._is_validation_due(state) and self._trainer.misses_validation():
            self._trainer.validate_resumed_step()  # a signal has stopped the run before it
        self._trainer.metrics.restart_clock()

    def on_step_end(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """Count a step; log and validate after the last one."""
        trainer = self._trainer
        trainer.metrics.count_step(trainer.step_inputs, is_skipped=trainer.skips_step)
        trainer.add_broken_images()
        if state.global_step == state.max_steps:
            control.should_log = True
            control.should_evaluate = self._is_validation_due(state)
        if args.metric_for_best_model and self._is_validation_due(state):
            control.should_log = True  # it may be the last step
        self._stop_if_asked(control)
        self._bar.advance(1, extra=progress_text(trainer.metrics.totals, state.log_history))

    def on_save(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """Complete a checkpoint."""
        checkpoint = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        self._trainer.complete_checkpoint(checkpoint, self._save_total_limit)
        if state.is_world_process_zero:
            self._push(checkpoint)
        self._trainer.metrics.restart_clock()

    def _is_validation_due(self, state: Any) -> bool:
        """Return whether a validation follows the current step."""
        if self._trainer.eval_dataset is None or not state.global_step:
            return False
        return bool(state.global_step == state.max_steps or state.global_step % state.eval_steps == 0)

    def _stop_if_asked(self, control: Any) -> None:
        """Save and stop if a process has received a signal. A validation can wait: it may take longer than is left."""
        if self._processes.stop_signal():
            control.should_evaluate = False
            control.should_save = control.should_training_stop = True


def progress_text(totals: dict[str, float], history: list[dict[str, Any]]) -> str:
    """Return the text after the progress bar: loss, questions per second, and share of image tokens saved."""
    losses = [entry["loss"] for entry in history[-2:] if "loss" in entry]
    parts = [f"loss {losses[-1]:.3f}"] if losses else []
    if totals["seconds"]:
        speed = totals["questions"] / totals["seconds"]
        parts.append(f"{speed:.{0 if speed >= 10 else 1 if speed >= 1 else 2}f} questions/s")
    if totals["unshared_image_tokens"]:
        parts.append(f"{1 - totals['image_tokens'] / totals['unshared_image_tokens']:.0%} of image tokens saved")
    return ", ".join(parts)
