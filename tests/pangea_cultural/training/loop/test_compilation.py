"""Training with compiled layers. A backend that only traces them stands in for the compiler, which takes minutes."""

import pytest
from safetensors.torch import load_file
from torch._dynamo.testing import CompileCounterWithBackend

from pangea_cultural.errors import UserError
from pangea_cultural.training.batching import training_data
from pangea_cultural.training.loop import resume
from pangea_cultural.training.setup import compilation
from tests.helpers import tiny
from tests.helpers.short_training import recipe, train


def test_compiled_layers_have_the_same_losses_and_names_of_weights(tmp_path, new_workspace, base, monkeypatch):
    counter = CompileCounterWithBackend("eager")
    monkeypatch.setattr(compilation, "BACKEND", counter)
    stage = {"steps": 2, "memory": {"gradient_checkpointing": True, "gradient_checkpointing_layers": 2}}
    losses, weights = [], []
    for compiled in (False, True):
        workspace = new_workspace(tmp_path / str(compiled))
        model = {"checkpoint": str(base), "torch_compile": compiled, "attn_implementation": "sdpa"}
        record = train(workspace, base, stage=stage, model=model)
        losses.append([entry["loss"] for entry in record["stages"][0]["log"]])
        weights.append(load_file(workspace.checkpoints / "micro/model.safetensors"))
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    assert weights[1].keys() == weights[0].keys()
    # Layers of a class share their graphs. A second shape makes one for all others.
    assert 0 < counter.frame_count <= 6


def test_stage_without_compilation_undoes_that_of_an_earlier_one():
    model, _ = tiny.model_and_processor()
    layers = [*model.model.language_model.layers, *model.model.vision_tower.encoder.layers]
    compilation.compile_layers(model, enabled=True)
    assert all("forward" in vars(layer) for layer in layers)
    compilation.compile_layers(model, enabled=False)
    assert not any("forward" in vars(layer) for layer in layers)


def test_missing_compiler_is_said_before_data_is_read(workspace, base, monkeypatch):
    monkeypatch.setattr(training_data, "open_all", None)
    monkeypatch.setenv("PATH", "")
    for name in ("CC", "CXX"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(
        UserError, match=r"torch_compile needs a C\+\+ compiler\. Install one, such as g\+\+, or remove"
    ):
        train(workspace, base, model={"checkpoint": str(base), "torch_compile": True})


def test_compilation_may_change_on_resume(base):
    empty = {"data": {}, "base_model": {}, "deepspeed": None, "world_size": 1, "shares_images": False}
    fingerprints = [
        resume.run_fingerprint(recipe(base, model={"checkpoint": str(base), "torch_compile": compiled}), **empty)
        for compiled in (False, True)
    ]
    assert fingerprints[0] == fingerprints[1] and "torch_compile" not in fingerprints[0]["recipe"]["model"]
