"""Space on disk that a stage needs."""

from pangea_cultural.training.recipe import Optimizer, Recipe, Stage
from pangea_cultural.training.setup.optimizers import Trained, state_bytes, weight_bytes


def checkpoint_bytes(settings: Optimizer, trained: Trained) -> int:
    """Return the approximate size of a checkpoint: trained weights and the moments of the optimizer."""
    return weight_bytes(settings) * trained.total + state_bytes(settings, trained)


def checkpoints_kept(recipe: Recipe, stage: Stage, steps: int) -> int:
    """Return the most checkpoints on the disk: a new one is written before the oldest is removed.

    The best one is kept besides the newest ones, and each validation may save one.
    """
    limit, saved = stage.checkpoint.save_total_limit + 1, -(-steps // stage.checkpoint.save_steps)
    if stage.checkpoint.load_best_model_at_end and recipe.validation:
        limit, saved = limit + 1, saved + -(-steps // recipe.validation.steps)
    if recipe.push_to_hub and recipe.hub_strategy != "end":
        limit += 1  # one that is removed stays on the disk until it is sent
    return min(limit, saved, steps)


def needed_bytes(settings: Optimizer, trained: Trained, total: int, new_checkpoints: int) -> int:
    """Return the bytes of new checkpoints, the stage's weights and the result.

    Args:
        settings: settings of the optimizer.
        trained: numbers of trainable parameters.
        total: number of all parameters.
        new_checkpoints: checkpoints to be written without removing another one.
    """
    checkpoints = new_checkpoints * checkpoint_bytes(settings, trained)
    return checkpoints + weight_bytes(settings) * trained.total + 4 * total
