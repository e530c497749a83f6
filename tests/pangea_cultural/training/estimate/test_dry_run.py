"""The dry run says what the plan holds, and allocates nothing."""

import re
import shutil
from pathlib import Path

import numpy as np
import orjson
import pytest
from click.testing import CliRunner

from pangea_cultural import config
from pangea_cultural.errors import UserError
from pangea_cultural.model import build
from pangea_cultural.training import recipe
from pangea_cultural.training.batching import lengths, training_data
from pangea_cultural.training.batching.dataset import counts
from pangea_cultural.training.batching.inputs import TrainingInputs
from pangea_cultural.training.batching.mixture import SourceQuestions
from pangea_cultural.training.cli import train
from pangea_cultural.training.data.corpus import Corpus
from pangea_cultural.training.estimate.assumptions import thinned
from pangea_cultural.training.estimate.dry_run import Devices, dry_run
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
LEARNS = 16_525_824 + 7_615_616_512
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


def named(name, steps=None):
    return config.load(recipe.Recipe, config.find("recipe", name, recipe.RECIPES)).with_steps(steps)


def made(*sources, model=None, **stage):
    content = {"name": "r", "model": model or {"size": "tiny"}, "sources": sources or [SAMPLE]}
    return recipe.Recipe.model_validate(content | {"stages": [merged(STAGE, stage)]})


def estimate(what, workspace, **devices):
    return dry_run(what, workspace, Devices(**devices), QUIET)


def planned(what, workspace, cache, number, work=None):
    """The rows of every step of a stage, as the training itself lays them out, and the sources' lengths."""
    inputs = TrainingInputs.open(what, workspace)
    corpora = training_data.open_all(inputs, cache, QUIET)
    start = BaseModel(inputs, work or cache)
    start.prepare(corpora)
    _, own = start.load()
    measured = training_data.measure_all(corpora, own, cache, processor_key(own, work or cache), QUIET)
    opened = training_data.TrainingData(what, corpora, measured)
    steps = opened.step_dataset(what.stages[number], None, processes=1, rank=0)
    return [steps.rows(step) for step in range(len(steps))], [m.lengths for m in measured]


@pytest.fixture(scope="module")
def sampled(workspace):
    return estimate(named("tiny"), workspace)


def test_the_tiny_recipe_has_the_figures_of_its_plan(workspace, tmp_path):
    what = named("tiny", steps=40)
    rows, lengths = planned(what, workspace, tmp_path, 1)
    stage = estimate(what, workspace)["stages"][1]
    for key in ("questions", "tokens", "image_tokens", "image_tokens_apart"):
        assert stage[key] == sum(counts(step, lengths)[key] for step in rows), key
    assert stage["steps"] == stage["steps_laid_out"] == 40
    assert stage["rows_per_step"] == sum(map(len, rows)) / 40
    parts = [part for step in rows for row in step for part in row]
    saved = sum(lengths[p.chunk.source].prefix[p.chunk.group] * (len(p.conversations) - 1) for p in parts)
    assert stage["tokens_saved"] == stage["tokens_apart"] - stage["tokens"] == saved > 0


def test_more_steps_than_are_laid_out_are_scaled(workspace, tmp_path, sampled):
    rows, lengths = planned(named("tiny"), workspace, tmp_path, 1)
    stage = sampled["stages"][1]
    assert (stage["steps"], stage["steps_laid_out"], stage["questions"]) == (750, 500, 750 * 96)
    assert stage["tokens"] == pytest.approx(sum(counts(step, lengths)["tokens"] for step in rows), rel=0.01)


def test_a_contrastive_stage_learns_images(sampled):
    stage = sampled["stages"][0]
    assert (stage["steps"], stage["images"], stage["tiles"], stage["tokens"]) == (700, 700 * 64, 700 * 64, 0)


def test_what_is_counted_is_said_to_be(sampled):
    assert set(sampled["basis"].values()) == {"counted"}
    assert [source["basis"] for source in sampled["sources"]] == ["counted", "counted"]
    assert sum(sampled["sources"][1]["rejected"].values()) == 1
    assert [source["images"] for source in sampled["sources"]] == [10, 2]


STATUS = Path("/proc/self/status")


def peak_bytes():
    """The most memory that this process had since its peak was last forgotten."""
    return 1024 * int(re.search(r"VmHWM:\s+(\d+)", STATUS.read_text())[1])


