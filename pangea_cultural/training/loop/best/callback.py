"""The end of a stage whose validation loss no longer falls."""

import math
from collections.abc import Callable
from typing import Any

from transformers import EarlyStoppingCallback, TrainingArguments

from pangea_cultural.training.recipe import Checkpoint


class EarlyStopping(EarlyStoppingCallback):
    """transformers' early stopping, with three additions: exact resume, losses that are not finite, no patience.

    transformers resumes it with `restore_callback_states_from_checkpoint` only. That replaces the callback, after
    which a validation that was put off would come too early, and a stage that had ended would make another step.

    Args:
        settings: settings of the stage. Without patience the stage makes all steps.
        note: prints a line.
    """

    def __init__(self, settings: Checkpoint, note: Callable[[str], None]) -> None:
        patience = settings.early_stopping_patience
        super().__init__(math.inf if patience is None else patience, settings.early_stopping_threshold)
        self._metric = settings.metric_for_best_model
        self._note = note

    @property
    def has_stopped(self) -> bool:
        """Whether the stage has ended."""
        return bool(self.early_stopping_patience_counter >= self.early_stopping_patience)

    @property
    def reason(self) -> str:
        """Reason for the early end of the stage; empty before it."""
        count = self.early_stopping_patience_counter
        validations = "1 validation" if count == 1 else f"{count} validations"
        metric, threshold = self._metric, self.early_stopping_threshold
        lower = f"{metric} lower by more than {threshold:g}" if threshold else f"lower {metric}"
        return f"{validations} without a {lower}" if self.has_stopped else ""

    def on_train_begin(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """Restore the count of the checkpoint that the stage resumes from.

        transformers' own method only warns that `Trainer` will not load the best weights, which best/outcome.py does.
        """
        saved = state.stateful_callbacks[type(self).__name__]["attributes"]
        self.early_stopping_patience_counter = saved["early_stopping_patience_counter"]
        control.should_training_stop = self.has_stopped

    def check_metric_value(self, args: TrainingArguments, state: Any, control: Any, metric_value: float) -> None:
        """Count a validation without a lower loss; one that is not finite is never lower."""
        if math.isfinite(metric_value):
            super().check_metric_value(args, state, control, metric_value)
        else:
            self.early_stopping_patience_counter += 1
            self._note(f"{self._metric} is {metric_value} at step {state.global_step}: not counted as lower")

    def state(self) -> dict[str, Any]:
        """Return the count, which is saved in checkpoints. The settings are those of the recipe."""
        return {
            "args": {},
            "attributes": {"early_stopping_patience_counter": self.early_stopping_patience_counter},
        }
