"""Trainings from a checkpoint, in this process: adapters, learning rates, validation, and what goes wrong."""

import pytest
import torch
from safetensors.torch import load_file
from transformers import LlavaNextForConditionalGeneration

from pangea_cultural import config
from pangea_cultural.dataset.export import Export
from pangea_cultural.errors import UserError
from pangea_cultural.training.batching import lengths
from pangea_cultural.training.loop import checkpoints, trainer
from pangea_cultural.training.recipe import RECIPES, Lora, Recipe
from pangea_cultural.training.setup import lora as adapters
from pangea_cultural.utils.files import read_json, write_json
from pangea_cultural.workspace import Workspace
from tests.helpers import tiny
from tests.helpers.recipes import merged
from tests.helpers.short_training import STAGE, images, learnt_images, train

PROJECTOR = {
    *(f"multi_modal_projector.linear_{n}.{kind}" for n in (1, 2) for kind in ("weight", "bias")),
    "image_newline",
}


def changed(workspace, start):
    """Which parts of a checkpoint's weights differ from those it began with."""
    before = load_file(start / "model.safetensors")
    after = load_file(workspace.checkpoints / "micro/model.safetensors")
    assert before.keys() == after.keys()
    return {name for name in before if not torch.equal(before[name], after[name])}


def test_a_checkpoint_is_trained_on_and_only_what_shall_learn_has_changed(workspace, start):
    record = train(workspace, start, stage={"trainable": ["projector"]})
    assert changed(workspace, start) == PROJECTOR
    assert record["stages"][0]["questions"] >= 48


def test_adapters_are_merged_into_what_they_adapt(workspace, start):
    lora = {"rank": 4, "alpha": 8, "modules": ["q_proj", "down_proj"]}
    train(workspace, start, stage={"lora": lora, "optimizer": {"learning_rate": 1e-2}})
    parts = {name.split(".")[-2] for name in changed(workspace, start) if name.startswith("language_model")}
    assert parts == {"q_proj", "down_proj"}
    _, info = LlavaNextForConditionalGeneration.from_pretrained(
        workspace.checkpoints / "micro", output_loading_info=True
    )
    assert not any(info.values())


def test_adapters_begin_as_the_seed_says(start):
    lora = Lora(rank=4, modules=("q_proj",))

    def made(seed, drawn):
        torch.rand(drawn)  # whatever was drawn before
        adapted = adapters.attach(tiny.model_and_processor()[0], lora, seed=seed)
        return next(p for name, p in adapted.named_parameters() if "lora_A" in name)

    assert torch.equal(made(0, 1), made(0, 2)) and not torch.equal(made(0, 1), made(1, 1))


def test_images_are_looked_at_once_but_broken_ones_again(workspace, start, monkeypatch):
    broken = learnt_images(workspace)[0]
    good = broken.read_bytes()
    broken.unlink()
    first = train(workspace, start, max_broken_image_ratio=0.5)
    broken.write_bytes(good)
    looked = []
    read_size = lengths.read_size
    monkeypatch.setattr(lengths, "read_size", lambda path: looked.append(path) or read_size(path))
    again = train(workspace, start, max_broken_image_ratio=0.5, seed=1, overwrite=True)
    assert first["broken_images"] and not again["broken_images"]
    assert looked == [broken]


def test_each_part_has_its_own_learning_rate(workspace, start):
    """AdamW's first step is as long as the learning rate, whatever the gradient."""
    rates = {"projector": 1e-2, "language_model": 1e-4}
    train(workspace, start, stage={"steps": 1, "optimizer": {"learning_rates": rates, "lr_scheduler": "constant"}})
    before = load_file(start / "model.safetensors")
    after = load_file(workspace.checkpoints / "micro/model.safetensors")
    for name, rate in (
        ("multi_modal_projector.linear_1.weight", 1e-2),
        ("language_model.model.layers.0.mlp.up_proj.weight", 1e-4),
    ):
        assert (after[name] - before[name]).abs().max().item() == pytest.approx(rate, rel=0.05), name


