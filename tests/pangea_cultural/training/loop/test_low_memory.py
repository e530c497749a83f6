"""Trainings that save memory: narrow moments, bfloat16 weights, 4-bit weights and adapters."""

import logging
import re
import shutil
from types import SimpleNamespace

import pytest
import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn import Linear4bit
from peft import PeftConfig, PeftModel
from safetensors.torch import load_file, save_file
from transformers import BitsAndBytesConfig, LlavaNextForConditionalGeneration

from pangea_cultural.errors import UserError
from pangea_cultural.training.loop import trained_weights, trainer
from pangea_cultural.training.recipe import Lora
from pangea_cultural.training.setup import adapter_export, base_model, precision, quantization
from pangea_cultural.training.setup import lora as adapters
from pangea_cultural.utils.files import read_json, write_json
from pangea_cultural.workspace import Workspace
from tests.helpers import tiny
from tests.helpers.recipes import merged
from tests.helpers.short_training import STAGE, log_without_times, recipe, train

LORA = {"rank": 4, "alpha": 8, "modules": ["q_proj", "down_proj"]}
SAVED = {"checkpoint": {"save_steps": 1}, "steps": 2, "batch": {"global_batch_size": 8}}


def stage(name, *, trainable=("projector", "language_model"), lora=None, **optimizer):
    return merged(STAGE, SAVED | {"name": name, "trainable": list(trainable), "lora": lora, "optimizer": optimizer})


@pytest.fixture
def interrupted(monkeypatch):
    """A function that trains and is interrupted before the last step of every stage."""
    training_step = trainer.StageTrainer.training_step

    def train_through(*arguments, stages, **fields):
        met = set()

        def interrupted_step(self, *inputs):
            if self.state.global_step == 1 and self.args.output_dir not in met:
                met.add(self.args.output_dir)
                raise KeyboardInterrupt
            return training_step(self, *inputs)

        with monkeypatch.context() as patch:
            patch.setattr(trainer.StageTrainer, "training_step", interrupted_step)
            for _ in stages:
                with pytest.raises(KeyboardInterrupt):
                    train(*arguments, stages=stages, **fields)
            return train(*arguments, stages=stages, **fields)

    return train_through


def outputs(model):
    """Return the logits of a model for an image and a text."""
    _, processor = tiny.model_and_processor()
    inputs = processor(images=tiny.image("Q1", 0), text="<image>Welches Land ist das?", return_tensors="pt")
    with torch.no_grad():
        return model.eval()(**inputs).logits


def test_every_optimizer_resumes_to_the_same_bits(tmp_path, new_workspace, base, interrupted):
    fields = {
        "model": {"checkpoint": str(base), "dtype": "bfloat16"},
        "stages": [
            stage("narrow", optim="adamw_bf16", weight_dtype="bfloat16"),
            stage("moved", optim_offload=True, weight_decay=0.1),
            stage("eight", optim="adamw_bnb_8bit"),
            stage("muon", optim="muon", weight_decay=0.1),
        ],
    }
    whole = train(new_workspace(tmp_path / "whole"), base, **fields)
    resumed = interrupted(new_workspace(tmp_path / "resumed"), base, **fields)
    assert [one["resumed_from"] for one in resumed["stages"]] == ["checkpoint-1"] * 4
    assert log_without_times(resumed) == log_without_times(whole)
    assert resumed["weights_sha256"] == whole["weights_sha256"]
    assert not (tmp_path / "whole/checkpoints/micro/adapter").exists(), "the language model itself was trained"


@pytest.fixture(scope="module")
def quantized(tmp_path_factory, export_folder, base):
    """A workspace with a training of two stages with adapters on 4-bit weights, and its record."""
    workspace = Workspace(tmp_path_factory.mktemp("quantized")).create()
    shutil.copytree(export_folder, workspace.exports / "colors")
    shutil.copytree(base, workspace.checkpoints / "start")
    return workspace, train(workspace, base, **QUANTIZED)


QUANTIZED = {
    "model": {"checkpoint": "checkpoints/start", "load_in_4bit": True},
    "stages": [
        stage("first", trainable=["projector"], optim="adamw_bnb_8bit"),
        stage("second", lora=LORA, learning_rate=1e-2, optim="adamw_bf16"),
    ],
}


