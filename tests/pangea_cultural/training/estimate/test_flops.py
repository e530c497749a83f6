"""Estimated FLOPs, compared with torch's count."""

import pytest
from torch.utils.checkpoint import set_checkpoint_early_stop
from torch.utils.flop_counter import FlopCounterMode
from transformers.models.llava_next.modeling_llava_next import image_size_to_num_patches

from pangea_cultural.dataset.sources.types import Conversation
from pangea_cultural.model import build
from pangea_cultural.model.modeling import IGNORE_INDEX
from pangea_cultural.training.batching.collate import Collator
from pangea_cultural.training.data.types import Group
from pangea_cultural.training.estimate.flops import flops
from pangea_cultural.training.estimate.workload import Workload
from pangea_cultural.training.setup.recomputation import recompute_activations
from tests.helpers import packed_rows, tiny

PROJECTOR_AND_MODEL = ["projector", "language_model"]


@pytest.mark.parametrize(
    ("parts", "recomputed"),
    [
        (PROJECTOR_AND_MODEL, None),
        (PROJECTOR_AND_MODEL, 1),
        (PROJECTOR_AND_MODEL, 3),
        (["projector"], None),
        (["vision_tower", *PROJECTOR_AND_MODEL], 2),
    ],
)
def test_flops_match_torch(stage_model, tmp_path, parts, recomputed):
    model, processor = tiny.model_and_processor()
    memory = {"gradient_checkpointing": recomputed is not None, "gradient_checkpointing_layers": recomputed}
    estimated = stage_model(trainable=parts, memory=memory)
    recompute_activations(model, estimated.stage)
    for part, parameters in build.parameter_groups(model).items():
        for parameter in parameters:
            parameter.requires_grad_(part in parts)
    tiny.image("Q1", 0).save(tmp_path / "a.png")
    conversations = tuple(Conversation(str(n), "en", (("Which country is this?", "Peru"),)) for n in range(4))
    group = Group(0, (tmp_path / "a.png",), conversations)
    batch = packed_rows.batch_of(Collator(processor, keys={(0, "en"): 0}), [group], processor)
    counted = torch_flops(model, batch, vision_tower="vision_tower" in parts)
    rows, length = batch["input_ids"].shape
    config = model.config
    workload = Workload(
        tokens=rows * length,
        targets=int((batch["labels"][:, 1:] != IGNORE_INDEX).sum()),
        attention_pairs=rows * length**2,  # eager attention with a dense mask computes all pairs
        tiles=image_size_to_num_patches(
            batch["image_sizes"][0].tolist(), config.image_grid_pinpoints, config.vision_config.image_size
        ),
    )
    assert flops(estimated, workload) == pytest.approx(counted, rel=0.05)


def torch_flops(model, batch, *, vision_tower):
    """Return torch's count of a forward and a backward pass."""
    model.set_attn_implementation("eager")
    model.train()
    model.model.vision_tower.train(vision_tower)
    # The usual count recomputes a full layer.
    with set_checkpoint_early_stop(False), FlopCounterMode(display=False) as counter:
        model(**batch).loss.backward()
    return counter.get_total_flops()
