"""`push_to_hub` of a training: checked before it, checkpoints beside it, the result after it."""

import shlex
import shutil

import pytest
from click.testing import CliRunner
from filelock import FileLock

from pangea_cultural.cli import pcult
from pangea_cultural.errors import UserError
from pangea_cultural.training.loop import trainer
from pangea_cultural.training.loop.hub import checkpoints
from pangea_cultural.training.loop.hub.checkpoints import CheckpointUploads
from pangea_cultural.training.loop.hub.target import HubTarget
from tests.helpers.servers.hub_server import TOKEN, asked
from tests.helpers.short_training import recipe, train
from tests.helpers.store_contents import files

SAVED = {"checkpoint": {"save_steps": 1, "save_total_limit": 1}}
PUSHED = {"push_to_hub": True, "hub_strategy": "checkpoint", "stage": SAVED}
NAME = "user/micro"


@pytest.fixture
def hub(monkeypatch):
    with asked(monkeypatch) as server:
        yield server


def sent(hub):
    """Return the files of the newest commit, with their content."""
    newest = list(hub.repositories[NAME].values())[-1]
    return {path: hub.objects[oid] if content is None else content for path, (oid, content) in newest.items()}


def test_result_that_is_not_pushed_is_complete_and_can_be_pushed_later(hub, workspace, base, monkeypatch):
    started = []
    monkeypatch.setattr(CheckpointUploads, "start", lambda _, checkpoint: started.append(checkpoint.name))
    hub.refuses_commits = True
    with pytest.raises(
        UserError, match=r"The model is complete but not pushed: The hub refused a .*Push it with"
    ) as error:
        train(workspace, base, **PUSHED)
    assert started == ["checkpoint-1", "checkpoint-2", "checkpoint-3"]
    assert NAME in hub.private and not sent(hub)
    local = files(workspace.checkpoints / "micro")
    assert "training.json" in local and TOKEN not in str(error.value)
    assert not any(TOKEN.encode() in content for content in local.values())
    hub.refuses_commits = False
    command = shlex.split(str(error.value).split("`")[1])
    assert CliRunner().invoke(pcult, command[1:], catch_exceptions=False).exit_code == 0
    assert sent(hub) == local
    del hub.repositories[NAME]
    train(workspace, base, **PUSHED)
    assert sent(hub) == local, "the same training again pushes what is complete"
    assert [path.name for path in workspace.checkpoints.iterdir() if path.is_dir()] == ["micro"]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("public", r"user/micro is public\. Allow that with hub_private_repo = false, or choose"),
        ("read-only", "The token may not write to user/micro"),
        ("token", "The hub does not accept the token"),
        ("no hub", "The hub broke off"),
    ],
)
def test_repository_that_cannot_be_written_is_named_before_the_data_is_read(
    hub, shared_workspace, base, monkeypatch, fault, message
):
    hub.repositories[NAME] = {"0" * 40: {}}
    if fault == "read-only":
        hub.read_only.add(NAME)
        hub.private.add(NAME)
    monkeypatch.setenv("HF_TOKEN", "hf_other" if fault == "token" else TOKEN)
    if fault == "no hub":
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("pangea_cultural.training.loop.run._run", lambda *_, **__: pytest.fail("data is read"))
    with pytest.raises(UserError, match=message) as error:
        train(shared_workspace, base, **PUSHED)
    assert "hf_other" not in str(error.value)
    with FileLock(shared_workspace.checkpoints / ".micro.lock", timeout=0):
        pass


class Killed(BaseException):
    """The end of a process."""


@pytest.fixture
def stopped(workspace, base, monkeypatch):
    """The work folder of a training that was killed in its third step."""
    step = trainer.StageTrainer.training_step

    def until_third(self, *inputs):
        if self.state.global_step == 2:
            raise Killed
        return step(self, *inputs)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(trainer.StageTrainer, "training_step", until_third)
        train(workspace, base, stage=SAVED)
    return workspace.checkpoints / ".micro.work"