def test_training_on_4_bit_weights_resumes_to_the_same_bits(quantized, tmp_path, new_workspace, base, interrupted):
    _, whole = quantized
    workspace = new_workspace(tmp_path)
    shutil.copytree(base, workspace.checkpoints / "start")
    resumed = interrupted(workspace, base, **QUANTIZED)
    assert log_without_times(resumed) == log_without_times(whole)
    assert resumed["weights_sha256"] == whole["weights_sha256"]


def test_adapter_on_the_base_checkpoint_gives_the_outputs_of_the_merged_model(workspace, base):
    """Two stages have adapters of some equal and some different layers."""
    shutil.copytree(base, workspace.checkpoints / "start")
    other = LORA | {"rank": 2, "modules": ["v_proj", "q_proj"]}
    stages = [stage("first", lora=LORA, learning_rate=1e-2), stage("second", lora=other, learning_rate=1e-2)]
    train(workspace, "checkpoints/start", stages=stages)
    folder = workspace.checkpoints / "micro"
    merged_model = LlavaNextForConditionalGeneration.from_pretrained(folder)
    start = LlavaNextForConditionalGeneration.from_pretrained(base)
    before = outputs(start)
    adapted = PeftModel.from_pretrained(start, folder / "adapter")
    assert torch.allclose(outputs(adapted), outputs(merged_model), atol=1e-5)
    assert (outputs(merged_model) - before).abs().max() > 1e-2
    assert PeftConfig.from_pretrained(folder / "adapter").base_model_name_or_path == "checkpoints/start"


def test_adapter_of_the_language_model_alone_has_no_other_weights(workspace, base):
    """vLLM loads such a file, and refuses others."""
    alone = {"stages": [stage("main", trainable=["language_model"], lora=LORA)], "name": "alone"}
    train(workspace, base, **alone)
    names = load_file(workspace.checkpoints / "alone/adapter/adapter_model.safetensors").keys()
    pattern = r"base_model\.model\.model\.language_model\.layers\.\d\.(self_attn|mlp)\.\w+\.lora_[AB]\.weight"
    assert names and all(re.fullmatch(pattern, name) for name in names)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"stages": [stage("a", lora=LORA)]}, ""),
        ({"stages": [stage("a", lora=LORA), stage("b")]}, "stage b trains the language model itself"),
        ({"stages": [stage("a", lora=LORA)], "model": {"size": "tiny"}}, "the recipe has no base checkpoint"),
        (
            {
                "stages": [stage("a", lora=LORA), stage("b", lora=LORA)],
                "model": {"checkpoint": "a", "load_in_4bit": True},
            },
            "stage b quantizes the sums of weights and earlier adapters",
        ),
    ],
)
def test_missing_adapter_has_a_reason(fields, reason):
    assert adapter_export.obstacle(recipe("a", **fields)) == reason


def test_training_says_why_it_writes_no_adapter(workspace, base, caplog):
    caplog.set_level(logging.INFO, "pangea_cultural")
    train(workspace, base, stages=[stage("a", lora=LORA), stage("b", trainable=["language_model"])])
    assert not (workspace.checkpoints / "micro/adapter").exists()
    note = "No folder `adapter`: stage b trains the language model itself. The model has the adapters merged."
    assert note in caplog.messages


def test_merged_model_computes_what_was_trained_on_4_bit_weights(quantized, base):
    """Layers without adapters have 4-bit weights as well."""
    workspace, _ = quantized
    folder = workspace.checkpoints / "micro"
    others = ["lm_head", "model.vision_tower", "model.multi_modal_projector"]  # as in docs/training.md
    bits = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True}
    config = BitsAndBytesConfig(**bits, bnb_4bit_compute_dtype=torch.float32, llm_int8_skip_modules=others)
    start = LlavaNextForConditionalGeneration.from_pretrained(base, quantization_config=config, dtype=torch.float32)
    for layer in start.modules():
        if isinstance(layer, Linear4bit):
            layer.support_avx512bf16_for_cpu = False  # its kernel rounds scales to bfloat16
    expected = LlavaNextForConditionalGeneration.from_pretrained(folder)
    adapted = PeftModel.from_pretrained(start, folder / "adapter")
    assert torch.allclose(outputs(adapted), outputs(expected), atol=1e-5)
    names = {name.split(".")[-1] for name in load_file(folder / "adapter/adapter_model.safetensors")}
    assert names == {"weight", "bias", "image_newline"}, "the projector is part of what was trained"
    card = (folder / "README.md").read_text()
    assert "trained from `checkpoints/start`, the linear layers of its language model in 4 bits (NF4)." in card
    assert "learning rate 0.01, adamw_bf16, trains projector, language_model (adapters of rank 4)" in card


