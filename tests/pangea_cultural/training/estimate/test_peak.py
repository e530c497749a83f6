"""Estimated memory, compared with what torch allocates on the CPU, and with a computation by hand for 7B."""

import copy

import pytest
import torch
from torch import distributed
from torch.profiler import ProfilerActivity, profile
from torch.testing._internal.distributed.fake_pg import FakeStore
from transformers import CLIPVisionConfig, LlavaNextConfig, Qwen2Config

from pangea_cultural.model import build, tokenizer
from pangea_cultural.model.config import model_config
from pangea_cultural.model.modeling import IGNORE_INDEX, PackedLlavaNext
from pangea_cultural.training.batching.context_share import divide
from pangea_cultural.training.estimate.memory import memory
from pangea_cultural.training.estimate.stage_model import StageModel
from pangea_cultural.training.estimate.workload import MicroBatchShape, StepShape
from pangea_cultural.training.setup.recomputation import recompute_activations

LENGTH, TARGETS, LAYERS = 512, 64, 4


def peak_bytes(work):
    """Return the most bytes that torch's allocator holds during `work`, beyond those before it."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        work()
    held, peak = 0, 0
    for event in sorted(_allocations(profiled), key=lambda event: event.start_time_ns):
        held += event.typed[1].alloc_size
        peak = max(peak, held)
    return peak


def _allocations(profiled):
    waiting = list(profiled.profiler.kineto_results.experimental_event_tree())
    while waiting:
        event = waiting.pop()
        waiting += event.children
        if event.tag.name == "Allocation":
            yield event


def stage_model_of(stage_model, model, recomputed, *, attention="sdpa", **options):
    """Return a model in a stage that recomputes a number of layers."""
    memory = {"gradient_checkpointing": recomputed > 0, "gradient_checkpointing_layers": recomputed or None}
    made = stage_model(memory=memory, **options)
    recipe_model = made.recipe.model.model_copy(update={"attn_implementation": attention})
    return StageModel(model, made.recipe.model_copy(update={"model": recipe_model}), made.stage)


@pytest.fixture(scope="module")
def small_model():
    """A language model whose MLP is as wide as that of 7B, in proportion."""
    text = Qwen2Config(
        vocab_size=1000,
        hidden_size=256,
        intermediate_size=1360,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=False,
    )
    sizes = {"hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 2}
    vision = CLIPVisionConfig(image_size=56, patch_size=14, **sizes)
    config = LlavaNextConfig(
        text_config=text, vision_config=vision, image_token_index=5, image_grid_pinpoints=[[56, 112]]
    )
    model = PackedLlavaNext(config).float()
    model.set_attn_implementation({"text_config": "sdpa"})
    for part, parameters in build.parameter_groups(model).items():
        for parameter in parameters:
            parameter.requires_grad_(part == "language_model")
    return model


def batch_of(rows):
    """Return rows with a prefix and two conversations, so that the mask is dense."""
    ids = torch.arange(rows * LENGTH).reshape(rows, LENGTH) % 900 + 10
    labels = torch.full_like(ids, IGNORE_INDEX)
    labels[:, -TARGETS:] = ids[:, -TARGETS:]
    segments = torch.zeros(rows, 2, LENGTH, dtype=torch.long)
    segments[:, 1, 256:384], segments[:, 1, 384:] = 1, 2
    return {
        "input_ids": ids,
        "labels": labels,
        "segments": segments,
        "position_ids": torch.arange(LENGTH).expand(rows, -1),
    }


@pytest.mark.parametrize(("rows", "recomputed"), [(3, 0), (2, 2), (1, 3)])
def test_estimate_is_the_peak_of_a_forward_and_a_backward_pass(stage_model, small_model, rows, recomputed):
    model = stage_model_of(stage_model, small_model, recomputed, trainable=["language_model"])
    recompute_activations(small_model.train(), model.stage)
    peak = step_peak(small_model, batch_of(rows))
    estimate = estimated_bytes(model, MicroBatchShape(rows, LENGTH, rows * TARGETS, 0))
    assert 0.98 < estimate / peak < 1.12


def step_peak(model, batch):
    """Return the most bytes of a forward and a backward pass."""

    def forward_and_backward():
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(**batch).loss
        loss.backward()

    forward_and_backward()  # from the second micro-batch on, gradients are there all the time
    return peak_bytes(forward_and_backward)


def estimated_bytes(model, shape):
    parts = memory(model, StepShape(shape, 1, 1))
    return sum(parts[part] for part in ("copies", "activations", "vision_tower", "logits"))


@pytest.fixture
def last_of_four():
    """The last of four processes, without the others: it receives nothing."""
    distributed.init_process_group("fake", store=FakeStore(), rank=3, world_size=4)
    yield distributed.group.WORLD
    distributed.destroy_process_group()


@pytest.mark.parametrize(("recomputed", "most"), [(0, 1.12), (3, 1.25)])
def test_estimate_is_the_peak_of_a_process_that_divides_a_row(stage_model, small_model, last_of_four, recomputed, most):
    """Its first position is one of the last of a long group."""
    parts, first_group = 4, 1_600
    model = stage_model_of(stage_model, small_model, recomputed, trainable=["language_model"])
    divided = copy.deepcopy(small_model)
    divided.divide_rows(last_of_four)
    recompute_activations(divided.train(), model.stage)
    whole = {name: torch.cat([value] * parts, dim=-1) for name, value in batch_of(1).items()}
    whole["segments"][:, 0, first_group:] = 1
    whole["segments"][:, 1] = 1
    whole |= {"weights": torch.ones(1, parts * LENGTH), "keys": torch.zeros(parts * TARGETS, dtype=torch.long)}
    batch = divide(whole, parts - 1, parts, pair_work=0.0)
    del batch["keys"]
    peak = step_peak(divided, batch)
    estimate = estimated_bytes(model, MicroBatchShape(1, LENGTH, TARGETS, 0, parts, first_group))
    assert 0.98 < estimate / peak < most


@pytest.fixture(scope="module")
def seven_billion():
    config = model_config("clip-l-qwen2-7b", tokenizer.train([], vocab_size=0, max_length=0), vocab_size=152_064)
    with torch.device("meta"):
        return PackedLlavaNext(config)


@pytest.mark.parametrize(("rows", "recomputed"), [(1, 0), (2, 20), (4, 28)])
def test_activations_of_7b_are_those_of_a_computation_by_hand(stage_model, seven_billion, rows, recomputed):
    """FSDP on eight devices computes in bfloat16, two bytes. The width is 3,584, of the MLP 18,944."""
    width, mlp, layers, length = 3584, 18_944, 28, 8192
    norm = (4 + 2 + 2) * width  # input in float32, normalized, and scaled by the weight
    attention = 4 * 2 * width  # queries, keys and values of 28 heads each, and output
    product = 4 * 2 * mlp  # gate, its activation, up, and the product of both
    last_norm = (4 + 2) * width
    kept = max(1, layers - recomputed) * (2 * norm + attention + product) + last_norm
    inputs = recomputed * 2 * width
    gradients = 2 * 2 * mlp
    model = stage_model_of(
        stage_model, seven_billion, recomputed, attention="auto", parallelism="fsdp", trainable=["language_model"]
    )
    parts = memory(model, StepShape(MicroBatchShape(rows, length, 0, 0), 1, 8))
    assert parts["activations"] == pytest.approx(rows * length * (kept + inputs + gradients), rel=0.01)