def test_pushed_checkpoint_resumes_elsewhere_and_is_one_at_a_time(hub, stopped, new_workspace, base, tmp_path):
    hub.repositories[NAME] = {"0" * 40: {"last-checkpoint/old": ("1" * 40, b""), "notes.md": ("1" * 40, b"")}}
    notes = []
    uploads = CheckpointUploads(NAME, keeps_all=False, work=stopped, note=notes.append)
    expected = {f"last-checkpoint/{path}": content for path, content in files(stopped).items()}
    checkpoint = stopped / "0-main/checkpoint-2"
    hub.holds_commits = True
    uploads.start(checkpoint)
    uploads.start(checkpoint)
    shutil.rmtree(checkpoint)  # as the training does with an old one
    hub.holds_commits = False
    uploads._running[0].wait()
    uploads.stop()
    assert notes == [
        "0-main/checkpoint-2 is not pushed: 0-main/checkpoint-2 is still on its way",
        f"0-main/checkpoint-2: pushed to {NAME}",
    ]
    assert sent(hub) == expected | {"notes.md": b""}
    assert not stopped.with_suffix(".upload").exists() and not stopped.with_suffix(".upload-errors").exists()
    elsewhere = new_workspace(tmp_path / "elsewhere")
    for path, content in expected.items():
        file = elsewhere.checkpoints / ".micro.work" / path.removeprefix("last-checkpoint/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    assert train(elsewhere, base, stage=SAVED)["stages"][0]["resumed_from"] == "checkpoint-2"


def test_best_checkpoint_is_sent_as_well_and_texts_of_the_validation_are_not(tmp_path):
    work = tmp_path / ".micro.work"
    for name in ("run.json", "images-0.npy", "0-first.safetensors", "tokenizer/tokenizer.json", "1-main/log.jsonl"):
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).touch()
    kept = set(files(work))
    for step in (2, 3, 4):
        (work / f"1-main/checkpoint-{step}").mkdir()
        (work / f"1-main/checkpoint-{step}/trainer_state.json").write_text('{"best_global_step": 2}')
    (work / "9f00-validation-texts.npy").touch()
    (work / "colors-9f00").mkdir()
    (work / "colors-9f00/rows.arrow").touch()
    CheckpointUploads(NAME, keeps_all=False, work=work, note=print)._stage(work / "1-main/checkpoint-4")
    found = set(files(tmp_path / ".micro.upload"))
    assert found == kept | {f"1-main/checkpoint-{step}/trainer_state.json" for step in (2, 4)}


def test_upload_that_fails_or_is_stopped_does_not_end_the_training(hub, stopped, monkeypatch):
    notes = []
    hub.repositories[NAME] = {"0" * 40: {}}
    uploads = CheckpointUploads(NAME, keeps_all=True, work=stopped, note=notes.append)
    hub.refuses_commits = True
    uploads.start(stopped / "0-main/checkpoint-2")
    uploads.finish()
    (note,) = notes
    assert note.startswith("0-main/checkpoint-2 was not pushed (The hub refused a request (400, No space")
    assert note.endswith("The training continues.") and TOKEN not in note
    monkeypatch.setattr(checkpoints, "tied_to_parent", lambda *_: ["sleep", "600"])
    uploads.start(stopped / "0-main/checkpoint-2")
    process = uploads._running[0]
    uploads.stop()
    assert process.poll() is not None and len(notes) == 1


def test_nothing_is_asked_without_the_key(hub, base, tmp_path):
    target = HubTarget(recipe(base), tmp_path, tmp_path / ".micro.work", None)
    (tmp_path / ".micro.upload/0-main").mkdir(parents=True)  # a killed run with the key
    target.prepare()
    target.push_checkpoint(tmp_path)
    target.push_result()
    target.close()
    assert hub.requests == [] and not list(tmp_path.iterdir())