def test_quantization_reaches_only_linear_layers_of_the_language_model():
    model, _ = tiny.model_and_processor()
    weights = {name: module.weight.clone() for name, module in quantization.linears(model)}
    options = {"compute_dtype": torch.float32, "device": torch.device("cpu")}
    quantization.quantize(model, double_quantization=True, **options)
    layers = {name: module for name, module in model.named_modules() if isinstance(module, Linear4bit)}
    assert layers.keys() == weights.keys() and all("language_model.layers." in name for name in layers)
    for name, layer in layers.items():
        error = dequantize_4bit(layer.weight.data, layer.weight.quant_state) - weights[name]
        assert 0.05 < error.abs().mean() / weights[name].abs().mean() < 0.15, name
        assert quantization.full_size(layer.weight) == weights[name].numel()


def test_merging_rounds_once():
    """A change of half a step of bfloat16 in each of two stages is a whole step."""
    model, _ = tiny.model_and_processor()
    name = "model.language_model.layers.0.self_attn.q_proj"
    weight = model.get_submodule(name).weight
    weight.data = torch.ones_like(weight).bfloat16()
    half = adapters.Adapter(torch.ones(1, weight.shape[1]), torch.full((weight.shape[0], 1), 2.0**-8), 1.0)
    adapters.merge(model, [{name: half}, {name: half}], torch.bfloat16)
    assert set(model.get_submodule(name).weight.float().unique().tolist()) == {1 + 2.0**-7}
    adapters.merge(model, [{name: half}], torch.float32)
    assert set(model.get_submodule(name).weight.unique().tolist()) == {1 + 2.0**-7 + 2.0**-8}


def test_layers_that_a_later_stage_trains_have_no_adapter_twice(tmp_path, base):
    """A stage without adapters saves the weights that it has started from and changed."""
    model, _ = tiny.model_and_processor()
    name = "model.language_model.layers.0.self_attn.q_proj"
    weight = model.get_submodule(name).weight
    ones = {"first": torch.ones(1, weight.shape[1]), "second": torch.ones(weight.shape[0], 1)}
    save_file({name + adapters.FIRST: ones["first"], name + adapters.SECOND: ones["second"]}, tmp_path / "0")
    save_file({f"{name}.weight": torch.zeros_like(weight)}, tmp_path / "1")
    with_lora, without = (SimpleNamespace(lora=lora) for lora in (Lora(rank=1, alpha=1, modules=("q_proj",)), None))
    trained_weights.apply(model, [(with_lora, tmp_path / "0"), (without, tmp_path / "1")], torch.float32)
    assert not model.get_submodule(name).weight.any()
    trained_weights.apply(model, [(with_lora, tmp_path / "0")], torch.float32)
    assert model.get_submodule(name).weight.eq(1).all()


def test_base_checkpoint_of_an_adapter_is_named_without_folders_of_the_machine(workspace, base, tmp_path):
    def name_of(checkpoint):
        inputs = SimpleNamespace(recipe=recipe(checkpoint), workspace=workspace.root)
        return base_model.BaseModel(inputs, tmp_path).published_name

    shutil.copytree(base, workspace.checkpoints / "start")
    assert name_of("neulab/Pangea-7B-hf") == "neulab/Pangea-7B-hf"
    assert name_of("checkpoints/start") == name_of(workspace.checkpoints / "start") == "checkpoints/start"
    assert name_of(base) == base.name


