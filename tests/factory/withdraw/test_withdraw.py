"""`pcult data withdraw`: from a title to its rows everywhere in a workspace, and to a clean export."""

import hashlib
import shutil
import subprocess
from pathlib import PurePosixPath

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from filelock import FileLock

from factory.exchange.card.markdown import escape
from factory.store.store import Store
from pangea_cultural.dataset import withdrawal
from pangea_cultural.dataset.check import check
from pangea_cultural.dataset.export import SPLITS, Export
from pangea_cultural.dataset.withdrawal import WithdrawalList, WithdrawnEntity, WithdrawnImage
from pangea_cultural.errors import UserError
from pangea_cultural.training.batching.inputs import TrainingInputs
from pangea_cultural.utils.files import read_json, sha256_file, write_bytes, write_json
from pangea_cultural.workspace import Workspace
from tests.factory.images import test_stage
from tests.helpers import short_training, tiny, world
from tests.helpers.runs import forked
from tests.helpers.servers.commons_server import CommonsServer
from tests.helpers.store_contents import differences

NAMED = ("--image", "File:castle_0 b.png", "--entity", "Q9001", "--claim", "Q9002 P571 1602", "--entity", "Q183")
NAMED += (
    "--claim",
    "Q9003 P18 Castle 3 a.png",
    "--claim",
    "Q9004 P17",
    "--date",
    "2026-11-29",
    "--reason",
    "asked for",
)


def withdraw(workspace, *options):
    return world.pcult_json("data", "withdraw", "--workspace", workspace, *options)


def rows(workspace, sql):
    with Store.open(workspace / "store.duckdb", read_only=True) as store:
        return store.rows(sql)


def copy(workspace, target):
    """Copy a workspace. The images of the export stay links to those of the workspace."""
    subprocess.run(["cp", "-a", workspace, target], check=True)
    return target


@pytest.fixture(scope="module")
def withdrawn(castles, tmp_path_factory):
    """Return a workspace after a withdrawal, before the next build, with the command's result."""
    workspace = copy(castles / "workspace", tmp_path_factory.mktemp("withdrawn") / "workspace")
    return workspace, withdraw(workspace, *NAMED)


@pytest.fixture(scope="module")
def never(castles, withdrawn, tmp_path_factory):
    """Return the workspace of a build that had the list from the start."""
    workspace = tmp_path_factory.mktemp("never") / "workspace"
    workspace.mkdir()
    shutil.copy(withdrawn[0] / "withdrawn.json", workspace)
    world.build(castles / "world/recipe.toml", workspace)
    return workspace


def test_the_next_build_equals_one_that_never_had_what_is_withdrawn(castles, withdrawn, never, tmp_path):
    workspace = copy(withdrawn[0], tmp_path / "workspace")
    select = rows(workspace, "SELECT seconds FROM stage WHERE name = 'select'")
    world.build(castles / "world/recipe.toml", workspace)
    assert differences(workspace, never) == []
    assert rows(workspace, "SELECT seconds FROM stage WHERE name = 'select'") == select, "documents are not read again"
    export = Export.open(workspace / "exports/castles")
    assert check(export) == []
    assert {item["type"] for item in export.manifest["withdrawn"]} == {"image", "entity", "claim"}
    questions = [question for split in SPLITS for question in export.questions(split)]
    assert not [
        q for q in questions if q.entity == "Q9001" or {"Germany", "Deutschland", "1602"} & {*q.answers, *q.choices}
    ]


def test_the_withdrawal_names_the_rows_and_the_check_fails_until_the_next_build(castles, withdrawn):
    workspace, result = withdrawn
    assert result["store"]["entities"] == 1 and result["store"]["claims"] == 4
    (export,) = result["exports"]
    assert export["rows"] == result["store"]["questions"] > 0, "the files tell what the store tells"
    assert export["by_split"] == result["store"]["by_split"]
    problems = check(Export.open(workspace / "exports/castles"))
    assert "Q9001: withdrawn, but 34 rows have it" in problems
    assert any(problem.startswith("images.parquet: 7 withdrawn images, such as images/") for problem in problems)
    assert len(export["images"]) == 7 == result["store"]["images"]
    message = world.error_of("data", "check", workspace / "exports/castles")
    assert "failed verification" in message
    arguments = ("data", "export", "--format", "parquet", "--data", "castles", "--workspace", workspace)
    assert "has withdrawn data: Q9001 (34 rows)" in world.error_of(*arguments, workspace / "parquet")


