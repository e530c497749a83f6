"""The dry run counts what training would see, and allocates nothing."""

import io
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest
from click.testing import CliRunner
from rich.console import Console

from pangea_cultural import config
from pangea_cultural.errors import UserError
from pangea_cultural.model import config as model_sizes
from pangea_cultural.training.batching import image_sizes, saved_array, training_data
from pangea_cultural.training.batching.dataset import counts
from pangea_cultural.training.batching.inputs import TrainingInputs
from pangea_cultural.training.cli import train
from pangea_cultural.training.data.corpus import Corpus
from pangea_cultural.training.estimate.dry_run import (
    _adapter_notes,
    _device_notes,
    _plan_notes,
    _waiting_notes,
    dry_run,
)
from pangea_cultural.training.estimate.hours import Devices
from pangea_cultural.training.estimate.tables import show
from pangea_cultural.training.recipe import RECIPES, Recipe
from pangea_cultural.training.setup.base_model import BaseModel, processor_key
from pangea_cultural.utils.console import Reporter
from pangea_cultural.utils.files import write_json
from pangea_cultural.workspace import Workspace
from tests.helpers import tiny
from tests.helpers.recipes import merged

QUIET = Reporter(quiet=True)
SAMPLE = {"type": "export", "path": "exports/sample"}
STAGE = {
    "name": "main",
    "trainable": ["projector", "language_model"],
    "optimizer": {"learning_rate": 1e-3},
    "batch": {"global_batch_size": 20},
}
ASSUMED = {"questions": 4_000_000, "images": 500_000}
TRAINABLE = 16_525_824 + 7_615_616_512
"""Parameters of the 7B model's projector and language model."""


def chat(number, *images):
    marks = "<image>" * len(images)
    turns = [{"from": "human", "value": f"{marks}How many?"}, {"from": "gpt", "value": f"There are {number}."}]
    return {"id": number, "image": list(images), "conversations": turns}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("estimate")
    tiny.write_export(folder / "exports/sample")
    rows = [chat(1, "a.png"), chat(2, "a.png", "b.png"), chat(3), chat(4, "../outside.png"), chat(5)]
    write_json(folder / "exports/general/general.json", rows)
    for number, name in enumerate("ab"):
        tiny.image("Q1", number).save(folder / f"exports/general/{name}.png")
    return folder


def shipped(name, steps=None):
    return config.load(Recipe, config.find("recipe", name, RECIPES)).with_steps(steps)


def recipe_of(*sources, model=None, **stage):
    content = {"name": "r", "model": model or {"size": "tiny"}, "sources": sources or [SAMPLE]}
    return Recipe.model_validate(content | {"stages": [merged(STAGE, stage)]})


def estimate(recipe, workspace):
    return dry_run(recipe, workspace, Devices(), QUIET)


def laid_out(recipe, workspace, cache, stage, work=None):
    """Return the rows of every step of a stage, as training lays them out, and the lengths of the sources."""
    inputs = TrainingInputs.open(recipe, workspace)
    corpora = training_data.open_all(inputs, cache, QUIET)
    base_model = BaseModel(inputs, work or cache)
    base_model.prepare(corpora)
    _, processor = base_model.load()
    key = processor_key(processor, work or cache)
    measured = training_data.measure_all(corpora, processor, cache, key, QUIET)
    data = training_data.TrainingData(recipe, corpora, measured)
    steps = data.step_dataset(recipe.stages[stage], None, processes=1, rank=0)
    return [steps.rows(step) for step in range(len(steps))], [source.lengths for source in measured]


@pytest.fixture(scope="module")
def tiny_result(workspace):
    return estimate(shipped("tiny"), workspace)


def test_figures_equal_those_of_training(workspace, tmp_path):
    recipe = shipped("tiny", steps=40)
    rows, lengths = laid_out(recipe, workspace, tmp_path, 1)
    stage = estimate(recipe, workspace)["stages"][1]
    for key in ("questions", "tokens", "image_tokens", "unshared_image_tokens"):
        assert stage[key] == sum(counts(step, lengths)[key] for step in rows), key
    assert stage["steps"] == stage["sampled_steps"] == 40
    assert stage["rows_per_step"] == sum(map(len, rows)) / 40
    segments = [segment for step in rows for row in step for segment in row]
    saved = sum(lengths[s.chunk.source].prefix[s.chunk.group] * (len(s.conversations) - 1) for s in segments)
    assert stage["saved_tokens"] == stage["unshared_tokens"] - stage["tokens"] == saved > 0