def test_quantized_checkpoint_is_no_start(workspace, base):
    copy = shutil.copytree(base, workspace.checkpoints / "quantized")
    content = read_json(copy / "config.json")
    quantized = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    write_json(copy / "config.json", content | {"quantization_config": quantized})
    with pytest.raises(UserError, match=r"The weights of checkpoints/quantized are quantized\. Start from"):
        train(workspace, "checkpoints/quantized")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"model": {"checkpoint": "a", "load_in_4bit": True}, "stages": [stage("a", lora=LORA)]}, "load_in_4bit"),
        ({"stages": [stage("a", optim="adamw_bnb_8bit")]}, 'optim = "adamw_bnb_8bit"'),
    ],
)
def test_missing_package_is_named(shared_workspace, base, monkeypatch, fields, named):
    monkeypatch.setattr(quantization, "find_spec", lambda _: None)
    with pytest.raises(
        UserError, match=rf'{named} needs bitsandbytes\. Run `pip install "pangea-cultural\[low-memory\]'
    ):
        train(shared_workspace, base, **fields)


@pytest.mark.parametrize(
    ("dtype", "gpu", "expected"),
    [
        ("float32", None, "no"),
        ("bfloat16", None, "bf16"),
        ("float16", None, "needs a GPU"),
        ("float32", True, "bf16"),
        ("float16", True, "fp16"),
        ("float32", False, "fp16"),
        ("float16", False, "fp16"),
        ("bfloat16", False, r'T4 has no bfloat16\. Set model\.dtype = "float16" or "float32"'),
    ],
)
def test_precision_follows_from_dtype_and_machine(base, monkeypatch, dtype, gpu, expected):
    """`gpu` says whether the GPU has bfloat16; None for a machine without a GPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu is not None)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: gpu)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "T4")
    parsed = recipe(base, model={"checkpoint": str(base), "dtype": dtype})
    if len(expected) <= 4:
        assert precision.mixed_precision(parsed) == expected
    else:
        with pytest.raises(UserError, match=expected):
            precision.mixed_precision(parsed)


@pytest.fixture
def scaled(monkeypatch):
    """A function that scales the loss of trainings on the CPU, as for float16 on a GPU. Gradients of the first
    `infinite` steps overflow.
    """
    create, forward_backward = (
        trainer.StageTrainer.create_accelerator_and_postprocess,
        trainer.StageTrainer._forward_backward,
    )

    def with_scaler(*, scale, infinite):
        def create_with_scaler(self):
            create(self)
            self.accelerator.scaler = scaler = torch.amp.GradScaler("cpu", init_scale=scale)
            self.accelerator.unscale_gradients = lambda *_: scaler.unscale_(self.optimizer.optimizer)

        def overflow(self, model, batch):
            loss = forward_backward(self, model, batch)
            if self.state.global_step < infinite:
                next(p for p in model.parameters() if p.grad is not None).grad.fill_(torch.inf)
            return loss

        monkeypatch.setattr(trainer.StageTrainer, "create_accelerator_and_postprocess", create_with_scaler)
        monkeypatch.setattr(trainer.StageTrainer, "_forward_backward", overflow)

    return with_scaler


def test_steps_that_overflow_are_counted_and_survive_a_resume(tmp_path, new_workspace, base, scaled, interrupted):
    plain, whole, resumed = (new_workspace(tmp_path / name) for name in ("plain", "whole", "resumed"))
    stages = [merged(stage("main"), {"steps": 3, "checkpoint": {"save_steps": 1}})]
    scaled(scale=2.0**16, infinite=0)
    without = train(plain, base, stages=stages)
    scaled(scale=2.0**16, infinite=2)
    records = [train(whole, base, stages=stages), interrupted(resumed, base, stages=stages)]
    assert [record["stages"][0]["skipped_steps"] for record in records] == [2, 2]
    assert records[0]["weights_sha256"] == records[1]["weights_sha256"] != without["weights_sha256"]
    assert "skipped_steps" not in without["stages"][0]


def test_stage_without_a_step_that_counts_is_an_error(workspace, base, scaled):
    scaled(scale=2.0**16, infinite=2)
    with pytest.raises(UserError, match=r"Stage main changed nothing: gradients overflowed float16 in all 2 steps"):
        train(workspace, base, stages=[stage("main")])


def test_infinite_gradients_at_a_small_scale_are_an_error(workspace, base, scaled):
    scaled(scale=0.5, infinite=1)
    with pytest.raises(UserError, match=r"The norm of the gradients is (inf|nan) at step 1"):
        train(workspace, base, stages=[stage("main")])
