"""Training runs from a checkpoint, in this process: adapters, learning rates, validation and errors."""

import errno
import os
import re
import shutil
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file
from torch.utils.data import dataloader
from transformers import LlavaNextForConditionalGeneration

from pangea_cultural import config
from pangea_cultural.dataset.export import Export
from pangea_cultural.errors import UserError
from pangea_cultural.model import modeling
from pangea_cultural.training.batching import image_sizes, training_data
from pangea_cultural.training.loop import callbacks, trainer
from pangea_cultural.training.loop import stage as stages
from pangea_cultural.training.recipe import RECIPES, Lora, Recipe, Stage
from pangea_cultural.training.setup import lora as adapters
from pangea_cultural.training.setup.recomputation import recompute_activations
from pangea_cultural.utils.files import read_json, sha256_file, write_json
from tests.helpers import tiny
from tests.helpers.recipes import merged
from tests.helpers.short_training import STAGE, images, log_without_times, recipe, train, trained_images
from tests.pangea_cultural.training import flex

PROJECTOR = {
    *(f"multi_modal_projector.linear_{n}.{kind}" for n in (1, 2) for kind in ("weight", "bias")),
    "image_newline",
}


def changed(workspace, base):
    """Return the names of the weights that differ from those of the base checkpoint."""
    before = load_file(base / "model.safetensors")
    after = load_file(workspace.checkpoints / "micro/model.safetensors")
    assert before.keys() == after.keys()
    return {name for name in before if not torch.equal(before[name], after[name])}


def test_data_worker_ends_with_its_stage(workspace, base, monkeypatch):
    exit_codes, end = [], dataloader._MultiProcessingDataLoaderIter._shutdown_workers

    def recorded(iterator):
        end(iterator)
        exit_codes.extend(worker.exitcode for worker in iterator._workers)

    monkeypatch.setattr(dataloader._MultiProcessingDataLoaderIter, "_shutdown_workers", recorded)
    train(workspace, base, stage={"steps": 1}, num_workers=1)
    assert set(exit_codes) == {0}, "it was not killed"


def test_training_changes_only_trainable_parts(workspace, base):
    record = train(workspace, base, stage={"trainable": ["projector"]})
    assert changed(workspace, base) == PROJECTOR
    assert record["stages"][0]["questions"] >= 48


def test_adapters_are_merged_into_their_modules(workspace, base):
    lora = {"rank": 4, "alpha": 8, "modules": ["q_proj", "down_proj"]}
    train(workspace, base, stage={"lora": lora, "optimizer": {"learning_rate": 1e-2}})
    parts = {name.split(".")[-2] for name in changed(workspace, base) if name.startswith("language_model")}
    assert parts == {"q_proj", "down_proj"}
    _, info = LlavaNextForConditionalGeneration.from_pretrained(
        workspace.checkpoints / "micro", output_loading_info=True
    )
    assert not any(info.values())


def test_seed_decides_initial_adapters():
    lora = Lora(rank=4, modules=("q_proj",))

    def first_adapter(seed, num_draws):
        torch.rand(num_draws)  # another state of the global generator
        adapted = adapters.attach(tiny.model_and_processor()[0], lora, seed=seed)
        return next(p for name, p in adapted.named_parameters() if "lora_A" in name)

    assert torch.equal(first_adapter(0, 1), first_adapter(0, 2))
    assert not torch.equal(first_adapter(0, 1), first_adapter(1, 1))


def test_second_run_measures_only_broken_images_again(workspace, base, monkeypatch):
    broken = trained_images(workspace)[0]
    good = broken.read_bytes()
    broken.unlink()
    first = train(workspace, base, max_broken_image_ratio=0.5)
    broken.write_bytes(good)
    measured = []
    read_size = image_sizes.read_size
    monkeypatch.setattr(image_sizes, "read_size", lambda path: measured.append(path) or read_size(path))
    again = train(workspace, base, max_broken_image_ratio=0.5, seed=1, overwrite=True)
    assert first["broken_images"] and not again["broken_images"]
    assert measured == [broken]


