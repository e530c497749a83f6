"""The place of a finished checkpoint: nothing there is replaced without --overwrite."""

import shutil

import pytest

from pangea_cultural.errors import UserError
from pangea_cultural.training.loop import result, resume
from pangea_cultural.utils.files import write_json
from tests.helpers.short_training import train

FINGERPRINT = {"data": "a"}


@pytest.fixture
def place(tmp_path):
    """The place of the checkpoint, with a folder."""
    (tmp_path / "mine").mkdir()
    return tmp_path / "mine"


def is_finished(place, *, restart=False, overwrite=False, fingerprint=FINGERPRINT):
    work = place.with_name("work")
    may_replace = result.may_replace(work, fingerprint, restart=restart, overwrite=overwrite)
    return result.is_finished(place, work, fingerprint, restart=restart, may_replace=may_replace)


def write_record(place, fingerprint=FINGERPRINT):
    write_json(place / result.RECORD, {"fingerprint": fingerprint})


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("name", ["", "config.json", "notes.txt"])
def test_folder_of_others_needs_overwrite(place, name, restart):
    if name:
        (place / name).touch()
    with pytest.raises(UserError, match=r"mine exists\. Rename the recipe, or pass --overwrite"):
        is_finished(place, restart=restart)
    assert not is_finished(place, restart=restart, overwrite=True) and place.exists()


def test_garbled_record_needs_overwrite(place):
    (place / result.RECORD).write_text("{")
    with pytest.raises(UserError, match="--overwrite"):
        is_finished(place)


@pytest.mark.parametrize("overwrite", [False, True])
def test_file_or_link_is_never_replaced(place, overwrite):
    """The rename over it would fail after hours of training."""
    (place.parent / "link").symlink_to(place)
    (place.parent / "file").touch()
    for name in ("link", "file"):
        with pytest.raises(UserError, match=rf"{name} is not a folder\. Move it"):
            is_finished(place.parent / name, overwrite=overwrite)


def test_finished_checkpoint_needs_overwrite_to_restart(place):
    write_record(place)
    assert is_finished(place)
    with pytest.raises(UserError, match="--overwrite"):
        is_finished(place, restart=True)
    assert not is_finished(place, restart=True, overwrite=True)
    with pytest.raises(UserError, match=r"different settings \(a was not set, now is 1; b .*; and 2 more\)\. Rename"):
        is_finished(place, fingerprint=FINGERPRINT | dict.fromkeys("abcde", 1))
    with pytest.raises(UserError, match=r"different settings \(data was a, now is b\)"):
        is_finished(place, fingerprint={"data": "b"})


def test_resumed_run_keeps_its_permission(place):
    """A folder that came during an interrupt is not replaced; one that --overwrite has named is."""
    work = place.with_name("work")
    write_json(work / resume.FILE, FINGERPRINT)
    with pytest.raises(UserError, match="--overwrite"):
        is_finished(place)
    (work / result.OVERWRITE).touch()
    assert not is_finished(place)
    with pytest.raises(UserError, match="--overwrite"):
        is_finished(place, restart=True)


def test_work_folder_of_a_finished_run_is_removed(place):
    """The process was killed between the last two writes."""
    write_record(place)
    write_json(place.with_name("work") / resume.FILE, FINGERPRINT)
    assert is_finished(place) and not place.with_name("work").exists()


@pytest.mark.parametrize("start", ["checkpoints/micro", "checkpoints/other/../micro/inner"])
def test_start_in_the_place_of_the_result_is_refused(workspace, base, start):
    folder = shutil.copytree(base, workspace.checkpoints / "micro")
    (workspace.checkpoints / "other").mkdir()
    shutil.copytree(base, folder / "inner")
    with pytest.raises(UserError, match=r"the place of its own result\. Rename the recipe"):
        train(workspace, base, model={"checkpoint": start}, overwrite=True)
    assert (folder / "config.json").is_file()


def test_training_leaves_a_folder_of_others(workspace, base):
    (workspace.checkpoints / "micro").mkdir(parents=True)
    (workspace.checkpoints / "micro/notes.txt").touch()
    with pytest.raises(UserError, match="--overwrite"):
        train(workspace, base)
    assert (workspace.checkpoints / "micro/notes.txt").exists()