@pytest.fixture(scope="module")
def seven_billion(tmp_path_factory):
    """The figures of the 7B recipe without its checkpoint and data, and the bytes that the process grew by."""
    folder = tmp_path_factory.mktemp("nothing") / "workspace"
    grown = None
    if STATUS.exists():
        Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
        before = peak_bytes()
    options = ["--dry-run", "--devices", "8", "--json", "--quiet", "--workspace", str(folder)]
    result = CliRunner().invoke(train, ["culturalpangea-7b", *options], env={"WORLD_SIZE": "3"})
    if STATUS.exists():
        grown = peak_bytes() - before
    assert result.exit_code == 0, result.exception
    assert not folder.exists(), "a dry run leaves nothing behind"
    return orjson.loads(result.output), grown


def test_seven_billion_parameters_are_counted_without_being_there(seven_billion):
    assert seven_billion[0]["stages"][0]["parameters"] == {
        "vision_tower": {"trained": 0, "frozen": 303_507_456},
        "projector": {"trained": 16_525_824, "frozen": 0},
        "language_model": {"trained": 7_615_616_512, "frozen": 0},
    }


@pytest.mark.skipif(not STATUS.exists(), reason="only Linux tells the peak")
def test_nothing_is_allocated(seven_billion):
    assert seven_billion[1] < 500e6