def test_each_part_has_its_own_learning_rate(workspace, base):
    """The first step of AdamW has the length of the learning rate, for any gradient."""
    rates = {"projector": 1e-2, "language_model": 1e-4}
    train(workspace, base, stage={"steps": 1, "optimizer": {"learning_rates": rates, "lr_scheduler": "constant"}})
    before = load_file(base / "model.safetensors")
    after = load_file(workspace.checkpoints / "micro/model.safetensors")
    for name, rate in (
        ("multi_modal_projector.linear_1.weight", 1e-2),
        ("language_model.model.layers.0.mlp.up_proj.weight", 1e-4),
    ):
        assert (after[name] - before[name]).abs().max().item() == pytest.approx(rate, rel=0.05), name


def test_both_packings_have_the_same_losses(tmp_path, new_workspace, base):
    shared, rows = (
        train(new_workspace(tmp_path / packing), base, stage={"batch": {"packing": packing}})["stages"][0]
        for packing in ("shared", "rows")
    )
    assert [e["loss"] for e in shared["log"]] == pytest.approx([e["loss"] for e in rows["log"]], rel=1e-4)
    assert shared["questions"] == rows["questions"]
    assert shared["image_tokens"] < rows["image_tokens"]
    assert rows["image_tokens"] == rows["unshared_image_tokens"] == shared["unshared_image_tokens"]


def test_open_and_choice_questions_of_two_sources_share_their_images(tmp_path, new_workspace, base):
    sources = [{"type": "export", "path": "exports/colors", "question_types": [kind]} for kind in ("open", "choice")]
    shared, rows = (
        train(
            new_workspace(tmp_path / packing),
            base,
            sources=sources,
            stage={"steps": None, "epochs": 1, "batch": {"packing": packing}},
        )["stages"][0]
        for packing in ("shared", "rows")
    )
    assert [e["loss"] for e in shared["log"]] == pytest.approx([e["loss"] for e in rows["log"]], rel=1e-4)
    # Ten images have five questions each, three of one source and two of the other.
    assert shared["unshared_image_tokens"] == rows["image_tokens"] == 5 * shared["image_tokens"]


def test_rows_for_flex_attention_are_multiples_of_its_blocks_and_have_the_same_losses(
    tmp_path, new_workspace, base, monkeypatch
):
    """Training and validation. FlexAttention has no backward pass on the CPU, so sdpa stands in for it."""
    flex.dense(monkeypatch)
    monkeypatch.setattr("pangea_cultural.training.loop.run.require_attention", lambda _: None)
    lengths, build_mask = [], modeling.block_mask
    monkeypatch.setattr(modeling, "block_mask", lambda s: lengths.append(s.shape[-1]) or build_mask(s))
    validation = {"path": "exports/colors", "questions_per_language": 2, "answers": 0}
    plain, padded = (
        train(
            new_workspace(tmp_path / attention),
            base,
            model={"checkpoint": str(base), "attn_implementation": attention},
            validation=validation,
        )["stages"][0]
        for attention in ("sdpa", "flex_attention")
    )
    assert set(lengths) == {256, 384}
    assert [e["loss"] for e in padded["log"]] == pytest.approx([e["loss"] for e in plain["log"]], rel=1e-5)
    assert padded["validation"][0]["loss"] == pytest.approx(plain["validation"][0]["loss"], rel=1e-5)


def test_recomputed_layers_change_no_bit_of_the_result(tmp_path, new_workspace, base):
    """Three parts are trained, the vision tower included, so the weights show the gradients of all layers."""
    results = []
    for number in (None, 0, 2, 3):
        memory = {"gradient_checkpointing": number is not None, "gradient_checkpointing_layers": number}
        workspace = new_workspace(tmp_path / str(number))
        stage = {"trainable": ["vision_tower", "projector", "language_model"], "steps": 2, "memory": memory}
        record = train(workspace, base, stage=stage)
        results.append((log_without_times(record), record["weights_sha256"]))
    assert all(result == results[0] for result in results[1:])


CONTRASTIVE = {"objective": "contrastive", "trainable": ["vision_tower"], "batch": {"max_length": 8192}}
"""An objective without texts, and so with the default of `max_length`."""


def test_more_recomputed_layers_than_the_model_has_are_rejected_before_data_is_read(workspace, base, monkeypatch):
    monkeypatch.setattr(training_data, "open_all", None)
    memory = {"gradient_checkpointing": True, "gradient_checkpointing_layers": 5}
    message = r"gradient_checkpointing_layers 5, but the {} has {} layers\. Lower it, or remove it"
    with pytest.raises(UserError, match=message.format("language model", 3)):
        train(workspace, base, stage={"memory": memory})
    with pytest.raises(UserError, match=message.format("vision tower", 4)):
        train(workspace, base, stage=CONTRASTIVE | {"memory": memory})


