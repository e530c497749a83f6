"""The settings of a stage, as transformers names them."""

from pathlib import Path
from typing import Any

import torch
from transformers import TrainingArguments

from pangea_cultural.training.recipe import Recipe, Stage

SCHEDULES = {"cosine": "cosine_with_min_lr", "linear": "linear", "constant": "constant_with_warmup"}


def arguments(
    recipe: Recipe, stage: Stage, folder: Path, *, workspace: Path, steps: int, validates: bool, layer: str
) -> TrainingArguments:
    """The settings of a stage, as transformers names them; `layer` is the class of the language model's layers."""
    on_gpu = torch.cuda.is_available()
    made = TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=1,  # one step: its rows are ours to lay out
        learning_rate=stage.optimizer.learning_rate,
        warmup_steps=stage.optimizer.warmup,
        lr_scheduler_type=SCHEDULES[stage.optimizer.lr_scheduler],
        lr_scheduler_kwargs={"min_lr_rate": stage.optimizer.min_lr_ratio}
        if stage.optimizer.lr_scheduler == "cosine"
        else {},
        weight_decay=stage.optimizer.weight_decay,
        max_grad_norm=stage.optimizer.max_grad_norm,
        adam_beta2=stage.optimizer.adam_beta2,
        bf16=on_gpu or recipe.model.dtype == "bfloat16",
        use_cpu=not on_gpu,
        gradient_checkpointing=stage.memory.gradient_checkpointing,
        gradient_checkpointing_kwargs={"use_reentrant": False},
        save_steps=stage.checkpoint.save_steps,
        save_total_limit=None,  # ours: only complete ones count
        logging_steps=stage.checkpoint.logging_steps,
        logging_nan_inf_filter=False,
        eval_strategy="steps" if validates else "no",
        eval_steps=recipe.validation.steps if recipe.validation and validates else None,
        dataloader_num_workers=recipe.num_workers,
        ddp_find_unused_parameters=False,
        ddp_timeout=7200,
        seed=recipe.seed,
        remove_unused_columns=False,
        disable_tqdm=True,
        report_to="none",  # see training/reporters.py
        run_name=f"{recipe.name} {stage.name}",
        project=recipe.name,
        **_sharding(recipe, workspace, layer),
    )
    # Where several GPUs are seen, `Trainer` would split each batch over them in this process; torchrun is for that.
    made._n_gpu = min(made.n_gpu, 1)
    return made


def _sharding(recipe: Recipe, workspace: Path, layer: str) -> dict[str, Any]:
    if recipe.deepspeed:
        return {"deepspeed": str(workspace / recipe.deepspeed)}
    if recipe.parallelism == "ddp":
        return {}
    return {
        "fsdp": True,
        "fsdp_config": {
            "version": 2,
            "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
            "transformer_layer_cls_to_wrap": [layer],
            "state_dict_type": "SHARDED_STATE_DICT",
        },
    }