def test_the_store_has_nothing_of_it_and_counts_everything(castles, withdrawn):
    workspace, result = withdrawn
    before = {path.name for path in (castles / "workspace/images").rglob("*.png")}
    gone = before - {path.name for path in (workspace / "images").rglob("*.png")}
    # Five images of the entity, the file itself, and the one that a claim named.
    assert len(gone) == 7 == result["store"]["images"]
    assert rows(workspace, "SELECT count(*) FROM image") == [(len(before) - 7,)]
    assert rows(workspace, "SELECT count(*) FROM label WHERE entity IN ('Q9001', 'Q183')") == [(0,)]
    assert rows(workspace, "SELECT count(*) FROM question_key WHERE entity = 'Q9001'") == [(0,)]
    adds_up = """SELECT name FROM stage s WHERE name IN ('select', 'images', 'split', 'questions') AND inputs <> kept +
                 (SELECT coalesce(sum(items), 0) FROM rejection r WHERE r.stage = s.name AND unit = '')"""
    assert rows(workspace, adds_up) == []


KILLED = """
import os, signal, sys
from factory.withdraw import apply
from pangea_cultural.cli import main
apply._unlink = lambda folder, files: os.kill(os.getpid(), signal.SIGKILL)
main(sys.argv[1:])
"""


def test_a_withdrawal_that_was_killed_is_completed_by_the_next_build(castles, never, tmp_path):
    workspace = copy(castles / "workspace", tmp_path / "workspace")
    arguments = ["data", "withdraw", "--workspace", str(workspace), *NAMED]
    assert forked.finish(arguments, tmp_path, script=KILLED).returncode == -9
    assert rows(workspace, "SELECT count(*) FROM entity WHERE entity = 'Q9001'") == [(1,)], "nothing was removed"
    world.build(castles / "world/recipe.toml", workspace)
    assert differences(workspace, never) == []
    assert {path.name for path in (workspace / "images").rglob("*.png")} == {
        path.name for path in (never / "images").rglob("*.png")
    }


def test_a_withdrawal_that_was_killed_at_a_note_has_changed_no_data(castles, tmp_path):
    workspace = copy(castles / "workspace", tmp_path / "workspace")
    title, image = train_image(workspace)
    write_run(workspace, {"model.safetensors": "1f"}, image)
    script = KILLED.replace("import apply", "import cards").replace(
        "apply._unlink = lambda folder, files:", "cards.write_json = lambda path, value:"
    )
    arguments = ["data", "withdraw", "--workspace", str(workspace), "--image", title]
    assert forked.finish(arguments, tmp_path, script=script).returncode == -9
    assert not (workspace / "withdrawn.json").exists()
    assert check(Export.open(workspace / "exports/castles")) == []
    assert withdraw(workspace, "--image", title)["runs"][0]["rows"] == 1
    assert withdraw(workspace, "--image", title)["store"]["questions"] == 0, "a second one finds nothing"
    assert len(withdrawal.read(workspace / "withdrawn.json").withdrawn) == 1


def test_two_withdrawals_at_once_are_refused(castles, tmp_path, monkeypatch):
    workspace = copy(castles / "workspace", tmp_path / "workspace")
    monkeypatch.setattr("factory.withdraw.cli.LOCK_TIMEOUT_S", 0)
    with FileLock(workspace / ".withdrawn.lock"):
        message = world.error_of("data", "withdraw", "--workspace", workspace, "--entity", "Q9001")
    assert "Another process withdraws from" in message
    assert not (workspace / "withdrawn.json").exists()


def test_what_leaves_the_list_comes_back(castles, withdrawn, tmp_path):
    workspace = copy(withdrawn[0], tmp_path / "workspace")
    (workspace / "withdrawn.json").unlink()
    world.build(castles / "world/recipe.toml", workspace)
    assert differences(workspace, castles / "workspace") == []


def test_a_list_of_another_workspace_can_name_what_the_workspace_lacks(castles, tmp_path):
    workspace = copy(castles / "workspace", tmp_path / "workspace")
    foreign = WithdrawalList(withdrawn=(WithdrawnEntity(entity="Q77"), WithdrawnImage(file="image:castle_5 a.png")))
    foreign.write(tmp_path / "foreign.json")
    result = withdraw(workspace, "--list", tmp_path / "foreign.json", "--dry-run")
    assert result["store"]["images"] == 1 and not (workspace / "withdrawn.json").exists()
    withdraw(workspace, "--list", tmp_path / "foreign.json")
    assert [item.name for item in withdrawal.read(workspace / "withdrawn.json")] == ["Q77", "File:Castle 5 a.png"]
    assert rows(workspace, "SELECT count(*) FROM image WHERE file = 'Castle 5 a.png'") == [(0,)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--image", "File:Castle 0 x.png"], "is not in the workspace. Did you mean File:Castle 0"),
        (["--entity", "9001"], "'9001' is not an entity. Write Q and a number"),
        (["--claim", "Q9001 P571 1700"], "Q9001 has no P571 with the value 1700. Choose one of: +1601-00-00T"),
        (["--claim", "P571"], "'P571' is not a claim."),
        (["--license", "CC BY 4.0"], "license cc-by-4.0 is not in the workspace. Licenses in the store: cc0-1.0."),
        (["--list", "/nowhere.json"], "No list at /nowhere.json."),
    ],
)
def test_what_is_nowhere_is_refused_in_one_line(castles, options, message):
    assert message in world.error_of("data", "withdraw", "--workspace", castles / "workspace", *options)
    assert not (castles / "workspace/withdrawn.json").exists()