def test_figures_of_sampled_steps_are_scaled_to_all(workspace, tmp_path):
    recipe = shipped("tiny", steps=600)
    rows, lengths = laid_out(recipe, workspace, tmp_path, 1)
    stage = estimate(recipe, workspace)["stages"][1]
    assert (stage["steps"], stage["sampled_steps"], stage["questions"]) == (600, 500, 600 * 96)
    assert stage["tokens"] == pytest.approx(sum(counts(step, lengths)["tokens"] for step in rows), rel=0.01)


def test_count_above_the_questions_of_a_source_and_what_would_stop_are_noted(workspace):
    general = {"type": "chat", "path": "exports/general/general.json", "count": 40}
    result = estimate(recipe_of(SAMPLE, general, epochs=2), workspace)
    assert result["stages"][0]["passes"] == {"sample": 2.0, "general": 20.0}
    note = (
        "Stage main: general has 4 usable questions, fewer than its count of 40. Each is trained 20.0 times on average."
    )
    assert note in result["notes"]
    stop = "Training would stop: Stage main has max_length 8192, but the model has 2048 positions. Lower max_length."
    assert stop in result["notes"]
    fewer = estimate(recipe_of(SAMPLE, general | {"count": 3}, epochs=2), workspace)
    assert fewer["stages"][0]["passes"]["general"] == 1.5 and not any("count" in note for note in fewer["notes"])


def test_what_hours_and_the_result_leave_out_is_noted():
    plain = recipe_of(steps=1)
    quantized = recipe_of(
        steps=1, model={"size": "tiny", "load_in_4bit": True}, lora={}, optimizer={"optim_offload": True}
    )
    notes = [" ".join(_device_notes(recipe, Devices())) for recipe in (plain, quantized)]
    for text in ("4-bit weights are expanded", "moments move between main memory and device"):
        assert [text in found for found in notes] == [False, True]
    sharded = plain.model_copy(update={"deepspeed": "d.json"})
    assert "memory and communication are those of" in " ".join(_device_notes(sharded, Devices()))
    missing = [list(_adapter_notes(recipe)) for recipe in (plain, quantized)]
    assert missing[0] == [] and "No folder `adapter`: the recipe has no base checkpoint." in missing[1][0]


def test_unknown_lora_module_is_rejected(workspace):
    with pytest.raises(UserError, match=r"Unknown LoRA module 'qproj'\. Did you mean q_proj"):
        estimate(recipe_of(SAMPLE, steps=1, lora={"modules": ["v_proj", "qproj"]}), workspace)


def test_contrastive_stage_counts_images(tiny_result):
    stage = tiny_result["stages"][0]
    assert (stage["steps"], stage["images"], stage["tiles"], stage["tokens"]) == (320, 320 * 64, 320 * 64, 0)


def test_present_data_is_counted(tiny_result):
    assert set(tiny_result["basis"].values()) == {"counted"}
    assert [source["basis"] for source in tiny_result["sources"]] == ["counted", "counted"]
    assert sum(tiny_result["sources"][1]["rejected"].values()) == 1
    assert [source["images"] for source in tiny_result["sources"]] == [10, 2]


STATUS = Path("/proc/self/status")


def peak_bytes():
    """Return the peak memory of this process since the peak was last reset."""
    return 1024 * int(re.search(r"VmHWM:\s+(\d+)", STATUS.read_text())[1])


@pytest.fixture(scope="module")
def seven_billion(tmp_path_factory):
    """Return the result of the 7B recipe without its checkpoint and data, and the growth of the process in bytes."""
    folder = tmp_path_factory.mktemp("nothing") / "workspace"
    grown = None
    if STATUS.exists():
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak
        before = peak_bytes()
    options = ["--dry-run", "--devices", "8", "--json", "--quiet", "--workspace", str(folder)]
    result = CliRunner().invoke(train, ["culturalpangea-7b", *options], env={"WORLD_SIZE": "3"})
    if STATUS.exists():
        grown = peak_bytes() - before
    assert result.exit_code == 0, result.exception
    assert not folder.exists(), "a dry run leaves nothing behind"
    return orjson.loads(result.output), grown


def test_parameters_of_7b_are_counted_without_the_checkpoint(seven_billion):
    assert seven_billion[0]["stages"][0]["parameters"] == {
        "vision_tower": {"trainable": 0, "frozen": 303_507_456},
        "projector": {"trainable": 16_525_824, "frozen": 0},
        "language_model": {"trainable": 7_615_616_512, "frozen": 0},
    }


@pytest.mark.skipif(not STATUS.exists(), reason="the peak is in Linux's /proc")
def test_7b_dry_run_allocates_no_weights(seven_billion):
    assert seven_billion[1] < 500e6


