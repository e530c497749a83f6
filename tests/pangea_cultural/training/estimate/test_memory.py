import pytest

from pangea_cultural.training.estimate import memory as memory_module
from pangea_cultural.training.estimate.memory import memory, offloaded_bytes
from pangea_cultural.training.estimate.workload import MicroBatchShape, StepShape
from pangea_cultural.training.setup.quantization import linears

LORA = {"rank": 4, "modules": ["q_proj", "down_proj"]}
BATCH = MicroBatchShape(rows=1, length=256, targets=40, tiles=3)


def memory_of(model, *, devices=1):
    return memory(model, StepShape(BATCH, micro_batches=1, devices=devices))


def test_fsdp_divides_parameters_among_devices(stage_model):
    one = memory_of(stage_model())
    four = memory_of(stage_model(parallelism="fsdp"), devices=4)
    for part in ("weights", "gradients", "optimizer"):
        assert four[part] == one[part] // 4, part


def test_ddp_copies_gradients(stage_model):
    assert memory_of(stage_model(), devices=2)["gradients"] == 2 * memory_of(stage_model())["gradients"]


def test_adapters_on_bfloat16_weights_take_a_fraction(stage_model):
    model = stage_model(dtype="bfloat16", lora=LORA)
    trainable, frozen = model.total
    assert memory_of(model)["weights"] == 4 * trainable + 2 * frozen
    assert memory_of(model)["optimizer"] == 8 * trainable < memory_of(stage_model())["optimizer"] / 4


def test_logits_are_those_of_targets(stage_model):
    model = stage_model()
    assert memory_of(model)["logits"] == 12 * BATCH.targets * model.model.config.text_config.vocab_size


@pytest.fixture
def without_activations(monkeypatch):
    """Measuring them takes a second each time."""
    monkeypatch.setattr(memory_module, "_micro_batch_bytes", lambda *_: {})


@pytest.mark.usefixtures("without_activations")
def test_moments_and_weights_have_the_bytes_of_the_optimizer(stage_model):
    """Embeddings have moments of float32 in bitsandbytes. Muon has one moment of each matrix."""
    plain, trainable = memory_of(stage_model()), stage_model().total.trainable
    narrow = memory_of(stage_model(dtype="bfloat16", optimizer={"optim": "adamw_bf16", "weight_dtype": "bfloat16"}))
    for part in ("gradients", "optimizer"):
        assert narrow[part] == plain[part] // 2, part
    assert narrow["copies"] == 0, "autocast has nothing to cast"
    eight = stage_model(optimizer={"optim": "adamw_bnb_8bit"})
    others = trainable - eight.num_embeddings
    assert memory_of(eight)["optimizer"] == round(2.03125 * others) + 8 * eight.num_embeddings
    muon = stage_model(optimizer={"optim": "muon"})
    assert memory_of(muon)["optimizer"] == 8 * trainable - 4 * sum(a * b for a, b in muon.matrices)
    moved = stage_model(optimizer={"optim_offload": True})
    assert memory_of(moved)["optimizer"] == 0 and offloaded_bytes(moved) == plain["optimizer"]


@pytest.mark.usefixtures("without_activations")
def test_quantized_layers_have_4_bits_and_scales(stage_model):
    model = stage_model(dtype="bfloat16", load_in_4bit=True, lora=LORA)
    trainable, frozen = model.total
    quantized = sum(module.weight.numel() for _, module in linears(model.model))
    expected = 4 * trainable + 2 * (frozen - quantized) + round(quantized * (0.5 + (1 + 4 / 256) / 64))
    assert memory_of(model)["weights"] == expected
