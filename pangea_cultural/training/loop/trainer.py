"""The loop: transformers' `Trainer` over steps of equal questions, with frozen parts in evaluation mode, exact resume,
and losses by source and language.
"""

import contextlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from accelerate import DistributedType, FullyShardedDataParallelPlugin
from safetensors.torch import load_file, save_file
from torch.distributed.fsdp import MixedPrecisionPolicy
from torch.utils.data import DataLoader
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import ProgressCallback

from pangea_cultural.errors import UserError
from pangea_cultural.training.batching.dataset import Steps, loader
from pangea_cultural.training.loop import checkpoints
from pangea_cultural.training.loop.metrics import Log, Losses, Measures
from pangea_cultural.utils.console import Bar
from pangea_cultural.utils.files import write_json

LOG = "log.jsonl"

Evaluate = Callable[["StageTrainer"], dict[str, Any]]


class StageTrainer(Trainer):
    """Trains one stage. A step is what the optimizer steps on; its rows come in micro-batches.

    Args:
        frozen: modules that do not learn; they stay in evaluation mode.
        rates: learning rates of single parameters, by identity; others have the stage's.
        keys: each (source, language) of the measures.
        most_skipped: broken images above which the training stops.
        reporters: tell others of the log.
        evaluate_with: makes an entry of the log from this trainer, whose model is in evaluation mode; None for nothing
            to validate on.
    """

    # transformers' annotations are not followed.
    is_fsdp_enabled: bool
    is_deepspeed_enabled: bool
    optimizer: Any
    control: Any

    def __init__(
        self,
        *,
        model: torch.nn.Module,
        args: TrainingArguments,
        steps: Steps,
        frozen: list[torch.nn.Module],
        rates: dict[int, float],
        keys: list[tuple[str, str]],
        most_skipped: int,
        reporters: list[TrainerCallback],
        evaluate_with: Evaluate | None = None,
    ) -> None:
        validated = steps if evaluate_with else None
        super().__init__(model=model, args=args, train_dataset=steps, eval_dataset=validated, callbacks=reporters)
        for callback in (PrinterCallback, ProgressCallback):
            self.remove_callback(callback)
        self._frozen = frozen
        self._rates = rates
        self._most_skipped = most_skipped
        self._evaluate_with = evaluate_with
        self.log_file = Log(Path(args.output_dir) / LOG)
        self.measures = Measures(Losses(keys, args.device))
        self.current: dict[str, Any] = {}
        """What is known of the step under way."""

    def create_accelerator_and_postprocess(self) -> None:
        """As in `Trainer`, but for FSDP: accelerate passes over it in silence where there is no GPU, so it is switched
        on here; and its policy would round the normalizer, the loss and the sums of gradients to bfloat16.
        """
        super().create_accelerator_and_postprocess()
        if not self.args.fsdp:
            return
        state = self.accelerator.state
        if not self.is_fsdp_enabled:
            if state.num_processes == 1:
                raise UserError(
                    'parallelism = "fsdp" needs several processes: start with torchrun, or use parallelism = "ddp"'
                )
            state.fsdp_plugin = FullyShardedDataParallelPlugin(**self.args.fsdp_plugin_args)
            state.distributed_type = DistributedType.FSDP
            self.is_fsdp_enabled = True
        if self.args.bf16:
            state.fsdp_plugin.mixed_precision_policy = MixedPrecisionPolicy(
                param_dtype=torch.bfloat16, reduce_dtype=torch.float32, cast_forward_inputs=False
            )

    def get_train_dataloader(self) -> DataLoader:
        """Steps know their process themselves: nothing is left for accelerate to distribute."""
        return loader(self.train_dataset, workers=self.args.dataloader_num_workers)

    def create_optimizer(self, model: torch.nn.Module | None = None) -> torch.optim.Optimizer:
        """AdamW with a group for every learning rate, with and without weight decay."""
        if self.optimizer is None:
            named = [(n, p) for n, p in (model or self.model).named_parameters() if p.requires_grad]
            decayed = set(self.get_decay_parameter_names(model or self.model))
            groups: dict[tuple[float, bool], list[torch.nn.Parameter]] = {}
            for name, parameter in named:
                rate = self._rates.get(id(parameter), self.args.learning_rate)
                groups.setdefault((rate, name in decayed), []).append(parameter)
            made = [
                {"params": own, "lr": rate, "weight_decay": self.args.weight_decay if decays else 0.0}
                for (rate, decays), own in groups.items()
            ]
            optimizer, options = self.get_optimizer_cls_and_kwargs(self.args, model or self.model)
            self.optimizer = optimizer(made, **options)
        return self.optimizer

    def training_step(
        self, model: torch.nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """Gradients of one step, summed over its micro-batches.

        Returns:
            The loss of the step over all processes, times this process's share of it: the mean over processes, which
            `Trainer` takes, is the loss.

        Raises:
            UserError: the loss is not a number any more.
        """
        self.current = inputs
        model.train()
        for module in self._frozen:
            module.eval()
        batches = inputs["micro_batches"]
        # Zero where all images of a step turn out to be broken. A number, which DeepSpeed does not round to bfloat16.
        normalizer = max(self._sum(sum(batch["normalizer"] for batch in batches)).item(), 1e-6)
        loss = torch.zeros((), device=self.args.device)
        for number, batch in enumerate(batches):
            with self._waiting(model, last=number == len(batches) - 1):
                loss += self._learn(model, self._prepare_inputs(batch) | {"normalizer": normalizer})
        self._refuse_no_number("loss", loss)
        return loss

    def _waiting(self, model: torch.nn.Module, *, last: bool) -> contextlib.AbstractContextManager:
        """Processes talk once a step, in the backward pass of the last micro-batch; but where FSDP shards the model, in
        each: gradients that wait would be whole ones, on every device.
        """
        if self.is_deepspeed_enabled:
            # DeepSpeed steps in its backward pass, where it takes this for the last one.
            self.accelerator.gradient_state._set_sync_gradients(last)
            return contextlib.nullcontext()
        return contextlib.nullcontext() if last or self.is_fsdp_enabled else self.accelerator.no_sync(model)

    def _learn(self, model: torch.nn.Module, batch: dict[str, Any]) -> torch.Tensor:
        keys = batch.pop("keys")
        with self.compute_loss_context_manager():
            output = model(**batch)
        self.measures.losses.add(output.target_losses, keys)
        # Gradients are averaged over processes; the normalizer is of all of them already.
        loss = output.loss * self.args.world_size
        self.accelerator.backward(loss)
        return loss.detach()

    def _sum(self, value: float) -> torch.Tensor:
        """A number summed over all processes."""
        return self.accelerator.reduce(torch.tensor(value, device=self.args.device), "sum")

    def _clip_grad_norm(self, model: torch.nn.Module) -> Any:
        """As in `Trainer`; a loss that is a number can have gradients that are none, which would ruin all weights."""
        norm = super()._clip_grad_norm(model)
        if isinstance(norm, torch.Tensor):  # DeepSpeed looks at its own
            self._refuse_no_number("norm of the gradients", norm)
        return norm

    def _refuse_no_number(self, what: str, value: torch.Tensor) -> None:
        number = value.item()
        if math.isfinite(number):
            return
        step = self.state.global_step + 1
        path = Path(self.args.output_dir).parent / f"bad-step-{step}-process-{self.args.process_index}.json"
        write_json(path, {"step": step, what: str(number), "questions": self.current["ids"]})
        raise UserError(
            f"The {what} is {number} at step {step}. Questions of this step: {path}. Lower learning_rate and rerun "
            "with --restart."
        )

    def count_skipped(self) -> None:
        """Remember broken images of the step; those of other processes are looked at when a checkpoint is saved.

        Raises:
            UserError: there are too many.
        """
        self.measures.skipped |= dict(self.current["skipped"])
        self._refuse_skipped(self.measures.skipped)

    def _refuse_skipped(self, skipped: dict[str, str]) -> None:
        if len(skipped) > self._most_skipped:
            file, reason = next(iter(skipped.items()))
            raise UserError(
                f"{len(skipped)} images are broken, such as {file} ({reason}). Repair them, or raise "
                "max_broken_image_ratio, and rerun to resume."
            )

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """As in `Trainer`, with the losses by source and language; they also go to the log file."""
        if "loss" in logs:
            means = self.measures.losses.means(self.accelerator.reduce(self.measures.losses.sums, "sum"))
            self.measures.losses.sums.zero_()
            entry = {
                "step": self.state.global_step,
                "learning_rate": logs["learning_rate"],
                **means,
                **self.measures.totals,
            }
            if self.is_world_process_zero():
                self.log_file.write(entry)
            for part in ("language", "source"):
                logs |= {f"loss_{part}_{name}": value for name, value in means[f"by_{part}"].items()}
        super().log(logs, start_time)

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Validate, and write an entry to the log file."""
        assert self._evaluate_with is not None, "evaluation is asked for only where there is something to validate on"
        self.model.eval()
        with torch.no_grad():
            entry = self._evaluate_with(self)
        if self.is_world_process_zero():
            self.log_file.write({"step": self.state.global_step, "validation": entry})
        by_language = {f"eval_loss_language_{name}": value for name, value in entry["by_language"].items()}
        metrics = {"eval_loss": entry["loss"], **by_language}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        self.measures.start_clock()
        return metrics

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """`Trainer` would guess from a single `input_ids`."""
        return 0

    # What learns is saved by the modules' own names: `save_pretrained` writes the hub's, which `load_state_dict` would
    # pass over in silence. FSDP has its own format, with a part of the weights from each process.
    def _save(self, output_dir: str | None = None, state_dict: dict | None = None) -> None:
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        weights = checkpoints.learnt(self.model)
        if state_dict is not None:  # DeepSpeed's, whose third stage leaves empty parameters in the model
            weights = {name: state_dict[name].contiguous() for name in weights}
        save_file(weights, folder / checkpoints.WEIGHTS)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: torch.nn.Module | None = None) -> None:
        if self.is_fsdp_enabled:
            super()._load_from_checkpoint(resume_from_checkpoint, model)
        else:
            checkpoints.put(self.model, load_file(Path(resume_from_checkpoint) / checkpoints.WEIGHTS))

    def resume(self, checkpoint: Path) -> None:
        """Go on from a checkpoint: what `Trainer` does not know of. To be called before `train`."""
        checkpoints.refuse_missing(checkpoint, self.args.world_size)
        self.measures.load(checkpoint / checkpoints.MEASURES, is_main=self.is_world_process_zero())
        if self.is_world_process_zero():
            self.log_file.cut(checkpoints.step_of(checkpoint))

    def finish_save(self, checkpoint: Path, save_total: int) -> None:
        """The last act of saving: everything of the checkpoint is on disk, older ones may go."""
        # These sums also make the main process wait until all others have saved.
        sums = self.accelerator.reduce(self.measures.losses.sums, "sum")
        skipped = self.gather(self.measures.skipped)
        if self.is_world_process_zero():
            self.measures.save(checkpoint / checkpoints.MEASURES, sums, skipped)
            checkpoints.finish(checkpoint, save_total)
        self._refuse_skipped(skipped)

    def gather(self, own: dict[str, str]) -> dict[str, str]:
        """What any process has met: broken images, and why."""
        all_own = [own]
        if self.args.world_size > 1:
            all_own = [{}] * self.args.world_size
            torch.distributed.all_gather_object(all_own, own)
        return {file: reason for part in all_own for file, reason in part.items()}


class Watch(TrainerCallback):
    """Shows progress, counts, and marks complete checkpoints."""

    def __init__(self, trainer: StageTrainer, bar: Bar, save_total: int) -> None:
        self._trainer = trainer
        self._bar = bar
        self._save_total = save_total

    def on_train_begin(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """Count the steps of an earlier run, whose checkpoint also remembers how often it was to save and to log."""
        state.compute_steps(args, state.max_steps)
        self._bar.advance(state.global_step)
        self._trainer.measures.start_clock()

    def on_step_end(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """Count a step."""
        trainer = self._trainer
        trainer.measures.step(trainer.current)
        trainer.count_skipped()
        if state.global_step == state.max_steps:
            control.should_log = True
            control.should_evaluate = trainer.eval_dataset is not None
        self._bar.advance(1, extra=progress_text(trainer.measures.totals, state.log_history))

    def on_save(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """Finish a checkpoint."""
        self._trainer.finish_save(Path(args.output_dir) / f"checkpoint-{state.global_step}", self._save_total)
        self._trainer.measures.start_clock()


def progress_text(totals: dict[str, float], history: list[dict[str, Any]]) -> str:
    """What stands behind the progress bar: loss, speed, and how many of the images' tokens sharing has saved."""
    losses = [entry["loss"] for entry in history[-2:] if "loss" in entry]
    words = [f"loss {losses[-1]:.3f}"] if losses else []
    if totals["seconds"]:
        speed = totals["questions"] / totals["seconds"]
        words.append(f"{speed:.{0 if speed >= 10 else 1 if speed >= 1 else 2}f} questions/s")
    if totals["image_tokens_apart"]:
        words.append(f"{1 - totals['image_tokens'] / totals['image_tokens_apart']:.0%} of image tokens saved")
    return ", ".join(words)