def test_gradient_checkpointing_needs_no_gradients_of_a_frozen_vision_tower():
    """transformers enables gradients of all embeddings: the frozen tower would keep all activations."""
    model, _ = tiny.model_and_processor()
    recompute_activations(model, stage_of({"gradient_checkpointing": True}))
    vision_tower = model.model.vision_tower.requires_grad_(False)
    assert not vision_tower(torch.rand(1, 3, 64, 64)).last_hidden_state.requires_grad


def stage_of(memory, **changes):
    return Stage.model_validate(merged(STAGE, {"memory": memory} | changes))


def test_first_layers_recompute_and_no_layer_keeps_the_setting_of_an_earlier_stage():
    model, _ = tiny.model_and_processor()
    parts = (model.model.vision_tower.encoder, model.model.language_model)
    every, some = {"gradient_checkpointing": True}, {"gradient_checkpointing": True, "gradient_checkpointing_layers": 2}
    for stage, expected in (
        (stage_of(every), [[1, 1, 1, 1], [1, 1, 1]]),
        (stage_of(some), [[1, 1, 1, 1], [1, 1, 0]]),
        (stage_of(some, **CONTRASTIVE), [[1, 1, 0, 0], [1, 1, 1]]),
        (stage_of({}), [[0, 0, 0, 0], [0, 0, 0]]),
    ):
        recompute_activations(model, stage)
        assert [[layer.gradient_checkpointing for layer in part.layers] for part in parts] == expected


def test_frozen_vision_tower_is_in_evaluation_mode(workspace, base, monkeypatch):
    """Its dropout in training mode would add noise to the projector's input."""
    modes = []
    forward_backward = trainer.StageTrainer._forward_backward

    def record_modes(self, model, batch):
        vision_tower, language_model = model.model.vision_tower, model.model.language_model
        modes.append((any(part.training for part in vision_tower.modules()), language_model.training))
        return forward_backward(self, model, batch)

    monkeypatch.setattr(trainer.StageTrainer, "_forward_backward", record_modes)
    train(workspace, base, stage={"steps": 1})
    assert set(modes) == {(False, True)}


def test_contrastive_stage_trains_with_gradient_checkpointing(workspace, base):
    stage = CONTRASTIVE | {"memory": {"gradient_checkpointing": True}}
    record = train(workspace, base, stage=stage)
    assert any(name.startswith("vision_tower") for name in changed(workspace, base))
    assert record["stages"][0]["steps"] == 3


def test_second_stage_in_bfloat16_trains_like_the_first(workspace, base):
    first = merged(STAGE, {"name": "first"})
    second = merged(STAGE, {"name": "second", "trainable": ["vision_tower", "projector", "language_model"]})
    model = {"checkpoint": str(base), "dtype": "bfloat16"}
    record = train(workspace, base, stages=[first, second], model=model)
    assert [len(stage["log"]) for stage in record["stages"]] == [3, 3]


@pytest.mark.parametrize("lora", [None, {"rank": 4, "modules": ["q_proj", "down_proj"]}])
def test_trainable_parameters_are_float32_in_a_bfloat16_model(workspace, base, lora):
    """A weight of 0.02 with 8 bits of precision cannot hold a step of 1e-6."""
    parts = ["projector", "language_model"] if lora else ["projector"]
    stage = {"trainable": parts, "lora": lora, "optimizer": {"learning_rate": 1e-6, "lr_scheduler": "constant"}}
    train(workspace, base, stage=stage, model={"checkpoint": str(base), "dtype": "bfloat16"})
    saved = read_json(workspace.checkpoints / "micro/config.json")
    assert {part["dtype"] for part in (saved, saved["text_config"], saved["vision_config"])} == {"float32"}
    before = load_file(base / "model.safetensors")
    after = load_file(workspace.checkpoints / "micro/model.safetensors")
    float32 = {name for name, value in after.items() if not torch.equal(value, value.bfloat16().float())}
    merged_layers = {name for name in after if name.endswith(("q_proj.weight", "down_proj.weight"))}
    assert float32 == PROJECTOR | {name for name in merged_layers if lora and name.startswith("language_model")}
    steps = after["multi_modal_projector.linear_1.weight"] - before["multi_modal_projector.linear_1.weight"].bfloat16()
    assert 0 < steps.abs().max().item() < 4e-6


