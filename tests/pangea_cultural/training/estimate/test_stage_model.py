from pangea_cultural.model import build
from pangea_cultural.training.setup import lora
from pangea_cultural.training.setup.contrastive import Contrastive
from pangea_cultural.training.setup.objectives import freeze
from pangea_cultural.training.setup.optimizers import trainable_matrices
from tests.helpers import tiny


def test_adapters_match_peft(stage_model):
    model = stage_model(lora={"rank": 4, "modules": ["q_proj", "down_proj"]})
    adapted = lora.attach(tiny.model_and_processor()[0], model.stage.lora, seed=0)
    adapters = sum(p.numel() for name, p in adapted.named_parameters() if "lora_" in name)
    assert model.parameters["adapters"].trainable == adapters > 0
    assert model.parameters["language_model"].trainable == 0


def test_contrastive_stage_trains_vision_tower_embeddings_and_head(stage_model):
    model, processor = tiny.model_and_processor()
    module = Contrastive(model, processor.tokenizer, ["Peru", "Chad"])
    for parameter in build.unused_vision_parameters(model):
        parameter.requires_grad_(False)
    expected = sum(p.numel() for p in module.parameters() if p.requires_grad)
    assert stage_model(objective="contrastive", trainable=["vision_tower"]).total.trainable == expected


def test_total_counts_every_parameter(stage_model, tiny_model):
    total = stage_model().total
    assert total.trainable + total.frozen == sum(p.numel() for p in tiny_model.parameters())


def shapes(module, model):
    return sorted(tuple(matrix.shape) for matrix in trainable_matrices(module, model.lm_head.weight))


def test_matrices_are_those_of_the_training(stage_model):
    """Muon orthogonalizes weights of linear layers, adapters, and the head of a contrastive stage."""
    model, processor = tiny.model_and_processor()
    planned = stage_model()
    freeze(model, planned.stage)
    assert sorted(planned.matrices) == shapes(model, model)
    planned = stage_model(objective="contrastive", trainable=["vision_tower"])
    freeze(model, planned.stage)
    assert sorted(planned.matrices) == shapes(Contrastive(model, processor.tokenizer, ["Peru", "Chad"]), model)
    planned = stage_model(lora={"rank": 4, "modules": ["q_proj", "down_proj"]})
    freeze(model, planned.stage)
    adapted = lora.attach(model, planned.stage.lora, seed=0)
    assert sorted(planned.matrices) == shapes(adapted, model)