def test_missing_data_is_assumed(seven_billion):
    result, _ = seven_billion
    stage = result["stages"][0]
    assert set(result["basis"].values()) == {"assumed"}
    assert stage["questions"] == 13_000_000 + 5_000_000 + 5_800_000 + 90_000
    assert stage["steps"] == -(-stage["questions"] // 128)
    # An image of 640 × 480 has 2,340 tokens in five tiles.
    assert stage["image_tokens"] == pytest.approx(2340 * stage["images"], rel=0.001)
    assert stage["tiles"] == pytest.approx(5 * stage["images"], rel=0.001)
    assert any("PangeaIns.json is missing" in note for note in result["notes"])


def test_7b_fits_on_eight_devices_of_80_gb(seven_billion):
    stage = seven_billion[0]["stages"][0]
    memory = stage["memory_bytes"]
    assert memory["weights"] == (4 * TRAINABLE + 4 * 303_507_456) // 8
    assert memory["optimizer"] == TRAINABLE
    assert memory["gradients"] == 4 * TRAINABLE // 8
    assert 20e9 < memory["total"] < 70e9
    assert memory["total"] == sum(value for part, value in memory.items() if part != "total")


def test_hours_are_those_of_the_slowest_device_and_of_communication(seven_billion):
    result, _ = seven_billion
    stage = result["stages"][0]
    assert result["devices"]["count"] == 8 and result["devices"]["tflops"] == 350
    assert result["devices"]["gb_per_s"] == 300 and result["devices"]["gb_per_s_basis"] == "default"
    assert stage["even_hours"] == pytest.approx(stage["flops"] / (8 * 350e12) / 3600, rel=0.01)
    assert stage["even_hours"] < stage["computing_hours"] < 1.03 * stage["even_hours"]
    # Two or three micro-batches in a step: two gathers in bfloat16, and gradients in float32.
    gathered = 7 / 8 * (2 * 2 * (TRAINABLE + 303_507_456) + 4 * TRAINABLE)
    per_step = stage["communication_hours"] * 3600 * 300e9 / stage["steps"]
    # Each of eight devices gathers the keys and values of seven others, twice in bfloat16, and scatters gradients. The
    # same for the features of images, once.
    keys_and_values = 28 * 2 * 4 * 128 * (2 * 2 + 4) * stage["tokens"] / 8
    features = 3584 * (2 + 4) * stage["image_tokens"] / 8
    divided = 7 * (keys_and_values + features) / stage["steps"]
    assert 2 * gathered + divided <= 1.001 * per_step < 3 * gathered + divided
    assert stage["hours"] == stage["computing_hours"] + stage["communication_hours"]
    # Most are the layers: forward, backward (twice) and recomputed.
    layers = 8 * (7_615_616_512 - 2 * 152_064 * 3584) * stage["tokens"]
    assert layers < stage["flops"] < 1.1 * layers


def test_disk_is_that_of_checkpoints_and_result(seven_billion):
    stage = seven_billion[0]["stages"][0]
    assert stage["checkpoint_bytes"] == 12 * TRAINABLE
    # A new checkpoint beside two older ones, the trained weights and the result in float32.
    assert stage["disk_bytes"] == (3 * 12 + 4 + 4) * TRAINABLE + 4 * 303_507_456


def test_waiting_devices_and_a_small_disk_are_noted(workspace, monkeypatch):
    usage = shutil.disk_usage(workspace)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000))
    recipe = recipe_of(SAMPLE, steps=4, batch={"global_batch_size": 8, "max_length": 512})
    result = dry_run(recipe, workspace, Devices(16, bandwidth=50), QUIET)
    waiting = next(note for note in result["notes"] if "devices wait" in note)
    assert re.search(r"16 devices wait \d\d% of the computing time, and \d+\.\d have no row in a step", waiting)
    assert waiting.endswith("Set context_parallel_size, use fewer devices, or raise global_batch_size.")
    assert any("it needs 0 GB for checkpoints" in note and "has 0 GB. Free" in note for note in result["notes"])
    assert not any("Communication assumes" in note for note in result["notes"])
    stage = result["stages"][0]
    sums = 2 * 4 * 15 / 16 * sum(part["trainable"] for part in stage["parameters"].values())
    assert stage["communication_hours"] == pytest.approx(4 * sums / 50e9 / 3600)


