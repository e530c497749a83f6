"""Muon, against torch's own and AdamW."""

import pytest
import torch

from pangea_cultural.training.setup import muon
from pangea_cultural.training.setup.muon import Muon, orthogonalized
from pangea_cultural.training.setup.optimizers import trainable_matrices
from tests.helpers import tiny

SETTINGS = {"lr": 1e-2, "weight_decay": 0.1}
SHAPES = [(32, 48), (48, 32), (32, 48), (40, 40)]


def randoms(shapes, seed, count=1):
    generator = torch.Generator().manual_seed(seed)
    return [[torch.randn(shape, generator=generator) for shape in shapes] for _ in range(count)]


def trained(make, weights, gradients):
    """Return weights after a step with each list of gradients, and the optimizer."""
    parameters = [torch.nn.Parameter(weight.clone()) for weight in weights]
    optimizer = make(parameters)
    for step in gradients:
        for parameter, gradient in zip(parameters, step, strict=True):
            parameter.grad = gradient.clone()
        optimizer.step()
    return [parameter.data for parameter in parameters], optimizer


def make_muon(parameters):
    return Muon([{"params": parameters, "is_matrix": True, **SETTINGS}], lr=1e-2)


def make_both(parameters):
    groups = [{"params": parameters[:2], "is_matrix": True}, {"params": parameters[2:]}]
    return Muon([group | SETTINGS for group in groups], lr=1e-2)


@pytest.mark.parametrize("shape", [(64, 64), (32, 96), (96, 32)])
def test_singular_values_end_near_1_and_directions_stay(shape):
    left, _, right = torch.linalg.svd(randoms([shape], 0)[0][0], full_matrices=False)
    matrix = left @ torch.diag(torch.logspace(0, -1.5, min(shape))) @ right
    found = orthogonalized(matrix[None])[0]
    values = (left.mT @ found @ right.mT).diagonal()
    assert values.min() > 0.6 and values.max() < 1.25
    assert torch.allclose(left.mT @ found @ right.mT, torch.diag(values), atol=1e-3), "the same singular vectors"


@pytest.mark.parametrize("part", [2**24, 100])
def test_updates_of_matrices_are_those_of_torch(monkeypatch, part):
    """torch orthogonalizes in bfloat16, with a relative precision of 0.4 %."""
    monkeypatch.setattr(muon, "PART", part)
    weights, gradients = randoms(SHAPES, 1)[0], randoms(SHAPES, 2, count=10)
    options = SETTINGS | {"adjust_lr_fn": "match_rms_adamw"}
    expected, _ = trained(lambda p: torch.optim.Muon(p, **options), weights, gradients)
    found, _ = trained(make_muon, weights, gradients)
    for before, own, theirs in zip(weights, found, expected, strict=True):
        assert (own - theirs).norm() < 0.02 * (theirs - before).norm()


def test_updates_of_other_parameters_are_those_of_adamw():
    weights, gradients = randoms([(32, 48), (48,), ()], 3)[0], randoms([(32, 48), (48,), ()], 4, count=10)
    expected, _ = trained(lambda p: torch.optim.AdamW(p, **SETTINGS, fused=True), weights, gradients)
    found, _ = trained(lambda p: Muon([{"params": p, **SETTINGS}], lr=1e-2), weights, gradients)
    assert all(map(torch.equal, found, expected))


def test_matrices_and_other_parameters_move_as_far():
    """The same learning rate serves both: the root mean square of an update is 0.2 for Muon, as for AdamW."""
    weights, gradients = [torch.zeros(128, 512)], randoms([(128, 512)], 5)
    moved, _ = trained(lambda p: Muon([{"params": p, "is_matrix": True}], lr=1.0), weights, gradients)
    assert moved[0].pow(2).mean().sqrt().item() == pytest.approx(0.2, rel=0.15)


def test_loaded_state_goes_on_with_the_same_bits():
    weights, gradients = randoms(SHAPES, 6)[0], randoms(SHAPES, 7, count=10)
    whole, _ = trained(make_both, weights, gradients)
    half, optimizer = trained(make_both, weights, gradients[:5])

    def resumed(parameters):
        made = make_both(parameters)
        made.load_state_dict(optimizer.state_dict())
        return made

    found, _ = trained(resumed, half, gradients[5:])
    assert all(map(torch.equal, found, whole))


def test_a_parameter_without_gradient_does_not_move():
    parameters = [torch.nn.Parameter(torch.ones(8, 8)) for _ in range(4)]
    make_both(parameters).step()
    assert all(torch.equal(parameter, torch.ones(8, 8)) for parameter in parameters)


def test_a_matrix_with_a_gradient_of_zero_does_not_move():
    """Gradients of the vision tower are zero in a step without images."""
    weights, gradients = randoms(SHAPES, 8)[0], randoms(SHAPES, 9, count=3)

    def make(parameters):
        return Muon([{"params": parameters, "is_matrix": True}], lr=1e-2)

    before, _ = trained(make, weights, gradients)
    after, _ = trained(make, weights, [*gradients, [torch.zeros(SHAPES[0]), *gradients[0][1:]]])
    assert torch.equal(before[0], after[0])
    assert not any(map(torch.equal, before[1:], after[1:])), "the others move"


def test_matrices_are_the_weights_of_linear_layers():
    model, _ = tiny.model_and_processor()
    names = {id(parameter): name for name, parameter in model.named_parameters(remove_duplicate=False)}
    found = [names[id(matrix)] for matrix in trainable_matrices(model, model.lm_head.weight)]
    assert "model.multi_modal_projector.linear_1.weight" in found
    assert "model.language_model.layers.0.mlp.down_proj.weight" in found
    assert not [name for name in found if "embed" in name or "norm" in name or "lm_head" in name or "bias" in name]


def test_untied_output_embeddings_are_no_matrix():
    head = torch.nn.Linear(8, 100, bias=False)
    model = torch.nn.Sequential(torch.nn.Linear(8, 8), head)
    assert [tuple(one.shape) for one in trainable_matrices(model, head.weight)] == [(8, 8)]
