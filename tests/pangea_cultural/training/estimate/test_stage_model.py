from pangea_cultural.model import build
from pangea_cultural.training.setup import lora
from pangea_cultural.training.setup.contrastive import Contrastive
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