def test_data_that_is_not_here_is_assumed(seven_billion):
    result, _ = seven_billion
    stage = result["stages"][0]
    assert set(result["basis"].values()) == {"assumed"}
    assert stage["questions"] == 13_000_000 + 5_000_000 + 5_800_000 + 90_000
    assert stage["steps"] == -(-stage["questions"] // 128)
    # An image of 640 × 480 has 2,340 tokens in five tiles.
    assert stage["image_tokens"] == pytest.approx(2340 * stage["images"], rel=0.001)
    assert stage["tiles"] == pytest.approx(5 * stage["images"], rel=0.001)
    assert any("PangeaIns.json is not here" in note for note in result["notes"])


def test_seven_billion_fit_on_eight_devices_of_80_gb(seven_billion):
    stage = seven_billion[0]["stages"][0]
    memory = stage["memory_bytes"]
    assert memory["weights"] == (4 * LEARNS + 4 * 303_507_456) // 8
    assert memory["optimizer"] == LEARNS
    assert memory["gradients"] == 4 * LEARNS // 8
    assert 20e9 < memory["total"] < 70e9
    assert memory["total"] == sum(value for part, value in memory.items() if part != "total")


def test_hours_are_operations_over_speed(seven_billion):
    result, _ = seven_billion
    stage = result["stages"][0]
    assert result["devices"] == {"number": 8, "tflops": 350.0, "tflops_from": "default"}
    assert stage["hours"] == pytest.approx(stage["flops"] / (8 * 350e12) / 3600)
    # The layers, forth, back and once more, are most of it.
    layers = 8 * (7_615_616_512 - 2 * 152_064 * 3584) * stage["tokens"]
    assert layers < stage["flops"] < 1.1 * layers


def test_missing_data_of_which_nothing_is_assumed_is_named(workspace):
    with pytest.raises(UserError, match=r"no data at .*/missing/chat\.json: .*\[sources\.estimate\]"):
        estimate(made({"type": "chat", "path": "missing/chat.json"}, epochs=1), workspace)


def test_a_missing_checkpoint_without_a_size_is_named(workspace):
    with pytest.raises(UserError, match=r"nobody/nothing is not on this machine: .*model\.size"):
        estimate(made(model={"checkpoint": "nobody/nothing"}, epochs=1), workspace)


def test_without_the_tokenizer_texts_are_assumed_and_images_are_counted(workspace):
    missing = estimate(made(model={"checkpoint": "nobody/nothing", "size": "tiny"}, epochs=1), workspace)
    whole = estimate(made(epochs=1), workspace)
    assert missing["basis"] == {"questions": "counted", "images": "counted", "texts": "estimate"}
    assert any("the tokenizer of nobody/nothing is not here" in note for note in missing["notes"])
    for key in ("questions", "images", "image_tokens_apart"):
        assert missing["stages"][0][key] == whole["stages"][0][key], key
    assert missing["stages"][0]["tokens"] != whole["stages"][0]["tokens"]


def test_a_local_checkpoint_tells_size_and_tokens(workspace, tmp_path):
    model, own = tiny.model_and_processor()
    model.config.save_pretrained(tmp_path / "checkpoint")
    own.save_pretrained(tmp_path / "checkpoint")
    result = estimate(made(model={"checkpoint": str(tmp_path / "checkpoint")}, epochs=1), workspace)
    shares = result["stages"][0]["parameters"].values()
    assert sum(share["trained"] + share["frozen"] for share in shares) == sum(p.numel() for p in model.parameters())
    assert result["basis"]["texts"] == "counted"


def test_a_size_of_ones_own_lies_in_the_workspace(tmp_path):
    tiny.write_export(tmp_path / "exports/sample")
    shipped = (Path(build.__file__).with_name("sizes") / "tiny.toml").read_text()
    (tmp_path / "small.toml").write_text(shipped.replace("num_hidden_layers = 3", "num_hidden_layers = 1"))
    small, whole = (estimate(made(model={"size": size}, epochs=1), tmp_path) for size in ("small.toml", "tiny"))
    learnt = [result["stages"][0]["parameters"]["language_model"]["trained"] for result in (small, whole)]
    assert learnt[0] < learnt[1] and small["model"]["from"] == "size small.toml"


def test_some_sources_may_be_here_and_others_not(workspace):
    absent = {"type": "chat", "path": "missing.json", "estimate": ASSUMED}
    result = estimate(made(SAMPLE, absent, epochs=1, batch={"global_batch_size": 64}), workspace)
    assert set(result["basis"].values()) == {"partly assumed"}
    assert result["stages"][0]["questions"] == 4_000_000 + result["sources"][0]["questions"]


def test_beside_assumed_sources_counted_ones_keep_their_share():
    starts = np.arange(0, 4001, 4)
    usable = np.repeat(np.arange(1000) >= 200, 4)
    left = thinned(SourceQuestions(starts, usable, 0.5, 300), 10)
    groups = np.unique(np.flatnonzero(left.usable) // 4)
    assert len(groups) == 80 and left.usable.sum() == 320 and groups.min() >= 200
    assert (left.weight, left.count) == (0.5, 30)


def test_images_of_a_conversation_are_all_counted(workspace):
    source = {"type": "chat", "path": "exports/general/general.json"}
    stage = estimate(made(source, epochs=1), workspace)["stages"][0]
    # One image alone, two in one conversation, and two conversations without any; each has an overview and two tiles.
    assert (stage["questions"], stage["images"], stage["tiles"]) == (4, 3, 9)


def test_an_assumed_question_that_is_longer_than_a_row_is_refused(workspace):
    source = {"type": "chat", "path": "missing.json", "estimate": ASSUMED | {"question_tokens": 900}}
    with pytest.raises(UserError, match=r"a question that is assumed has 9\d\d tokens .* max_length is 512"):
        estimate(made(source, epochs=1, batch={"max_length": 512}), workspace)


def test_broken_images_are_told_beforehand(tmp_path):
    tiny.write_export(tmp_path / "exports/sample")
    broken = sorted((tmp_path / "exports/sample/images").iterdir())
    for path in broken:
        if path.stat().st_size % 2:
            path.write_bytes(b"no image")
    notes = estimate(made(epochs=1), tmp_path)["notes"]
    assert any("the training would stop: " in note and " of 10 images cannot be used" in note for note in notes)


def test_the_workspace_stays_as_it_is(workspace, sampled):
    left = {path.relative_to(workspace).parts[0] for path in workspace.rglob("*")}
    assert left == {"exports"}


@pytest.mark.parametrize("model", [{"size": "tiny"}, {"checkpoint": "random"}])
def test_what_a_training_has_measured_is_not_measured_again(workspace, tmp_path, monkeypatch, model):
    shutil.copytree(workspace / "exports", tmp_path / "exports")
    tiny.checkpoint(tmp_path / "random")
    what = made(model=model, epochs=1)
    apart = estimate(what, tmp_path)
    place = Workspace(tmp_path)
    planned(what, tmp_path, place.training_cache, 0, work=place.checkpoints / f".{what.name}.work")
    before = contents(tmp_path)
    monkeypatch.setattr(Corpus, "build", None)
    monkeypatch.setattr(lengths.SavedArray, "save", None)
    monkeypatch.setattr(lengths, "_size", None)
    assert estimate(what, tmp_path) == apart
    assert contents(tmp_path) == before


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_speed_and_devices_are_only_for_a_dry_run():
    result = CliRunner().invoke(train, ["tiny", "--devices", "8"])
    assert result.exit_code == 2
    assert "need --dry-run" in result.output


def test_the_tables_say_what_is_known_how(workspace):
    options = ["--dry-run", "--quiet", "--tflops", "0.5", "--steps", "4", "--workspace", str(workspace)]
    said = CliRunner().invoke(train, ["tiny", *options], env={"COLUMNS": "160", "WORLD_SIZE": "2"}).output
    assert re.search(r"questions +│ +44,800 +│ +384 +│ counted", said)
    assert re.search(r"hours on 2 device\(s\) .* at 0.5 TFLOP/s each \(stated\)", said)
    assert re.search(r"projector +│ trained +│ +0 +│ +33,152 ", said)
    assert re.search(r"general +│ +4 +│ +2 +│ counted +│ +1 ", said)
