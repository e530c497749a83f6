"""Space on disk that a stage needs."""

from pangea_cultural.training.recipe import Recipe, Stage


def checkpoint_bytes(trainable: int) -> int:
    """Return the approximate size of a checkpoint: trained weights and two moments of AdamW, in float32."""
    return 3 * 4 * trainable


def checkpoints_kept(recipe: Recipe, stage: Stage, steps: int) -> int:
    """Return the most checkpoints on the disk: a new one is written before the oldest is removed.

    The best one is kept besides the newest ones, and each validation may save one.
    """
    limit, saved = stage.checkpoint.save_total_limit + 1, -(-steps // stage.checkpoint.save_steps)
    if stage.checkpoint.load_best_model_at_end and recipe.validation:
        limit, saved = limit + 1, saved + -(-steps // recipe.validation.steps)
    return min(limit, saved, steps)


def needed_bytes(trainable: int, total: int, new_checkpoints: int) -> int:
    """Return the bytes of new checkpoints, the stage's weights and the result.

    Args:
        trainable: number of trainable parameters.
        total: number of all parameters.
        new_checkpoints: checkpoints to be written without removing another one.
    """
    one = checkpoint_bytes(trainable)
    return one * new_checkpoints + one // 3 + 4 * total
