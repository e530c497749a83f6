"""transformers' `TrainingArguments` for a stage."""

from pathlib import Path
from typing import Any

import torch
from transformers import TrainingArguments

from pangea_cultural.training.recipe import Recipe, Stage, Validation
from pangea_cultural.training.setup.precision import mixed_precision

LR_SCHEDULERS = {"cosine": "cosine_with_min_lr", "linear": "linear", "constant": "constant_with_warmup"}
"""transformers' names of the recipe's schedules."""


def training_arguments(
    recipe: Recipe,
    stage: Stage,
    folder: Path,
    *,
    workspace: Path,
    run_id: str,
    steps: int,
    validates: bool,
    layer_class: str,
) -> TrainingArguments:
    """Return the training arguments of a stage.

    Args:
        recipe: the recipe.
        stage: one of its stages.
        folder: folder of checkpoints.
        workspace: root of the recipe's paths.
        run_id: id of the run. Its first digits are in the name of the run: trackio continues a run of this name.
        steps: number of optimizer steps.
        validates: whether the stage validates.
        layer_class: class name of the language model's layers, which FSDP wraps.
    """
    on_gpu = torch.cuda.is_available()
    optimizer, precision = stage.optimizer, mixed_precision(recipe)
    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=1,  # one item of the dataset is one step, with all its rows
        learning_rate=optimizer.learning_rate,
        warmup_steps=optimizer.warmup,
        lr_scheduler_type=LR_SCHEDULERS[optimizer.lr_scheduler],
        lr_scheduler_kwargs={"min_lr_rate": optimizer.min_lr_ratio} if optimizer.lr_scheduler == "cosine" else {},
        weight_decay=optimizer.weight_decay,
        max_grad_norm=optimizer.max_grad_norm,
        adam_beta2=optimizer.adam_beta2,
        optim="adamw_torch_fused" if optimizer.has_own_optimizer else optimizer.optim,
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        use_cpu=not on_gpu,
        gradient_checkpointing=False,  # setup/recomputation.py sets it for each layer
        save_steps=stage.checkpoint.save_steps,
        save_total_limit=None,  # checkpoints.mark_complete removes old ones
        logging_steps=stage.checkpoint.logging_steps,
        logging_nan_inf_filter=False,
        dataloader_num_workers=recipe.num_workers,
        ddp_find_unused_parameters=False,
        ddp_timeout=7200,
        seed=recipe.seed,
        remove_unused_columns=False,
        disable_tqdm=True,
        report_to="none",  # see loop/reporters.py
        run_name=f"{recipe.name} {stage.name} {run_id[:8]}",
        project=recipe.name,
        **(_validation(recipe.validation, stage) if recipe.validation and validates else {}),
        **_sharding(recipe, workspace, layer_class),
    )
    # With several visible GPUs `Trainer` would use DataParallel in this process; torchrun starts one process per GPU.
    arguments._n_gpu = min(arguments.n_gpu, 1)
    return arguments


def _validation(validation: Validation, stage: Stage) -> dict[str, Any]:
    """Return what `Trainer` needs to validate, and to compare validations. best/outcome.py loads the best weights."""
    compared = {"metric_for_best_model": stage.checkpoint.metric_for_best_model, "greater_is_better": False}
    return {
        "eval_strategy": "steps",
        "eval_steps": validation.steps,
        **(compared if stage.checkpoint.compares else {}),
    }


def _sharding(recipe: Recipe, workspace: Path, layer_class: str) -> dict[str, Any]:
    if recipe.deepspeed:
        return {"deepspeed": str(workspace / recipe.deepspeed)}
    if recipe.parallelism == "ddp":
        return {}
    return {
        "fsdp": True,
        "fsdp_config": {
            "version": 2,
            "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
            "transformer_layer_cls_to_wrap": [layer_class],
            "state_dict_type": "SHARDED_STATE_DICT",
        },
    }