def test_advice_for_waiting_devices_fits_the_recipe():
    result = {"even_hours": 1, "computing_hours": 2, "images_per_step": 9.0, "idle_devices": 0.0}

    def advice(context, **model):
        recipe = recipe_of(steps=1, model={"size": "tiny", **model})
        recipe = recipe.model_copy(update={"context_parallel_size": context})
        return next(_waiting_notes(recipe, [result], Devices(6))).partition("9.0 images. ")[2]

    others = "use fewer devices, or raise global_batch_size."
    assert advice(1) == f"Set context_parallel_size, set image_multiple = 6, {others}"
    assert advice(1, torch_compile=True) == f"Set image_multiple = 6, {others}"
    assert advice(2) == f"Set image_multiple = 3, {others}"
    assert advice(6) == "Use fewer devices, or raise global_batch_size."


def test_missing_data_without_estimate_is_rejected(workspace):
    with pytest.raises(UserError, match=r"No data at .*/missing/chat\.json\. .*\[sources\.estimate\]"):
        estimate(recipe_of({"type": "chat", "path": "missing/chat.json"}, epochs=1), workspace)


def test_missing_checkpoint_without_size_is_rejected(workspace):
    with pytest.raises(UserError, match=r"missing/checkpoint is not on this machine\. Set model\.size"):
        estimate(recipe_of(model={"checkpoint": "missing/checkpoint"}, epochs=1), workspace)


def test_without_tokenizer_only_texts_are_assumed(workspace):
    missing = estimate(recipe_of(model={"checkpoint": "missing/checkpoint", "size": "tiny"}, epochs=1), workspace)
    present = estimate(recipe_of(epochs=1), workspace)
    assert missing["basis"] == {"questions": "counted", "images": "counted", "texts": "assumed"}
    assert any("The tokenizer of missing/checkpoint is not on this machine" in note for note in missing["notes"])
    for key in ("questions", "images", "unshared_image_tokens"):
        assert missing["stages"][0][key] == present["stages"][0][key], key
    assert missing["stages"][0]["tokens"] != present["stages"][0]["tokens"]


def test_local_checkpoint_gives_size_and_tokenizer(workspace, tmp_path):
    model, processor = tiny.model_and_processor()
    model.config.save_pretrained(tmp_path / "checkpoint")
    processor.save_pretrained(tmp_path / "checkpoint")
    result = estimate(recipe_of(model={"checkpoint": str(tmp_path / "checkpoint")}, epochs=1), workspace)
    parts = result["stages"][0]["parameters"].values()
    assert sum(part["trainable"] + part["frozen"] for part in parts) == sum(p.numel() for p in model.parameters())
    assert result["basis"]["texts"] == "counted"


def test_size_file_is_read_from_the_workspace(tmp_path):
    tiny.write_export(tmp_path / "exports/sample")
    size_file = (Path(model_sizes.__file__).with_name("sizes") / "tiny.toml").read_text()
    (tmp_path / "small.toml").write_text(size_file.replace("num_hidden_layers = 3", "num_hidden_layers = 1"))
    small, full = (estimate(recipe_of(model={"size": size}, epochs=1), tmp_path) for size in ("small.toml", "tiny"))
    counts = [result["stages"][0]["parameters"]["language_model"]["trainable"] for result in (small, full)]
    assert counts[0] < counts[1] and small["model"]["from"] == "size small.toml"


def test_present_and_missing_sources_are_combined(workspace):
    missing = {"type": "chat", "path": "missing.json", "estimate": ASSUMED}
    result = estimate(recipe_of(SAMPLE, missing, epochs=1, batch={"global_batch_size": 64}), workspace)
    assert set(result["basis"].values()) == {"partly assumed"}
    assert result["stages"][0]["questions"] == 4_000_000 + result["sources"][0]["questions"]


def test_every_image_of_a_conversation_is_counted(workspace):
    source = {"type": "chat", "path": "exports/general/general.json"}
    stage = estimate(recipe_of(source, epochs=1), workspace)["stages"][0]
    # One conversation has one image, one has two and two have none. An image is an overview and two tiles.
    assert (stage["questions"], stage["images"], stage["tiles"]) == (4, 3, 9)


def test_assumed_question_longer_than_a_row_is_rejected(workspace):
    source = {"type": "chat", "path": "missing.json", "estimate": ASSUMED | {"question_tokens": 900}}
    with pytest.raises(UserError, match=r"an assumed question has 9\d\d tokens .* max_length is 512"):
        estimate(recipe_of(source, epochs=1, batch={"max_length": 512}), workspace)


def test_contrastive_stage_without_names_is_rejected(workspace):
    source = {"type": "chat", "path": "exports/general/general.json"}
    with pytest.raises(UserError, match=r"Stage main is contrastive, but no image has an English name\."):
        estimate(recipe_of(source, objective="contrastive", trainable=["vision_tower"], epochs=1), workspace)