def test_rows_and_shared_images_learn_the_same(tmp_path_factory, start):
    weights = []
    for packing in ("shared", "rows"):
        place = Workspace.create(tmp_path_factory.mktemp(packing))
        tiny.write_export(place.root / "exports/colors")
        record = train(place, start, stage={"batch": {"packing": packing}})
        weights.append((load_file(place.checkpoints / "micro/model.safetensors"), record["stages"][0]))
    (shared, one), (rows, other) = weights
    assert [e["loss"] for e in one["log"]] == pytest.approx([e["loss"] for e in other["log"]], rel=1e-4)
    assert one["questions"] == other["questions"]
    assert one["image_tokens"] < other["image_tokens"] == other["image_tokens_apart"] == one["image_tokens_apart"]
    assert shared.keys() == rows.keys()


def test_gradient_checkpointing_learns_the_same(tmp_path_factory, start):
    losses = []
    for checkpointing in (False, True):
        place = Workspace.create(tmp_path_factory.mktemp("place"))
        tiny.write_export(place.root / "exports/colors")
        record = train(place, start, stage={"memory": {"gradient_checkpointing": checkpointing}})
        losses.append([e["loss"] for e in record["stages"][0]["log"]])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_gradient_checkpointing_leaves_a_frozen_vision_tower_alone():
    """transformers asks gradients of all embeddings' outputs: the tower would keep every activation for nothing."""
    model, _ = tiny.model_and_processor()
    model.gradient_checkpointing_enable({"use_reentrant": False})
    vision_tower = model.model.vision_tower.requires_grad_(False)
    assert not vision_tower(torch.rand(1, 3, 64, 64)).last_hidden_state.requires_grad


def test_a_frozen_vision_tower_is_in_evaluation_mode_while_the_rest_learns(workspace, start, monkeypatch):
    """Its dropout, where it has one, would be noise in what the projector reads."""
    modes = []
    learn = trainer.StageTrainer._forward_backward

    def noting(self, model, batch):
        vision_tower, language_model = model.model.vision_tower, model.model.language_model
        modes.append((any(part.training for part in vision_tower.modules()), language_model.training))
        return learn(self, model, batch)

    monkeypatch.setattr(trainer.StageTrainer, "_forward_backward", noting)
    train(workspace, start, stage={"steps": 1})
    assert set(modes) == {(False, True)}


def test_a_vision_tower_learns_names_with_gradient_checkpointing_too(workspace, start):
    stage = {"objective": "contrastive", "trainable": ["vision_tower"], "memory": {"gradient_checkpointing": True}}
    record = train(workspace, start, stage=stage)
    assert any(name.startswith("vision_tower") for name in changed(workspace, start))
    assert record["stages"][0]["steps"] == 3


@pytest.mark.parametrize("lora", [None, {"rank": 4, "modules": ["q_proj", "down_proj"]}])
def test_in_bfloat16_what_learns_is_held_in_float32(workspace, start, lora):
    """Steps of 1e-6 are lost in a weight of 0.02 that has 8 bits."""
    parts = ["projector", "language_model"] if lora else ["projector"]
    stage = {"trainable": parts, "lora": lora, "optimizer": {"learning_rate": 1e-6, "lr_scheduler": "constant"}}
    train(workspace, start, stage=stage, model={"checkpoint": str(start), "dtype": "bfloat16"})
    before = load_file(start / "model.safetensors")
    after = load_file(workspace.checkpoints / "micro/model.safetensors")
    wide = {name for name, value in after.items() if not torch.equal(value, value.bfloat16().float())}
    assert wide == PROJECTOR
    steps = after["multi_modal_projector.linear_1.weight"] - before["multi_modal_projector.linear_1.weight"].bfloat16()
    assert 0 < steps.abs().max().item() < 4e-6