def test_trainable_vision_tower_changes_only_in_layers_that_are_read(workspace, base):
    train(workspace, base, stage={"trainable": ["vision_tower", "projector", "language_model"]})
    vision_tower = {name for name in changed(workspace, base) if name.startswith("vision_tower.")}
    assert "vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight" in vision_tower
    last = tiny.model_and_processor()[0].config.vision_config.num_hidden_layers - 1
    assert not any(f"layers.{last}." in name or "post_layernorm" in name for name in vision_tower)


def test_validation_records_losses_by_language_and_answers(workspace, base):
    validation = {"path": "exports/colors", "question_types": ["open"], "questions_per_language": 4, "steps": 2}
    validation |= {"answers": 5, "max_new_tokens": 3}
    trained_images(workspace, "dev")[0].unlink()
    edit_questions(workspace, "dev", question="Is <image> or <|im_end|> a mark?")
    record = train(workspace, base, validation=validation, languages=["en", "de"])
    entries = record["stages"][0]["validation"]
    assert [entry["step"] for entry in entries] == [2, 3]
    assert set(entries[0]["by_language"]) == {"de", "en", "nl"}, "held-out Dutch is in the validation only"
    assert set(record["stages"][0]["log"][0]["by_language"]) <= {"de", "en"}
    assert len(entries[0]["answers"]) == 5
    assert not any(answer["id"].endswith("-choice") for answer in entries[0]["answers"])
    assert {"question", "answer", "prediction", "language", "id"} <= set(entries[0]["answers"][0])
    assert entries[0]["left_out"]["image missing or broken"] > 0 and not entries[0]["broken_images"]


def edit_questions(workspace, split, **columns):
    """Replace columns of a split by one text each, and its hash in the manifest."""
    export = Export.open(workspace.exports / "colors")
    path = export.questions_file(split)
    table = export.table(split)
    for name, text in columns.items():
        table = table.set_column(table.schema.names.index(name), name, pa.array([text] * table.num_rows))
    pq.write_table(table, path)
    files = export.manifest["files"] | {path.name: sha256_file(path)}
    write_json(export.path / "export.json", export.manifest | {"files": files})


def test_stage_that_ends_early_is_an_error(workspace, base, monkeypatch):
    def stop(self, args, state, control, **_):
        control.should_training_stop = True

    monkeypatch.setattr(callbacks.StageCallback, "on_step_end", stop)
    with pytest.raises(UserError, match=r"Stage main ended after 1 of 3 steps\. Rerun to resume"):
        train(workspace, base)


def test_epoch_has_as_many_questions_as_the_count(workspace, base):
    number = Export.open(workspace.exports / "colors").table("train").num_rows
    source = {"type": "export", "path": "exports/colors", "count": 2 * number}
    record = train(workspace, base, sources=[source], stage={"steps": None, "epochs": 1})
    assert record["stages"][0]["questions"] == 2 * number
    assert record["stages"][0]["passes"] == {"colors": 2.0}
    card = (workspace.checkpoints / "micro/README.md").read_text()
    assert f"colors has {number} usable questions, fewer than its count of {2 * number}" in card
    assert "passes: 2.00 over colors" in card


def test_question_longer_than_a_row_is_counted(workspace, base):
    turns = [{"from": "human", "value": "Tell me. " * 200}, {"from": "gpt", "value": "No."}]
    write_json(
        workspace.root / "chat.json",
        [
            {"id": "long", "conversations": turns},
            {"id": "short", "conversations": [{"from": "human", "value": "Yes?"}, {"from": "gpt", "value": "No."}]},
        ],
    )
    sources = [{"type": "export", "path": "exports/colors"}, {"type": "chat", "path": "chat.json", "weight": 0.1}]
    record = train(workspace, base, sources=sources)
    assert record["stages"][0]["left_out"]["chat"] == {"longer than max_length": 1}


def test_too_many_missing_images_stop_the_run_before_training(workspace, base):
    for path in images(workspace)[:9]:
        path.unlink()
    with pytest.raises(UserError, match=r"image missing: \d\), such as .*Repair them, or raise max_broken_image_ratio"):
        train(workspace, base)