def test_too_many_broken_images_are_noted(tmp_path):
    tiny.write_export(tmp_path / "exports/sample")
    for path in sorted((tmp_path / "exports/sample/images").iterdir()):
        if path.stat().st_size % 2:
            path.write_bytes(b"no image")
    notes = estimate(recipe_of(epochs=1), tmp_path)["notes"]
    assert any("Training would stop: " in note and " of 10 images cannot be used" in note for note in notes)


def test_dry_run_writes_nothing_to_the_workspace(workspace, tiny_result):
    names = {path.relative_to(workspace).parts[0] for path in workspace.rglob("*")}
    assert names == {"exports"}


@pytest.mark.parametrize("model", [{"size": "tiny"}, {"checkpoint": "random"}])
def test_cached_measurements_of_training_are_reused(workspace, tmp_path, monkeypatch, model):
    shutil.copytree(workspace / "exports", tmp_path / "exports")
    tiny.checkpoint(tmp_path / "random")
    recipe = recipe_of(model=model, epochs=1)
    uncached = estimate(recipe, tmp_path)
    laid_out(recipe, tmp_path, Workspace(tmp_path).training_cache, 0, work=tmp_path / "work")
    before = contents(tmp_path)
    monkeypatch.setattr(Corpus, "build", None)
    monkeypatch.setattr(saved_array.SavedArray, "save", None)
    monkeypatch.setattr(image_sizes, "read_size", None)
    assert estimate(recipe, tmp_path) == uncached
    assert contents(tmp_path) == before


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_devices_option_needs_dry_run():
    result = CliRunner().invoke(train, ["tiny", "--devices", "8"])
    assert result.exit_code == 2
    assert "need --dry-run" in result.output


def test_tables_show_figures_and_their_basis(workspace):
    options = ["--dry-run", "--quiet", "--tflops", "0.5", "--steps", "4", "--workspace", str(workspace)]
    output = CliRunner().invoke(train, ["tiny", *options], env={"COLUMNS": "160", "WORLD_SIZE": "2"}).output
    assert re.search(r"questions +│ +256 +│ +384 +│ counted", output)
    assert re.search(r"of computing, on the slowest .* at 0.5 TFLOP/s each \(given\)", output)
    assert re.search(r"hours on 2 device\(s\) .*\n.*\n.*\n.*communication .* at 300 GB/s each \(default\)", output)
    assert re.search(r"a checkpoint +│ +0.0\d+", output)
    assert re.search(r"projector +│ trainable +│ +0 +│ +33,152 ", output)
    assert re.search(r"general +│ +4 +│ +2 +│ counted +│ +1 ", output)


def test_table_shows_how_many_devices_divide_a_row(seven_billion):
    result = seven_billion[0]
    shown = Console(record=True, width=120, file=io.StringIO())
    show(result, shown)
    assert result["devices"]["per_row"] == 8
    assert re.search(r"rows per step +│ +\S+ .*\n.*divided by devices +│ +8 ", shown.export_text())


def test_note_says_that_plans_count_longer_rows_than_the_table():
    chosen = {"sampled_steps": 4, "plan": {"chosen": {}}}
    recipe = SimpleNamespace(
        stages=[SimpleNamespace(objective="sft", batch=SimpleNamespace(packing="shared"), name="main")]
    )
    devices = Devices(memory=8.0)
    assert "rows of max_length" not in " ".join(_plan_notes(recipe, [chosen | {"steps": 4}], devices))
    assert "rows of max_length" in " ".join(_plan_notes(recipe, [chosen | {"steps": 5}], devices))


def test_plan_for_a_stated_memory_is_printed_as_lines_to_paste(workspace):
    options = ["tiny", "--dry-run", "--quiet", "--steps", "4", "--workspace", str(workspace), "--device-memory"]
    output = CliRunner().invoke(train, [*options, "8"]).output
    found = re.findall(
        r"# Stage (\w+): 0\.\d GB per device, .*\n\[stages\.memory\]\nper_device_batch_size = \d+\n", output
    )
    assert found == ["pretrain", "culturalpangea"]
    assert "Plans use 7.2 of 8 GB per device." in output
    output = CliRunner().invoke(train, [*options, "0.01"]).output
    assert "[stages.memory]" not in output
    least = r"Training would stop: stage {} needs at least 0\.\d+ GB, with .* but a plan may use 0\.009 GB\. {}"
    assert re.search(least.format("pretrain", "Use devices with more memory\\."), output)
    assert re.search(least.format("culturalpangea", "Lower max_length, add"), output)
