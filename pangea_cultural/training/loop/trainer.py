"""transformers' `Trainer` for one stage: steps of equal numbers of questions, exact resume, and losses by language."""

import contextlib
import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from accelerate import DistributedType, FullyShardedDataParallelPlugin
from accelerate.utils import broadcast_object_list
from safetensors.torch import load_file, save_file
from torch.distributed.fsdp import MixedPrecisionPolicy
from torch.utils.data import DataLoader
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_callback import ProgressCallback, TrainerState

from pangea_cultural.errors import ImageError, UserError
from pangea_cultural.training.batching.dataset import StepDataset, step_loader
from pangea_cultural.training.loop import checkpoints
from pangea_cultural.training.loop.best.metrics import metrics
from pangea_cultural.training.loop.metrics import Log, LossAccumulator, TrainingMetrics
from pangea_cultural.training.setup.optimizers import Create, keep_embeddings_precise
from pangea_cultural.utils.files import write_json
from pangea_cultural.utils.images import read_rgb

LOG = "log.jsonl"

Validate = Callable[["StageTrainer"], dict[str, Any]]


class StageTrainer(Trainer):
    """Trainer of one stage. An item of its dataset is an optimizer step, whose rows come in micro-batches.

    Args:
        frozen: modules that stay in evaluation mode.
        learning_rates: learning rates by `id` of a parameter; the others have the stage's.
        keys: (source, language) pairs of the losses.
        max_broken_images: number of broken images above which training stops.
        reporters: further receivers of the log.
        context_group: torch's group of the processes that divide rows with this one; None if they are not divided.
        own_optimizer: makes the optimizer; None for that of the arguments.
        trained_languages: codes of the languages with training questions.
        keeps_best: whether each validation with a new lowest loss saves a checkpoint, which is kept.
        validate: returns a log entry for this trainer, whose model is in evaluation mode; None without validation.
    """

    # mypy does not follow transformers' annotations.
    is_fsdp_enabled: bool
    is_deepspeed_enabled: bool
    optimizer: Any
    control: Any

    def __init__(
        self,
        *,
        model: torch.nn.Module,
        args: TrainingArguments,
        steps: StepDataset,
        frozen: list[torch.nn.Module],
        learning_rates: dict[int, float],
        keys: list[tuple[str, str]],
        max_broken_images: int,
        reporters: list[TrainerCallback],
        trained_languages: list[str],
        keeps_best: bool,
        context_group: Any = None,
        own_optimizer: Create | None = None,
        validate: Validate | None = None,
    ) -> None:
        # `Trainer` requires a dataset to evaluate on; `evaluate` ignores it.
        eval_dataset = steps if validate else None
        super().__init__(model=model, args=args, train_dataset=steps, eval_dataset=eval_dataset, callbacks=reporters)
        for callback in (PrinterCallback, ProgressCallback):
            self.remove_callback(callback)
        self._frozen = frozen
        self._learning_rates = learning_rates
        self._max_broken_images = max_broken_images
        self._trained_languages = trained_languages
        self._keeps_best = keeps_best
        self._context_group = context_group
        self._own_optimizer = own_optimizer
        self._validate = validate
        self.log_file = Log(Path(args.output_dir) / LOG)
        self.metrics = TrainingMetrics(LossAccumulator(keys, args.device))
        self.step_inputs: dict[str, Any] = {}
        """Inputs of the current step."""
        self.skips_step = False
        """Mark of a step that changes nothing, because its gradients overflow float16."""

    def create_accelerator_and_postprocess(self) -> None:
        """Create the accelerator, with two changes for FSDP.

        accelerate silently ignores FSDP without a GPU, so enable it here. accelerate's mixed precision would round the
        normalizer, the loss and the sums of gradients to bfloat16.
        """
        super().create_accelerator_and_postprocess()
        if not self.args.fsdp:
            return
        state = self.accelerator.state
        if not self.is_fsdp_enabled:
            state.fsdp_plugin = FullyShardedDataParallelPlugin(**self.args.fsdp_plugin_args)
            state.distributed_type = DistributedType.FSDP
            self.is_fsdp_enabled = True
        if self.args.bf16:
            state.fsdp_plugin.mixed_precision_policy = MixedPrecisionPolicy(
                param_dtype=torch.bfloat16, reduce_dtype=torch.float32, cast_forward_inputs=False
            )

    def get_train_dataloader(self) -> DataLoader:
        """Return a data loader without accelerate's sharding: an item holds only the rows of this process."""
        return step_loader(self.train_dataset, num_workers=self.args.dataloader_num_workers)

    def create_optimizer(self, model: torch.nn.Module | None = None) -> torch.optim.Optimizer:
        """Create the optimizer with a group for every learning rate, with and without weight decay."""
        if self.optimizer is None:
            named = [(n, p) for n, p in (model or self.model).named_parameters() if p.requires_grad]
            decayed = set(self.get_decay_parameter_names(model or self.model))
            parameters_of: dict[tuple[float, bool], list[torch.nn.Parameter]] = {}
            for name, parameter in named:
                learning_rate = self._learning_rates.get(id(parameter), self.args.learning_rate)
                parameters_of.setdefault((learning_rate, name in decayed), []).append(parameter)
            groups = [
                {"params": parameters, "lr": lr, "weight_decay": self.args.weight_decay if decays else 0.0}
                for (lr, decays), parameters in parameters_of.items()
            ]
            optimizer, options = self.get_optimizer_cls_and_kwargs(self.args, model or self.model)
            if "bnb" in self.args.optim:
                keep_embeddings_precise(model or self.model)
            self.optimizer = (
                self._own_optimizer(groups, options) if self._own_optimizer else optimizer(groups, **options)
            )
        return self.optimizer

    def training_step(
        self, model: torch.nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """Compute the gradients of one step, summed over its micro-batches.

        Returns:
            This process's part of the loss of the step, times the number of processes. `Trainer` averages it over
            processes, which gives the loss.

        Raises:
            UserError: the loss is not finite.
        """
        self.step_inputs = inputs
        model.train()
        for module in self._frozen:
            module.eval()
        batches = inputs["micro_batches"]
        if self._context_group is not None:
            self._require_equal_rows(batches)
        # Zero if all images of a step are broken. A Python number, because DeepSpeed rounds tensors to bfloat16.
        normalizer = max(self._sum(sum(batch["normalizer"] for batch in batches)).item(), 1e-6)
        loss = torch.zeros((), device=self.args.device)
        for number, batch in enumerate(batches):
            with self._sync_context(model, last=number == len(batches) - 1):
                loss += self._forward_backward(model, self._prepare_inputs(batch) | {"normalizer": normalizer})
        self._require_finite("loss", loss)
        return loss

    def _require_equal_rows(self, batches: list[dict[str, Any]]) -> None:
        """Check that all processes that divide rows have the same ones.

        Raises:
            UserError: they have not, because an image could not be read by one of them.
        """
        rows = hashlib.sha256()
        for batch in batches:
            ids = batch["input_ids"]
            rows.update(repr((batch["division"]["tiles"], ids.shape)).encode() + ids.numpy().tobytes())
        found: list[str] = [""] * torch.distributed.get_world_size(self._context_group)
        torch.distributed.all_gather_object(found, rows.hexdigest(), group=self._context_group)
        if self._sum(float(len(set(found)) > 1)).item():
            raise UserError(
                f"Processes read different images in step {self.state.global_step + 1}. Check that each can read the "
                "files, and rerun to resume."
            )

    def _sync_context(self, model: torch.nn.Module, *, last: bool) -> contextlib.AbstractContextManager[Any]:
        """Return a context that synchronizes gradients in the backward pass of the last micro-batch only.

        FSDP synchronizes in each: unsynchronized gradients would be unsharded, on every device.
        """
        if self.is_deepspeed_enabled:
            # DeepSpeed steps in the backward pass that this flag marks as the last one.
            self.accelerator.gradient_state._set_sync_gradients(last)
            return contextlib.nullcontext()
        return contextlib.nullcontext() if last or self.is_fsdp_enabled else self.accelerator.no_sync(model)

    def _forward_backward(self, model: torch.nn.Module, batch: dict[str, Any]) -> torch.Tensor:
        keys = batch.pop("keys")
        with self.compute_loss_context_manager():
            output = model(**batch)
        self.metrics.losses.add(output.target_losses, keys)
        # Gradients are averaged over processes, but the normalizer is already of all processes.
        loss = output.loss * self.args.world_size
        self.accelerator.backward(loss)
        return loss.detach()

    def _sum(self, value: float) -> torch.Tensor:
        """Return the sum of a number over all processes."""
        return self.accelerator.reduce(torch.tensor(value, device=self.args.device), "sum")

    def _clip_grad_norm(self, model: torch.nn.Module) -> Any:
        """Clip gradients, and reject infinite ones: a finite loss can have them, and they would ruin the weights.

        Where the loss is scaled for float16, a step with infinite gradients is skipped and the scale is halved. At a
        scale below 1 the gradients themselves are infinite.
        """
        norm = super()._clip_grad_norm(model)
        if isinstance(norm, torch.Tensor):  # DeepSpeed checks its own
            scaler = self.accelerator.scaler
            # accelerate knows of no skipped step of a fused optimizer, which skips by itself.
            self.skips_step = scaler is not None and scaler.get_scale() >= 1 and not math.isfinite(norm.item())
            if not self.skips_step:
                self._require_finite("norm of the gradients", norm)
        return norm

    def _require_finite(self, label: str, value: torch.Tensor) -> None:
        number = value.item()
        if math.isfinite(number):
            return
        step = self.state.global_step + 1
        path = Path(self.args.output_dir).parent / f"bad-step-{step}-process-{self.args.process_index}.json"
        write_json(path, {"step": step, label: str(number), "questions": self.step_inputs["ids"]})
        raise UserError(
            f"The {label} is {number} at step {step}. Questions of this step: {path}. Lower learning_rate and rerun "
            "with --restart."
        )

    def add_broken_images(self) -> None:
        """Add the broken images of the step. Those of other processes are checked at the next checkpoint.

        Raises:
            UserError: too many images are broken.
        """
        self.metrics.skipped |= dict(self.step_inputs["skipped"])
        self._require_few_broken(self.metrics.skipped)

    def _require_few_broken(self, broken: dict[str, str]) -> None:
        if len(broken) <= self._max_broken_images:
            return
        found = still_broken(broken)
        for file in broken.keys() - found.keys():
            self.metrics.skipped.pop(file, None)  # another process may have found it
        if len(found) > self._max_broken_images:
            file, reason = next(iter(found.items()))
            raise UserError(
                f"{len(found)} images are broken, such as {file} ({reason}). Repair them, or raise "
                "max_broken_image_ratio, and rerun to resume."
            )

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log, with the losses by source and language, and write an entry to the log file."""
        if "loss" in logs:
            means = self.metrics.losses.means(self.accelerator.reduce(self.metrics.losses.sums, "sum"))
            self.metrics.losses.sums.zero_()
            entry = {
                "step": self.state.global_step,
                "learning_rate": logs["learning_rate"],
                **means,
                **self.metrics.totals,
            }
            if self.is_world_process_zero():
                self.log_file.write(entry)
            for part in ("language", "source"):
                logs |= {f"loss_{part}_{name}": value for name, value in means[f"by_{part}"].items()}
        super().log(logs, start_time)

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Validate, and write an entry to the log file."""
        assert self._validate is not None, "evaluation is enabled only with validation"
        self.model.eval()
        with torch.no_grad():
            entry = self._validate(self)
        if self.is_world_process_zero():
            self.log_file.write({"step": self.state.global_step, "validation": entry})
        found = metrics(entry, self._trained_languages)
        if chosen := self.args.metric_for_best_model:
            found.setdefault(chosen, math.nan)  # all images of its questions are broken meanwhile
        logs = {f"eval_{name}": loss for name, loss in found.items()}
        if self.args.world_size > 1:
            broadcast_object_list(agreed := [logs])  # sums may be rounded differently, and all have to stop together
            logs = agreed[0]
        self.log(logs)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, logs)
        self.metrics.restart_clock()
        return logs

    def misses_validation(self) -> bool:
        """Return whether the current step has no validation yet."""
        evaluated = (entry["step"] for entry in reversed(self.state.log_history) if "eval_loss" in entry)
        return next(evaluated, None) != self.state.global_step

    def validate_resumed_step(self) -> None:
        """Validate and compare as after a step. The checkpoint is there already."""
        self._determine_best_metric(metrics=self.evaluate(), trial=None)

    def _determine_best_metric(self, metrics: dict[str, float], trial: Any) -> bool:
        """Compare the metric with the lowest one so far. A new lowest one saves a checkpoint."""
        is_best = super()._determine_best_metric(metrics, trial)
        self.control.should_save |= is_best and self._keeps_best
        return is_best

    def load_best(self, checkpoint: Path) -> None:
        """Load the weights of a checkpoint of this stage, at its end."""
        self.state.best_model_checkpoint = str(checkpoint)
        if self.is_fsdp_enabled or self.is_deepspeed_enabled:
            self._load_best_model()
        else:
            self._load_from_checkpoint(str(checkpoint))

    def _run_epoch(self, *arguments: Any, **options: Any) -> None:
        """Make the steps of an epoch; none if the resumed stage had ended early."""
        if not self.control.should_training_stop:
            super()._run_epoch(*arguments, **options)

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """Return 0: `Trainer` would estimate from `input_ids`, which a step does not have."""
        return 0

    # Trainable parameters are saved under their module names: `save_pretrained` writes the hub's names, which
    # `load_state_dict` would silently ignore. FSDP has its own format, with a shard from each process.
    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        weights = checkpoints.trainable_parameters(self.model)
        if state_dict is not None:  # from DeepSpeed, whose stage 3 leaves empty parameters in the model
            weights = {name: state_dict[name].contiguous() for name in weights}
        save_file(weights, folder / checkpoints.WEIGHTS)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: torch.nn.Module | None = None) -> None:
        if self.is_fsdp_enabled:
            super()._load_from_checkpoint(resume_from_checkpoint, model)
        else:
            checkpoints.load_parameters(self.model, load_file(Path(resume_from_checkpoint) / checkpoints.WEIGHTS))

    def resume(self, checkpoint: Path) -> None:
        """Load metrics and truncate the log. Call this before `train(resume_from_checkpoint=...)`."""
        processes = self.metrics.load(checkpoint / checkpoints.METRICS, is_main=self.is_world_process_zero())
        if processes in (None, self.args.world_size):  # absent in checkpoints of earlier versions
            checkpoints.require_rank_files(checkpoint, self.args.world_size)
        self.metrics.skipped = still_broken(self.metrics.skipped)
        if self.is_world_process_zero():
            history = TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME)).log_history
            validated = {entry["step"] for entry in history if "eval_loss" in entry}
            self.log_file.truncate(checkpoints.step_of(checkpoint), validated)

    def complete_checkpoint(self, checkpoint: Path, save_total_limit: int) -> None:
        """Write the metrics of a saved checkpoint, mark it as complete, and remove old ones.

        Raises:
            UserError: all processes together have too many broken images.
        """
        # The reduction also makes the main process wait until all others have saved.
        sums = self.accelerator.reduce(self.metrics.losses.sums, "sum")
        broken = self.gather_broken_images(self.metrics.skipped)
        if self.is_world_process_zero():
            self.metrics.save(checkpoint / checkpoints.METRICS, sums, broken, processes=self.args.world_size)
            checkpoints.mark_complete(checkpoint, save_total_limit, keeps_best=self._keeps_best)
        self._require_few_broken(broken)

    def gather_broken_images(self, broken: dict[str, str]) -> dict[str, str]:
        """Return the broken images of all processes, with reasons."""
        parts = [broken]
        if self.args.world_size > 1:
            parts = [{}] * self.args.world_size
            torch.distributed.all_gather_object(parts, broken)
        return {file: reason for part in parts for file, reason in part.items()}


def still_broken(broken: dict[str, str]) -> dict[str, str]:
    """Return the images that cannot be read now either, with reasons. The others were repaired meanwhile."""
    found = {}
    for file in broken:
        try:
            read_rgb(Path(file))
        except ImageError as error:
            found[file] = error.reason
    return found