def test_withdrawn_content_stays_away_under_another_title_and_its_license_too(tmp_path):
    with CommonsServer(test_stage.FILES) as server:
        recipe, workspace = test_stage.write(tmp_path, server), tmp_path / "workspace"
        world.build(recipe, workspace)
        first = rows(workspace, "SELECT image FROM image WHERE file = 'Castle 0 a.png'")[0][0]
        # Castle 5 shows the same content as castle 4, under a title of its own.
        options = ("--image", "File:Castle 5 a.png", "--image", "File:Castle_0 a.png", "--license", "CC BY 3.0")
        result = withdraw(workspace, *options)
        assert result["store"]["images"] == 3
        assert rows(workspace, "SELECT count(*) FROM entity_image WHERE entity IN ('Q9002', 'Q9005')") == [(0,)]
        # The file is renamed. The title of the claim redirects to the new one.
        renamed = server.files.pop("Castle 0 a.png")
        server.files["Castle 0 front.png"] = test_stage.File(
            title="Castle 0 front.png", categories=renamed.categories, image="Castle 0 a.png"
        )
        server.redirects["Castle 0 a.png"] = "Castle 0 front.png"
        world.build(recipe, workspace)
    found = rows(workspace, "SELECT file FROM image WHERE file LIKE 'Castle 0%' ORDER BY file")
    assert [file for (file,) in found] == [f"Castle 0 {letter}.png" for letter in "bcd"], "another file takes its place"
    assert not list((workspace / "images").rglob(f"{first}*"))
    assert rows(workspace, "SELECT count(*) FROM image WHERE license_code = 'cc-by-3.0'") == [(0,)]
    reasons = dict(
        rows(workspace, "SELECT item, reason FROM rejection WHERE stage = 'images' AND reason LIKE 'withdrawn%'")
    )
    assert reasons["Q9000 Castle 0 a.png"] == reasons["Q9005 Castle 5 a.png"] == "withdrawn"
    assert check(Export.open(workspace / "exports/castles")) == []


def train_image(workspace):
    """Return the title and the hash of an image of train."""
    export = Export.open(workspace / "exports/castles")
    image = export.table("train")["image"][0].as_py()
    (row,) = [row for row in export.images().to_pylist() if row["image"] == image]
    return row["file"], image


def write_run(workspace, weights, image):
    """Write a finished run with two answers, as an evaluation does."""
    answers = [
        {"entity": f"Q900{n}", "property": "P17", "image": shown, "answers": ["x"], "choices": [], "split": "test"}
        for n, shown in enumerate((image, "images/00/0.png"))
    ]
    (workspace / "runs/micro-test").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(answers), workspace / "runs/micro-test/answers.parquet")
    write_json(workspace / "runs/micro-test/results.json", {"weights_sha256": weights})