def test_few_broken_images_are_counted_and_listed(workspace, base):
    """One has no header, another is truncated, which only decoding shows."""
    shown = trained_images(workspace)
    shown[0].write_bytes(b"no image")
    shown[1].write_bytes(shown[1].read_bytes()[:300])
    record = train(workspace, base, max_broken_image_ratio=0.5, stage={"steps": None, "epochs": 1})
    assert record["broken_images"] == {"not a readable image": 1}
    listed = read_json(workspace.checkpoints / "micro/logs/broken-images.json")
    assert listed == {str(shown[0]): "not a readable image"}
    assert record["stages"][0]["left_out"]["colors"]["image missing or broken"] >= 4
    assert record["stages"][0]["skipped"] == {str(shown[1]): "not a readable image"}


def test_images_that_fail_to_decode_stop_training(workspace, base):
    for path in images(workspace):
        path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(UserError, match=r"images are broken, such as .*not a readable image"):
        train(workspace, base, max_broken_image_ratio=0.1)


def test_infinite_loss_lists_the_questions_of_the_step(workspace, base):
    with pytest.raises(
        UserError, match=r"The loss is (nan|inf) at step \d\. Questions of this step: \S+\. Lower learning_rate"
    ) as caught:
        train(workspace, base, stage={"optimizer": {"learning_rate": 1e30}, "steps": 5})
    path = next((workspace.checkpoints / ".micro.work").glob("bad-step-*.json"))
    assert str(path) in str(caught.value)
    questions = read_json(path)["questions"]
    train_split = Export.open(workspace.exports / "colors").table("train")
    assert questions and set(questions) <= set(train_split["id"].to_pylist())


def test_stage_without_anything_to_learn_is_rejected(workspace, base):
    turns = [{"from": "human", "value": "Yes?"}, {"from": "gpt", "value": "No."}]
    write_json(workspace.root / "chat.json", [{"id": "a", "conversations": turns}])
    sources = [{"type": "chat", "path": "chat.json"}]
    with pytest.raises(UserError, match=r"Stage main trains only projector, but no question has an image\. Add"):
        train(workspace, base, sources=sources, stage={"trainable": ["projector"]})


def test_disk_without_space_for_checkpoints_is_named(workspace, base, monkeypatch):
    usage = shutil.disk_usage(workspace.root)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000))
    message = r"needs 0\.0\d GB for 1 checkpoints and the result, but the disk of \S+checkpoints has 0\.00 GB"
    with pytest.raises(UserError, match=message):
        train(workspace, base)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed."), r"Lower num_workers \(now 3\)"),
        (
            RuntimeError("[enforce fail] . PytorchStreamWriter failed writing file data/1"),
            r"The disk of \S+ is full: .* a checkpoint needs 92\.00 GB\.",
        ),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), r"lower save_total_limit \(now 2\)"),
        (
            ValueError(
                "Please correct the following DeepSpeed config values that mismatch TrainingArguments values:\n"
                "- ds train_batch_size=8 vs hf train_batch_size=2\n- ds bf16.enabled=True vs hf bf16=False\n"
                "The easiest method is to set these DeepSpeed config values to 'auto'."
            ),
            r'd\.json contradicts the recipe in train_batch_size, bf16\.enabled\. Set "auto" there\.',
        ),
    ],
)
def test_fault_of_the_machine_is_explained(tmp_path, base, error, message):
    inputs = SimpleNamespace(recipe=recipe(base, num_workers=3, deepspeed="d.json"))
    context = stages.StageContext(inputs, 0, tmp_path, None)
    assert re.search(message, str(stages._explained(error, context, 92_000_000_000)))
    assert stages._explained(KeyError("Caught KeyError in DataLoader worker process 0."), context, 0) is None


def test_advice_for_a_full_memory_names_keys_that_the_stage_may_have():
    assert stages._smaller_training(stage_of({}, **CONTRASTIVE)) == ""
    assert stages._smaller_training(stage_of({}, lora={})).endswith("and a lower max_length (now 300).")
    assert "[stages.lora]" in stages._smaller_training(stage_of({}))


