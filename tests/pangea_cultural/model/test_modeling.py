"""Loss of the model. Tests of batching compare packed with separate rows."""

import pytest
import torch

from pangea_cultural.model.modeling import IGNORE_INDEX
from tests.helpers import tiny

IDS = torch.tensor([[5, 6, 7, 8, 9, 10]])
LABELS = torch.tensor([[IGNORE_INDEX, IGNORE_INDEX, 7, IGNORE_INDEX, 9, 10]])


@pytest.fixture(scope="module")
def model():
    return tiny.model_and_processor()[0]


@pytest.fixture(scope="module")
def losses(model):
    """Return the loss of each target of LABELS, by transformers' own forward pass."""
    with torch.no_grad():
        log_probabilities = model(IDS).logits.log_softmax(-1)
    return torch.stack([-log_probabilities[0, index - 1, LABELS[0, index]] for index in (2, 4, 5)])


def test_loss_is_the_mean_over_targets(model, losses):
    output = model(IDS, labels=LABELS)
    assert torch.allclose(output.target_losses, losses, atol=1e-5)
    assert output.loss.item() == pytest.approx(losses.mean().item(), rel=1e-5)


def test_weights_and_normalizer_scale_the_loss(model, losses):
    weights = torch.tensor([[0.0, 0.0, 2.0, 0.0, 0.5, 1.0]])
    weighted = (losses * torch.tensor([2.0, 0.5, 1.0])).sum().item()
    for normalizer, expected in ((None, weighted / 3.5), (7.0, weighted / 7)):
        loss = model(IDS, labels=LABELS, weights=weights, normalizer=normalizer).loss
        assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_batch_without_images_gives_zero_gradients_to_image_parts(model):
    model.zero_grad()
    model(IDS, labels=LABELS).loss.backward()
    for part in (model.model.vision_tower, model.model.multi_modal_projector):
        assert all(parameter.grad is not None and not parameter.grad.any() for parameter in part.parameters())
    assert not model.model.image_newline.grad.any()
    assert model.model.language_model.norm.weight.grad.any()
    model.zero_grad()
