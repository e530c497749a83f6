"""The end of a stage: after all steps or fewer, with the last weights or the best ones."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pangea_cultural.errors import UserError
from pangea_cultural.training.loop import checkpoints
from pangea_cultural.training.loop.best.callback import EarlyStopping
from pangea_cultural.training.loop.distributed import Processes
from pangea_cultural.training.recipe import Stage

if TYPE_CHECKING:
    from pangea_cultural.training.loop.trainer import StageTrainer


def finish(stage: Stage, trainer: "StageTrainer", stopping: EarlyStopping, processes: Processes) -> dict[str, Any]:
    """Load the best weights if the stage wants them, and return what its record says about the end.

    With `load_best_model_at_end` `Trainer` would load them by itself, also after a signal, when there is no time for
    it. It ignores in silence that a best checkpoint is missing, and needs a checkpoint at a multiple of validations.

    Raises:
        UserError: the stage has made too few steps or changed nothing, or its best checkpoint is missing or damaged.
    """
    made, planned = trainer.state.global_step, len(trainer.train_dataset)
    # Neither a callback of a reporter nor the end of the data may end it.
    if made != planned and not stopping.has_stopped:
        raise UserError(f"Stage {stage.name} ended after {made} of {planned} steps. Rerun to resume.")
    if trainer.metrics.skipped_steps == made:
        raise UserError(
            f"Stage {stage.name} changed nothing: gradients overflowed float16 in all {made} steps. "
            'Set model.dtype = "float32" on a GPU with bfloat16, or train more steps.'
        )
    takes_best = stage.checkpoint.load_best_model_at_end
    if takes_best:
        _load_best(stage, trainer, processes)
    best = {
        "step": trainer.state.best_global_step,
        "metric": stage.checkpoint.metric_for_best_model,
        "loss": trainer.state.best_metric if trainer.state.best_global_step else None,
        "is_taken": takes_best,
    }
    return {
        "steps": made,
        "planned_steps": planned,
        "stopped_early": stopping.reason if made != planned else None,
        "best": best if stage.checkpoint.compares else None,
    }


def _load_best(stage: Stage, trainer: "StageTrainer", processes: Processes) -> None:
    step = trainer.state.best_global_step
    if not step:
        raise UserError(
            f"Stage {stage.name}: {stage.checkpoint.metric_for_best_model} was not finite in any validation. Lower "
            "learning_rate and rerun with --restart."
        )
    if step == trainer.state.global_step:
        return
    best = Path(trainer.args.output_dir) / f"checkpoint-{step}"
    if fault := processes.run_on_main(lambda: checkpoints.damage(best)):
        raise UserError(
            f"The best checkpoint of stage {stage.name}, {best}, is damaged ({fault}). Restore the file, or rerun with "
            "--restart."
        )
    trainer.load_best(best)
