"""AdamW with narrow moments and weights, against torch's."""

import pytest
import torch

from pangea_cultural.training.setup import low_memory_adamw
from pangea_cultural.training.setup.low_memory_adamw import LowMemoryAdamW

SETTINGS = {"lr": 1e-2, "betas": (0.9, 0.99), "eps": 1e-8, "weight_decay": 0.1}


def trained(make, weight, gradients):
    """Return a weight after a step with each gradient, and the optimizer."""
    parameter = torch.nn.Parameter(weight.clone())
    optimizer = make([parameter])
    for gradient in gradients:
        parameter.grad = gradient.to(weight.dtype)
        optimizer.step()
    return parameter.data, optimizer


@pytest.fixture
def gradients():
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(33, 50, generator=generator) for _ in range(20)]


@pytest.mark.parametrize("part", [2**24, 100])
def test_float32_moments_give_the_updates_of_torch(gradients, monkeypatch, part):
    monkeypatch.setattr(low_memory_adamw, "PART", part)
    weight = torch.ones(33, 50)
    expected, _ = trained(lambda p: torch.optim.AdamW(p, **SETTINGS), weight, gradients)
    found, _ = trained(
        lambda p: LowMemoryAdamW(p, **SETTINGS, moment_dtype=torch.float32, offload=True), weight, gradients
    )
    assert torch.allclose(found, expected, atol=1e-6)


def test_bfloat16_moments_give_nearly_the_updates_of_torch(gradients):
    weight = torch.ones(33, 50)
    expected, _ = trained(lambda p: torch.optim.AdamW(p, **SETTINGS), weight, gradients)
    found, optimizer = trained(lambda p: LowMemoryAdamW(p, **SETTINGS), weight, gradients)
    moved = (expected - weight).abs().mean()
    assert (found - expected).abs().mean() < 0.02 * moved
    state = optimizer.state_dict()["state"][0]
    assert state["exp_avg"].dtype == state["exp_avg_sq"].dtype == torch.bfloat16


def test_updates_below_the_precision_of_bfloat16_add_up():
    """Rounded to the nearest, 200 steps of 1e-4 from 1 would change nothing."""
    weight, ones = torch.ones(10_000).bfloat16(), [torch.ones(10_000)] * 200
    found, _ = trained(lambda p: LowMemoryAdamW(p, lr=1e-4), weight, ones)
    assert found.dtype == torch.bfloat16
    assert found.float().mean().item() == pytest.approx(1 - 200 * 1e-4, abs=1e-3)


def test_second_moment_falls_in_bfloat16():
    """A decay of 1/1000 per step is less than half a unit in the last place."""
    gradients = [torch.ones(10_000), *[torch.zeros(10_000)] * 500]
    _, optimizer = trained(lambda p: LowMemoryAdamW(p, lr=0.0), torch.ones(10_000), gradients)
    moment = optimizer.state_dict()["state"][0]["exp_avg_sq"].float().mean().item()
    assert moment == pytest.approx(0.001 * 0.999**500, rel=0.02)


def test_loaded_state_keeps_its_dtype_and_its_place(gradients):
    make = LowMemoryAdamW
    weight = torch.ones(33, 50)
    whole, _ = trained(make, weight, gradients)
    half, optimizer = trained(make, weight, gradients[:10])
    parameter = torch.nn.Parameter(half.clone())
    resumed = make([parameter])
    resumed.load_state_dict(optimizer.state_dict())
    assert resumed.state[parameter]["exp_avg"].dtype == torch.bfloat16
    for gradient in gradients[10:]:
        parameter.grad = gradient
        resumed.step()
    assert torch.equal(parameter.data, whole)