def test_out_of_memory_error_names_settings(workspace, base, monkeypatch):
    def run_out_of_memory(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("pangea_cultural.training.loop.trainer.StageTrainer._forward_backward", run_out_of_memory)
    with pytest.raises(
        UserError,
        match=r"main\. Lower per_device_batch_size \(now 4\), or raise gradient_checkpointing_layers \(now 1\), and .*"
        r"max_length \(now 300\)",
    ):
        memory = {"gradient_checkpointing": True, "gradient_checkpointing_layers": 1}
        train(workspace, base, stage={"memory": memory})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"parallelism": "fsdp", "sources": [{"type": "chat", "path": "no.json"}]},
            "needs several processes. Start with torchrun",
        ),
        (
            {
                "model": {"size": "tiny", "attn_implementation": "flex_attention"},
                "sources": [{"type": "chat", "path": "no.json"}],
            },
            'attn_implementation = "flex_attention" needs a GPU',
        ),
        ({"deepspeed": "nowhere.json"}, "No DeepSpeed config at .*nowhere.json"),
        ({"deepspeed": "stage3.json"}, "saves no weights. Set stage3_gather_16bit_weights_on_model_save"),
        ({"deepspeed": "unclipped.json"}, r'would use max_grad_norm\. Set gradient_clipping = "auto"'),
        ({"deepspeed": "schedule.json"}, r"schedule.json has scheduler, which the recipe sets .*\. Remove it from the"),
        ({"deepspeed": "exports", "parallelism": "fsdp"}, "Both deepspeed and parallelism"),
        ({"held_out_languages": ["de"]}, "held-out language de"),
        ({"report_to": ["tensorbord"]}, "Unknown reporter 'tensorbord'. Did you mean tensorboard"),
        ({"report_to": ["wandb"]}, "Cannot report to wandb .*wandb"),
        ({"sources": [{"type": "chat", "path": "nowhere.json"}]}, "No chat data at .*nowhere.json"),
        ({"model": {"checkpoint": "/nowhere/at/all"}}, "/nowhere/at/all is neither a folder nor a name on the hub"),
        ({"validation": {"path": "exports/color"}}, "No complete export at .*exports/color"),
        ({"model": {"size": "sizes/mine.toml"}, "sources": [{"type": "chat", "path": "no.json"}]}, "sizes/mine.toml"),
        (
            {"stages": [merged(STAGE, {"batch": {"max_length": 2049}})]},
            "max_length 2049, but the model has 2048 positions",
        ),
        ({"stages": [STAGE | {"lora": {"modules": ["q_proj", "qproj"]}}]}, "Unknown LoRA module 'qproj'. .*q_proj"),
        ({"stages": [STAGE, STAGE]}, "Two stages have the same name"),
        ({"stages": [STAGE | {"epochs": 1}]}, "A stage needs either steps or epochs"),
        ({"stages": [merged(STAGE, {"batch": {"batch_size": 3}})]}, "Did you mean global_batch_size"),
    ],
)
def test_invalid_input_is_rejected_with_advice(shared_workspace, base, fields, message):
    clipped = {"gradient_clipping": "auto"}
    write_json(shared_workspace.root / "stage3.json", clipped | {"zero_optimization": {"stage": 3}})
    write_json(shared_workspace.root / "schedule.json", clipped | {"scheduler": {"type": "WarmupLR"}})
    write_json(shared_workspace.root / "unclipped.json", {"zero_optimization": {"stage": 2}})
    with pytest.raises(UserError, match=message):
        train(shared_workspace, base, **fields)


ONE_GPU = ("lora-1gpu", "qlora-1gpu", "full-1gpu")


@pytest.mark.parametrize("name", ["tiny", "tiny-relevance", "culturalpangea-7b", "pangea-stage1", *ONE_GPU])
def test_shipped_recipe_is_valid(name):
    shipped = config.load(Recipe, config.find("recipe", name, RECIPES))
    assert shipped.name == name and shipped.stages[-1].objective == "sft"


def test_recipe_of_the_paper_has_its_numbers():
    paper = config.load(Recipe, config.find("recipe", "culturalpangea-7b", RECIPES))
    stage = paper.stages[0]
    optimizer = stage.optimizer
    assert (optimizer.learning_rate, optimizer.lr_scheduler) == (5e-6, "cosine")
    assert (stage.batch.global_batch_size, stage.epochs) == (128, 1)
    assert stage.trainable == ("projector", "language_model") and paper.model.checkpoint == "neulab/Pangea-7B-hf"
    assert sum(source.count for source in paper.sources) == 13_000_000 + 5_000_000 + 5_800_000 + 90_000