def test_a_checkpoint_and_a_run_are_named_and_training_waits_for_a_build(castles, tmp_path):
    workspace = copy(castles / "workspace", tmp_path / "workspace")
    base, source = tiny.checkpoint(tmp_path / "base"), {"type": "export", "path": "exports/castles"}
    record = short_training.train(Workspace(workspace), base, stage={"steps": 1}, sources=[source])
    title, image = train_image(workspace)
    write_run(workspace, record["weights_sha256"], image)
    derived = {"recipe": {"model": {"checkpoint": "checkpoints/micro"}}, "data": {}}
    write_json(workspace / "checkpoints/derived/training.json", derived)

    result = withdraw(workspace, "--image", title, "--reason", "deleted <b>on</b> Commons")
    (base, checkpoint), (run,) = result["checkpoints"], result["runs"]
    assert (base["name"], base["evidence"], base["checkpoints"]) == ("derived", "its base checkpoint", ["micro"])
    assert "base checkpoint micro" in (workspace / "checkpoints/derived/README.md").read_text()
    assert checkpoint["evidence"] == "its export"
    assert checkpoint["rows"] == checkpoint["by_split"]["train"] == result["store"]["by_split"]["train"]
    assert (run["rows"], run["checkpoints"]) == (1, ["micro"])
    card = (workspace / "checkpoints/micro/README.md").read_text()
    assert f"{escape(f'File:{title}')}: {checkpoint['rows']} training rows" in card and "<b>" not in card
    assert "withdrawn after the training" in read_json(workspace / "checkpoints/micro/training.json")["statements"][-1]
    about_run = read_json(workspace / "runs/micro-test/results.json")["statements"]
    assert about_run == [
        f"Withdrawn later: questions of this run ask about withdrawn data (File:{title}).",
        "Withdrawn later: the model was trained on rows that were withdrawn.",
    ]

    recipe = short_training.recipe(base, sources=[source])
    with pytest.raises(UserError, match=rf"has withdrawn data: File:{title} .*Run `pcult build` again\."):
        TrainingInputs.open(recipe, workspace)
    world.build(castles / "world/recipe.toml", workspace)
    assert check(Export.open(workspace / "exports/castles")) == []
    assert TrainingInputs.open(recipe, workspace)

    # The export that the checkpoint was trained on is gone. Its own record of rows tells.
    entity = Export.open(workspace / "exports/castles").table("train")["entity"][0].as_py()
    _, checkpoint = withdraw(workspace, "--entity", entity)["checkpoints"]
    assert checkpoint["evidence"] == "its record of rows" and checkpoint["rows"] > 0 and checkpoint["images"]
    text = (workspace / "checkpoints/micro/README.md").read_text()
    assert text.count("## Withdrawn data") == 1 and escape(f"File:{title}") in text and f"{escape(entity)}:" in text


def test_images_that_a_run_shows_are_deleted_with_its_report(castles, tmp_path):
    workspace = copy(castles / "workspace", tmp_path / "workspace")
    title, image = train_image(workspace)
    write_run(workspace, {}, image)
    run, shown = workspace / "runs/micro-test", [image, "images/00/other.png"]
    for name in shown:
        write_bytes(run / "examples" / PurePosixPath(name).name, b"pixels")
    for suffix in ("html", "md", "json"):
        write_bytes(run / f"report.{suffix}", b"pixels")
    write_json(run / "examples.json", {key: [{"image": name} for name in shown] for key in ("examples", "credits")})
    problems = withdraw(workspace, "--image", title)["problems"]
    assert problems == [f"{run}: its report showed withdrawn data and was removed. Run `pcult report {run}`."]
    assert not list(run.glob("report.*"))
    assert [path.name for path in (run / "examples").iterdir()] == ["other.png"]
    assert read_json(run / "examples.json") == {key: [{"image": shown[1]}] for key in ("examples", "credits")}


def test_copies_of_images_that_a_run_was_shown_are_deleted(castles, tmp_path):
    workspace = copy(castles / "workspace", tmp_path / "workspace")
    title, image = train_image(workspace)
    folder = workspace / "runs/published/benchmarks/cvqa/images"
    same, original, other = (
        folder / name for name in (PurePosixPath(image).name, f"{'1' * 64}.jpg", f"{'2' * 64}.jpg")
    )
    for path in (same, original, other):
        write_bytes(path, path.name.encode())
    items = [WithdrawnImage(file=title, sha1=(hashlib.sha1(original.name.encode()).hexdigest(),))]
    WithdrawalList(withdrawn=tuple(items)).write(tmp_path / "list.json")
    examples = _write_examples(folder.parent, same.stem, other.stem)
    planned = withdraw(workspace, "--list", tmp_path / "list.json", "--dry-run")["copies"]
    assert planned == [str(original), str(same), str(examples / "one.jpg")] and same.exists()
    result = withdraw(workspace, "--list", tmp_path / "list.json")
    assert result["copies"] == planned and "its report showed withdrawn data" in result["problems"][-1]
    assert [*folder.iterdir()] == [other] and [path.name for path in examples.iterdir()] == ["two.jpg"]
    rows = [{"item": "one", "images": []}, {"item": "two", "images": ["two.jpg"]}]
    assert read_json(folder.parent / "examples.json") == rows and not (workspace / "runs/published/report.md").exists()