def test_a_vision_tower_that_learns_beside_the_rest_changes_where_it_is_looked_at(workspace, start):
    train(workspace, start, stage={"trainable": ["vision_tower", "projector", "language_model"]})
    vision_tower = {name for name in changed(workspace, start) if name.startswith("vision_tower.")}
    assert "vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight" in vision_tower
    last = tiny.model_and_processor()[0].config.vision_config.num_hidden_layers - 1
    assert not any(f"layers.{last}." in name or "post_layernorm" in name for name in vision_tower)


def test_validation_tells_losses_by_language_and_shows_answers(workspace, start):
    validation = {"path": "exports/colors", "question_types": ["open"], "questions_per_language": 4, "steps": 2}
    validation |= {"answers": 5, "max_new_tokens": 3}
    learnt_images(workspace, "dev")[0].unlink()
    record = train(workspace, start, validation=validation, languages=["en", "de"])
    entries = record["stages"][0]["validation"]
    assert [entry["step"] for entry in entries] == [2, 3]
    assert set(entries[0]["by_language"]) == {"de", "en", "nl"}, "held-out Dutch is asked, never learnt"
    assert set(record["stages"][0]["log"][0]["by_language"]) <= {"de", "en"}
    assert len(entries[0]["answers"]) == 5
    assert not any(answer["id"].endswith("-choice") for answer in entries[0]["answers"])
    assert {"question", "answer", "prediction", "language", "id"} <= set(entries[0]["answers"][0])
    assert entries[0]["left_out"]["image missing or broken"] > 0 and not entries[0]["broken_images"]


def test_an_epoch_learns_every_question_once(workspace, start):
    record = train(workspace, start, stage={"steps": None, "epochs": 1})
    assert record["stages"][0]["questions"] == Export.open(workspace.exports / "colors").table("train").num_rows


def test_a_question_longer_than_a_row_is_counted(workspace, start):
    talk = [{"from": "human", "value": "Tell me. " * 200}, {"from": "gpt", "value": "No."}]
    write_json(
        workspace.root / "chat.json",
        [
            {"id": "long", "conversations": talk},
            {"id": "short", "conversations": [{"from": "human", "value": "Yes?"}, {"from": "gpt", "value": "No."}]},
        ],
    )
    sources = [{"type": "export", "path": "exports/colors"}, {"type": "chat", "path": "chat.json", "weight": 0.1}]
    record = train(workspace, start, sources=sources)
    assert record["stages"][0]["left_out"]["chat"] == {"longer than max_length": 1}


def test_too_many_missing_images_stop_before_anything_is_learnt(workspace, start):
    for path in images(workspace)[:9]:
        path.unlink()
    with pytest.raises(UserError, match=r"image missing: \d\), such as .*Repair them, or raise max_broken_image_ratio"):
        train(workspace, start)


def test_few_broken_images_are_counted_and_listed(workspace, start):
    """Some have no header, others are cut off where only decoding sees it."""
    own = learnt_images(workspace)
    own[0].write_bytes(b"no image")
    own[1].write_bytes(own[1].read_bytes()[:300])
    record = train(workspace, start, max_broken_image_ratio=0.5, stage={"steps": None, "epochs": 1})
    assert record["broken_images"] == {"not a readable image": 1}
    listed = read_json(workspace.checkpoints / "micro/logs/broken-images.json")
    assert listed == {str(own[0]): "not a readable image"}
    assert record["stages"][0]["left_out"]["colors"]["image missing or broken"] >= 4
    assert record["stages"][0]["skipped"] == {str(own[1]): "not a readable image"}


def test_images_that_break_on_the_way_stop_the_training(workspace, start):
    for path in images(workspace):
        path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(UserError, match=r"images are broken, such as .*not a readable image"):
        train(workspace, start, max_broken_image_ratio=0.1)


