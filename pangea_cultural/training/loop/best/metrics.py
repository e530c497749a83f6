"""The losses of a validation that stages compare."""

import math
from collections.abc import Collection
from typing import Any

import pyarrow.parquet as pq

from pangea_cultural.errors import UserError
from pangea_cultural.training.batching.inputs import TrainingInputs

TRAINED, HELD_OUT, OF_LANGUAGE = "loss_trained_languages", "loss_held_out_languages", "loss_language_"


def metrics(entry: dict[str, Any], trained: Collection[str]) -> dict[str, float]:
    """Return the losses of a validation by name, without the prefix `eval_`. A loss without targets is not a number.

    Args:
        entry: the validation, with `loss` and `by_language`.
        trained: codes of the languages with training questions.
    """
    by_language = {code: _number(loss) for code, loss in entry["by_language"].items()}
    groups = {TRAINED: [], HELD_OUT: []}  # type: dict[str, list[float]]
    for code, loss in by_language.items():
        groups[TRAINED if code in trained else HELD_OUT].append(loss)
    return {
        "loss": _number(entry["loss"]),
        **{name: math.fsum(losses) / len(losses) for name, losses in groups.items() if losses},
        **{OF_LANGUAGE + code: loss for code, loss in by_language.items()},
    }


def _number(loss: float | None) -> float:
    return math.nan if loss is None else loss


def require_questions(inputs: TrainingInputs, trained: Collection[str]) -> None:
    """Check that the validation has questions for the metric of each stage, before the first step.

    Raises:
        UserError: it has none.
    """
    recipe = inputs.recipe
    compared = [stage for stage in recipe.stages if stage.checkpoint.compares]
    if not compared or not recipe.validation:
        return
    file = inputs.exports[recipe.validation.path].questions_file(recipe.validation.split)
    table = pq.read_table(file, columns=["language", "question_type"]).group_by(["language", "question_type"])
    rows = table.aggregate([]).to_pylist()
    asked = {row["language"] for row in rows if row["question_type"] in recipe.validation.question_types}
    for stage in compared:
        require_languages(stage.name, stage.checkpoint.metric_for_best_model, asked, trained)


def require_languages(stage: str, metric: str, asked: Collection[str], trained: Collection[str]) -> None:
    """Check that a metric has a language among those of the validation.

    Args:
        stage: name of the stage.
        metric: its metric, without the prefix `eval_`.
        asked: codes of the languages of the validation.
        trained: codes of the languages with training questions.

    Raises:
        UserError: it has none.
    """
    if metric not in metrics({"loss": 0.0, "by_language": dict.fromkeys(asked, 0.0)}, trained):
        found = ", ".join(sorted(asked)) or "none"
        raise UserError(
            f"Stage {stage}: the validation has no question for {metric}; its languages are {found}. Change "
            "metric_for_best_model or [validation]."
        )
