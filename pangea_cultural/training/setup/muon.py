"""Muon for the matrices of layers, and AdamW for all other parameters.

Muon replaces the momentum of a matrix by the semi-orthogonal matrix that is nearest to it, so that an update changes
all directions equally (Jordan et al., 2024, https://kellerjordan.github.io/posts/muon/). `torch.optim.Muon` computes
the same updates, but one matrix at a time and in bfloat16, which takes twenty times as long on most CPUs.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch.optim.adamw import adamw

MOMENTUM = 0.95
COEFFICIENTS = (3.4445, -4.775, 2.0315)
ITERATIONS = 5
"""Coefficients and iterations of the polynomial, by Jordan et al. Singular values above a hundredth of the norm end
between 0.6 and 1.25."""
RMS = 0.2
"""Root mean square of AdamW's updates in practice. Those of Muon are scaled to it (Liu et al., 2025, arXiv 2502.16982,
section 2.2), so that both have the same learning rate and weight decay."""
PART = 2**24
"""Scalars that are orthogonalized at a time, unless a single matrix has more."""


class Muon(torch.optim.Optimizer):
    """Muon, with AdamW for groups of parameters without `is_matrix`.

    Args:
        params: groups of parameters. In a group with `is_matrix` all have two dimensions.
        lr: learning rate.
        betas: decay rates of AdamW's moments.
        eps: added to AdamW's denominator.
    """

    def __init__(
        self, params: Iterable[dict[str, Any]], lr: float, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8
    ) -> None:
        # `fused` also makes `load_state_dict` keep the numbers of steps as tensors.
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": 0.0, "is_matrix": False, "fused": True}
        super().__init__(params, defaults)

    def step(self, closure: Any = None) -> Any:
        """Update all parameters that have a gradient."""
        loss = closure() if closure else None
        with torch.no_grad():
            for group in self.param_groups:
                parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
                if group["is_matrix"]:
                    self._orthogonal_steps(parameters, group)
                elif parameters:
                    self._adamw_step(parameters, group)
        return loss

    def _orthogonal_steps(self, parameters: list[torch.Tensor], group: dict[str, Any]) -> None:
        for matrices in _parts(parameters):
            directions = torch.stack([self._direction(matrix) for matrix in matrices])
            # In a step without images, gradients of the vision tower are zero. Orthogonalized, the momentum alone would
            # be an update of full size however old it is.
            has_gradient = torch.stack([matrix.grad.any() for matrix in matrices]).to(directions.dtype)
            updates = orthogonalized(directions) * has_gradient[:, None, None]
            size = RMS * math.sqrt(max(directions.shape[1:]))
            for matrix, update in zip(matrices, updates, strict=True):
                matrix.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-group["lr"] * size)

    def _direction(self, matrix: torch.Tensor) -> torch.Tensor:
        """Return the momentum of a matrix after its next gradient, by Nesterov's rule."""
        state = self.state[matrix]
        if not state:
            state["momentum"] = torch.zeros_like(matrix)
        state["momentum"].lerp_(matrix.grad, 1 - MOMENTUM)
        return matrix.grad.lerp(state["momentum"], MOMENTUM)

    def _adamw_step(self, parameters: list[torch.Tensor], group: dict[str, Any]) -> None:
        states = [self.state[parameter] for parameter in parameters]
        for parameter, state in zip(parameters, states, strict=True):
            if not state:
                state["step"] = torch.zeros((), device=parameter.device)
                state |= {name: torch.zeros_like(parameter) for name in ("exp_avg", "exp_avg_sq")}
        moments = [[state[name] for state in states] for name in ("exp_avg", "exp_avg_sq")]
        beta1, beta2 = group["betas"]
        adamw(
            *(parameters, [parameter.grad for parameter in parameters], *moments, []),
            [state["step"] for state in states],
            fused=True,
            amsgrad=False,
            maximize=False,
            beta1=beta1,
            beta2=beta2,
            **{name: group[name] for name in ("lr", "weight_decay", "eps")},
        )


def _parts(matrices: list[torch.Tensor]) -> Iterator[list[torch.Tensor]]:
    """Yield matrices of equal shape, as many as are orthogonalized at a time."""
    by_shape: dict[torch.Size, list[torch.Tensor]] = defaultdict(list)
    for matrix in matrices:
        by_shape[matrix.shape].append(matrix)
    for shape, alike in by_shape.items():
        count = max(1, PART // shape.numel())
        yield from (alike[start : start + count] for start in range(0, len(alike), count))


def orthogonalized(matrices: torch.Tensor) -> torch.Tensor:
    """Return the nearest semi-orthogonal matrices [count, rows, columns], approximately.

    Newton-Schulz iterations bring all singular values near 1 without computing them. On a GPU they are in bfloat16.

    Args:
        matrices: matrices [count, rows, columns].
    """
    is_tall = matrices.shape[1] > matrices.shape[2]
    wide = matrices.mT if is_tall else matrices
    if wide.is_cuda:
        wide = wide.bfloat16()
    wide = wide / wide.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        products = wide @ wide.mT
        wide = torch.baddbmm(wide, torch.baddbmm(products, products, products, beta=b, alpha=c), wide, beta=a)
    return (wide.mT if is_tall else wide).to(matrices.dtype)


def iteration_flops(shapes: Iterable[tuple[int, int]]) -> float:
    """Return the floating-point operations of orthogonalizing matrices, of each shape."""
    sides = (sorted(shape) for shape in shapes)
    return float(sum(ITERATIONS * 2 * (2 * short * short * long + short**3) for short, long in sides))
