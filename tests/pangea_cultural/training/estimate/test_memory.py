from pangea_cultural.training.estimate.memory import memory
from pangea_cultural.training.estimate.workload import MicroBatchShape, StepShape

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