def test_a_loss_that_is_no_number_names_the_batch(workspace, start):
    with pytest.raises(
        UserError, match=r"The loss is (nan|inf) at step \d\. Questions of this step: \S+\. Lower learning_rate"
    ) as caught:
        train(workspace, start, stage={"optimizer": {"learning_rate": 1e30}, "steps": 5})
    listed = next((workspace.checkpoints / ".micro.work").glob("bad-step-*.json"))
    assert str(listed) in str(caught.value)
    assert "-open" in listed.read_text() or "-choice" in listed.read_text()


def test_out_of_memory_says_what_to_lower(workspace, start, monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("pangea_cultural.training.loop.trainer.StageTrainer._forward_backward", full)
    with pytest.raises(UserError, match=r"stage main\. Lower per_device_batch_size \(now 4\) .*max_length \(now 300\)"):
        train(workspace, start)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"parallelism": "fsdp"}, "needs several processes. Start with torchrun"),
        ({"deepspeed": "nowhere.json"}, "No DeepSpeed config at .*nowhere.json"),
        ({"deepspeed": "stage3.json"}, "saves no weights. Set stage3_gather_16bit_weights_on_model_save"),
        ({"deepspeed": "exports", "parallelism": "fsdp"}, "Give either deepspeed or parallelism"),
        ({"held_out_languages": ["de"]}, "held-out language de"),
        ({"report_to": ["tensorbord"]}, "Unknown reporter 'tensorbord'. Did you mean tensorboard"),
        ({"report_to": ["wandb"]}, "report_to wandb: .*wandb"),
        ({"sources": [{"type": "chat", "path": "nowhere.json"}]}, "no chat data at .*nowhere.json"),
        ({"model": {"checkpoint": "/nowhere/at/all"}}, "no checkpoint at /nowhere/at/all"),
        ({"validation": {"path": "exports/color"}}, "No complete export at .*exports/color"),
        ({"model": {"size": "sizes/mine.toml"}, "sources": [{"type": "chat", "path": "no.json"}]}, "sizes/mine.toml"),
        ({"stages": [STAGE, STAGE]}, "Two stages have the same name"),
        ({"stages": [STAGE | {"epochs": 1}]}, "Give either steps or epochs"),
        ({"stages": [merged(STAGE, {"batch": {"batch_size": 3}})]}, "Did you mean global_batch_size"),
    ],
)
def test_what_cannot_be_trained_says_what_to_do(workspace, start, fields, message):
    write_json(workspace.root / "stage3.json", {"zero_optimization": {"stage": 3}})
    with pytest.raises(UserError, match=message):
        train(workspace, start, **fields)


def test_a_checkpoint_without_a_file_of_each_process_is_refused(tmp_path):
    (tmp_path / "rng_state_0.pth").touch()
    with pytest.raises(UserError, match=r"rng_state_1\.pth is missing"):
        checkpoints.require_rank_files(tmp_path, 2)


@pytest.mark.parametrize("name", ["tiny", "culturalpangea-7b", "pangea-stage1", "lora-1gpu"])
def test_the_recipes_that_ship_fit(name):
    recipe = config.load(Recipe, config.find("recipe", name, RECIPES))
    assert recipe.name == name and recipe.stages[-1].objective == "sft"


def test_the_papers_recipe_has_its_numbers():
    recipe = config.load(Recipe, config.find("recipe", "culturalpangea-7b", RECIPES))
    stage = recipe.stages[0]
    optimizer = stage.optimizer
    assert (optimizer.learning_rate, optimizer.lr_scheduler) == (5e-6, "cosine")
    assert (stage.batch.global_batch_size, stage.epochs) == (128, 1)
    assert stage.trainable == ("projector", "language_model") and recipe.model.checkpoint == "neulab/Pangea-7B-hf"
    assert sum(source.count for source in recipe.sources) == 13_000_000 + 5_000_000 + 5_800_000 + 90_000