def _write_examples(folder, first, second):
    """Write two examples of a benchmark with the hashes of their images, and the report of the run."""
    answers = [{"item": "one", "images": [first]}, {"item": "two", "images": [second]}]
    pq.write_table(pa.Table.from_pylist(answers), folder / "answers.parquet")
    write_json(folder / "examples.json", [{"item": name, "images": [f"{name}.jpg"]} for name in ("one", "two")])
    for path in (folder / "examples/one.jpg", folder / "examples/two.jpg", folder.parent.parent / "report.md"):
        write_bytes(path, b"pixels")
    return folder / "examples"


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"examples": [1], "credits": []}', b'{"examples": []}'])
def test_garbled_examples_of_a_run_are_named_and_do_not_stop_a_withdrawal(castles, tmp_path, content):
    workspace = copy(castles / "workspace", tmp_path / "workspace")
    title, image = train_image(workspace)
    write_run(workspace, {}, image)
    write_bytes(workspace / "runs/micro-test/examples.json", content)
    (problem,) = withdraw(workspace, "--image", title)["problems"]
    assert problem.startswith(f"{workspace}/runs/micro-test: the examples of its report were not read (")


def test_a_list_is_validated(tmp_path):
    (tmp_path / "list.json").write_bytes(orjson.dumps([{"type": "image", "file": "A|B.png"}]))
    with pytest.raises(UserError, match="is not a file title"):
        withdrawal.read(tmp_path / "list.json")
    (tmp_path / "list.json").write_text("{")
    with pytest.raises(UserError, match="is not a withdrawal list"):
        withdrawal.read(tmp_path / "list.json")


GARBLED = (
    b"{",
    b"[]",
    b"\xff",
    b'{"statements": 1}',
    b'{"statements": [1]}',
    b'{"withdrawn": {"a": {}}}',
    b'{"withdrawn": 1}',
)


@pytest.mark.parametrize("content", GARBLED)
def test_garbled_results_of_a_run_are_named_and_do_not_stop_a_withdrawal(castles, tmp_path, content):
    workspace = copy(castles / "workspace", tmp_path / "workspace")
    title, image = train_image(workspace)
    write_run(workspace, {}, image)
    (workspace / "runs/micro-test/results.json").write_bytes(content)
    result = withdraw(workspace, "--image", title)
    (problem,) = result["problems"]
    assert problem.startswith(f"{workspace}/runs/micro-test: no note was written (") and "\n" not in problem
    assert (workspace / "runs/micro-test/results.json").read_bytes() == content
    assert [item.name for item in withdrawal.read(workspace / "withdrawn.json")] == [f"File:{title}"]
    assert rows(workspace, f"SELECT count(*) FROM image WHERE file = '{title}'") == [(0,)]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"statements": 1}, "no note was written"),
        ({"withdrawn": ["a"]}, "no note was written"),
        ({"recipe": None}, ""),
        ({"recipe": {"sources": [1, {"type": "export", "split": ["train"]}]}}, ""),
    ],
)
def test_a_garbled_record_of_a_checkpoint_is_named_and_does_not_stop_a_withdrawal(castles, tmp_path, change, problem):
    workspace = copy(castles / "workspace", tmp_path / "workspace")
    title, _ = train_image(workspace)
    manifest = sha256_file(workspace / "exports/castles/export.json")
    record = {"data": {"castles": {"export.json": manifest}}}
    write_json(workspace / "checkpoints/micro/training.json", record | change)
    result = withdraw(workspace, "--image", title)
    assert [line for line in result["problems"] if problem not in line] == [] and bool(result["problems"]) == bool(
        problem
    )
    assert withdrawal.read(workspace / "withdrawn.json")


def test_a_checkpoint_that_cannot_be_read_is_unknown_and_does_not_stop_a_withdrawal(castles, tmp_path):
    workspace = copy(castles / "workspace", tmp_path / "workspace")
    write_json(workspace / "checkpoints/rows/training.json", {"data": {"gone": {"export.json": "0"}}})
    (workspace / "checkpoints/rows/training-rows.parquet").write_bytes(b"PAR1")
    (workspace / "checkpoints/torn").mkdir()
    (workspace / "checkpoints/torn/training.json").write_text("{")
    result = withdraw(workspace, "--entity", "Q9001")
    assert {found["name"]: found["evidence"] for found in result["checkpoints"]} == {
        "rows": "unknown",
        "torn": "unknown",
    }
    (problem,) = result["problems"]
    assert "checkpoints/rows: cannot be read" in problem
    assert withdrawal.read(workspace / "withdrawn.json")


def test_many_names_are_a_few_and_the_number_of_the_others():
    assert withdrawal.few(["a", "b", "c"]) == "a, b, c"
    assert withdrawal.few([str(number) for number in range(1234)]) == "0, 1, 2 and 1,231 more"
    assert withdrawal.few([]) == ""
