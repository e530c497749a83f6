"""Written data sets: complete or absent, equal for equal exports, and never outside the folder of the export."""

import shutil

import pytest

from factory.audit.audit import audit
from factory.cli.transfer import EXPORT_FORMATS
from factory.exchange.formats.registry import FORMATS
from pangea_cultural.dataset.check import check
from pangea_cultural.dataset.export import Export
from pangea_cultural.errors import UserError
from pangea_cultural.utils.files import read_json, sha256_file
from tests.factory.exchange import exported
from tests.helpers import tiny
from tests.helpers.store_contents import files


def test_command_offers_every_format():
    assert set(EXPORT_FORMATS) == set(FORMATS)


@pytest.mark.parametrize("name", list(FORMATS))
def test_equal_exports_give_equal_bytes(castle_export, in_formats, tmp_path, name):
    exported.write(castle_export, name, tmp_path / "again")
    assert files(tmp_path / "again") == files(in_formats / name)


@pytest.mark.parametrize("name", list(FORMATS))
def test_description_has_the_hash_of_every_file(in_formats, name):
    folder = in_formats / name
    digests = read_json(folder / "dataset.json")["files"]
    written = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert written - set(digests) == {"dataset.json", *(path for path in written if path.startswith("images/"))}
    assert {path: sha256_file(folder / path) for path in digests} == digests


def test_native_copy_is_a_valid_export(in_formats, castle_export):
    copy = Export.open(in_formats / "native")
    assert check(copy) == [] and copy.manifest == castle_export.manifest


@pytest.mark.parametrize("name", list(FORMATS))
def test_failed_write_leaves_no_folder(tmp_path, name):
    export = tiny.write_export(tmp_path / "export")
    max(path for path in (tmp_path / "export/images").iterdir()).unlink()
    with pytest.raises(UserError, match="No image at"):
        exported.write(export, name, tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["export"]


def test_existing_folder_is_kept_without_overwrite(castle_export, tmp_path):
    exported.write(castle_export, "messages", tmp_path / "new")
    before = files(tmp_path / "new")
    with pytest.raises(UserError, match="--overwrite"):
        exported.write(castle_export, "parquet", tmp_path / "new")
    assert files(tmp_path / "new") == before
    exported.write(castle_export, "parquet", tmp_path / "new", overwrite=True)
    assert (tmp_path / "new/data").is_dir() and not (tmp_path / "new/messages-train.jsonl").exists()


def test_folder_of_other_files_is_never_replaced(castle_export, tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "new/thesis.txt").write_text("the user's")
    with pytest.raises(UserError, match="not a data set"):
        exported.write(castle_export, "parquet", tmp_path / "new", overwrite=True)
    assert (tmp_path / "new/thesis.txt").exists()


def test_export_is_not_written_into_itself(castle_export, tmp_path):
    shutil.copytree(castle_export.path, tmp_path / "a/export")
    export = Export.open(tmp_path / "a/export")
    for folder in (export.path, export.path / "new", tmp_path / "a"):
        with pytest.raises(UserError, match="contain each other"):
            exported.write(export, "native", folder, overwrite=True)


LINK = f"images/{'0' * 64}.png"


@pytest.mark.parametrize("name", ["images/1.0.png", "images/a.png", "images/link.png", "other/x.png"])
def test_images_without_hash_names_are_refused_because_formats_use_the_last_part_of_a_name(
    castle_export, tmp_path, name
):
    """WebDataset takes the text behind the first dot for a suffix, and joins files of equal names to one sample."""
    export = exported.changed(castle_export, tmp_path / "export", questions={"image": name})
    for format in FORMATS:
        with pytest.raises(UserError, match="not named by its hash"):
            exported.write(export, format, tmp_path / "new")


def test_paths_that_are_patterns_or_partitions_of_duckdb_are_read(castle_export, tmp_path):
    folder = tmp_path / "a=b [1] *?'/language=xx"
    shutil.copytree(castle_export.path, folder)
    export = Export.open(folder)
    for name in FORMATS:
        written = exported.write(export, name, folder.with_name(name))
        assert written.questions == exported.write(castle_export, name, tmp_path / name).questions
    assert exported.rows(export, "test") == exported.rows(castle_export, "test")
    assert exported.rows(Export.open(folder.with_name("native")), "dev") == exported.rows(castle_export, "dev")
    assert audit(folder, held_out_languages=()).rows == 208


@pytest.mark.parametrize("image", ["../secret.png", "/etc/passwd", LINK])
def test_files_outside_the_export_are_not_read(castle_export, tmp_path, image):
    (tmp_path / "secret.png").write_bytes(b"secret")
    export = exported.changed(castle_export, tmp_path / "export", questions={"image": image})
    (export.path / LINK).symlink_to(tmp_path / "secret.png")
    for name in FORMATS:
        with pytest.raises(UserError):
            exported.write(export, name, tmp_path / "new")


def test_region_that_is_a_path_is_refused(castle_export, tmp_path):
    export = exported.changed(castle_export, tmp_path / "export", questions={"region": "../../evil"})
    with pytest.raises(UserError, match="not a region"):
        exported.write(export, "culturalground", tmp_path / "new")


def test_questions_that_a_format_cannot_hold_are_counted(castle_export, tmp_path):
    export = exported.changed(castle_export, tmp_path / "export", split="dev", questions={"image": ""})
    written = exported.write(export, "culturalground", tmp_path / "new")
    assert written.left_out == {"question without an image": 42}
    assert "Left out: 42, question without an image" in (tmp_path / "new/README.md").read_text()
    for name in ("webdataset", "messages", "parquet", "native"):
        assert exported.write(export, name, tmp_path / name).left_out == {}


def test_answer_that_is_not_a_choice_is_an_error(castle_export, tmp_path):
    export = exported.changed(castle_export, tmp_path / "export", questions={"answer": "x", "question_type": "choice"})
    with pytest.raises(UserError, match="not among its choices"):
        exported.write(export, "messages", tmp_path / "new")
