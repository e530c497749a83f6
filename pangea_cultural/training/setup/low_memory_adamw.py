"""AdamW with moments in float32 or bfloat16, in main memory if wanted, for weights in float32 or bfloat16.

Updates are computed in float32, a part of a tensor at a time. What is stored in bfloat16 is rounded stochastically
where small changes have to add up: weights, and the second moment. Rounded to the nearest, a weight would not move by
less than 1/512 of its size, and a second moment with `beta2 = 0.999` would never fall. torchao rounds weights so, but
not moments, and its offloading bypasses the clipping of gradients.
"""

from collections.abc import Iterable
from typing import Any

import torch

PART = 2**24
"""Scalars that are updated at a time. Their temporary tensors take about 0.5 GB."""


class LowMemoryAdamW(torch.optim.Optimizer):
    """AdamW (Loshchilov and Hutter, 2017, arXiv 1711.05101), as `torch.optim.AdamW` up to rounding.

    Random numbers of the rounding follow from the step and the position of the parameter. So all processes round
    alike, and a resumed training as well.

    Args:
        params: parameters, or groups of them.
        lr: learning rate.
        betas: decay rates of the moments.
        eps: added to the denominator.
        weight_decay: weight decay.
        moment_dtype: dtype of the moments.
        offload: whether the moments are in main memory.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        moment_dtype: torch.dtype = torch.bfloat16,
        offload: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})
        self._moment_dtype = moment_dtype
        self._offload = offload

    def step(self, closure: Any = None) -> Any:
        """Update all parameters that have a gradient."""
        loss = closure() if closure else None
        for position, (group, parameter) in enumerate(self._parameters()):
            if parameter.grad is not None:
                state = self.state[parameter]
                if not state:
                    state |= {"step": 0, "exp_avg": self._moment(parameter), "exp_avg_sq": self._moment(parameter)}
                state["step"] += 1
                with torch.no_grad():
                    self._update(parameter, group, state, position)
        return loss

    def _parameters(self) -> Iterable[tuple[dict[str, Any], torch.nn.Parameter]]:
        for group in self.param_groups:
            for parameter in group["params"]:
                yield group, parameter

    def _moment(self, parameter: torch.Tensor) -> torch.Tensor:
        """Return a moment of zeros."""
        device = torch.device("cpu") if self._offload else parameter.device
        pinned = self._offload and parameter.is_cuda  # copies of pinned memory are faster
        return torch.zeros(parameter.shape, dtype=self._moment_dtype, device=device, pin_memory=pinned)

    def _update(
        self, parameter: torch.nn.Parameter, group: dict[str, Any], state: dict[str, Any], position: int
    ) -> None:
        (beta1, beta2), lr, step = group["betas"], group["lr"], state["step"]
        correction1, correction2 = 1 - beta1**step, 1 - beta2**step
        weights, gradients = parameter.view(-1), parameter.grad.reshape(-1)
        # A generator on the CPU reads 32 bits of a seed.
        generator = torch.Generator(parameter.device).manual_seed((step * 1_000_003 + position) % 2**32)
        for start in range(0, weights.numel(), PART):
            part = slice(start, start + PART)
            saved = [state[name].view(-1)[part] for name in ("exp_avg", "exp_avg_sq")]
            mean, square = (moment.to(parameter.device, torch.float32) for moment in saved)
            gradient, weight = gradients[part].float(), weights[part].float()
            mean = mean.lerp(gradient, 1 - beta1)
            square = (square * beta2).addcmul_(gradient, gradient, value=1 - beta2)
            denominator = (square.sqrt() / correction2**0.5).add_(group["eps"])
            weight = (weight * (1 - lr * group["weight_decay"])).addcdiv_(mean, denominator, value=-lr / correction1)
            saved[0].copy_(mean)
            saved[1].copy_(_rounded(square, saved[1].dtype, generator))
            weights[part].copy_(_rounded(weight, weights.dtype, generator))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load a state. torch's own method would cast the moments to dtype and device of the weights."""
        super().load_state_dict(state_dict | {"state": {}})
        for position, (_, parameter) in enumerate(self._parameters()):
            if saved := state_dict["state"].get(position):
                moments = {name: self._moment(parameter).copy_(saved[name]) for name in ("exp_avg", "exp_avg_sq")}
                self.state[parameter] = {"step": saved["step"], **moments}


def _rounded(values: torch.Tensor, dtype: torch.dtype, generator: torch.Generator) -> torch.Tensor:
    """Round float32 values to bfloat16 stochastically: up or down, right on average. float32 stays as it is.

    bfloat16 is the upper half of float32. A random number below the last bit that stays is added, and the lower half
    is dropped (Zamirai et al., 2020, arXiv 2010.06192).
    """
    if dtype != torch.bfloat16:
        return values
    noise = torch.randint(0, 1 << 16, values.shape, dtype=torch.int32, device=values.device, generator=generator)
    return (values.view(torch.int32) + noise).bitwise_and_(-(1 << 16)).view(torch.float32).bfloat16()
