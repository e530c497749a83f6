"""`pcult data withdraw --export`: rows go from an export, and nothing else in it changes."""

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from factory.withdraw import in_place
from pangea_cultural.dataset.check import check
from pangea_cultural.dataset.export import SPLITS, Export
from pangea_cultural.dataset.withdrawal import WithdrawalList, WithdrawnEntity, name_hash
from pangea_cultural.utils.files import read_json, sha256_file
from tests.factory.exchange import exported
from tests.factory.withdraw.test_withdraw import copy, rows
from tests.helpers import world
from tests.helpers.runs import forked

NAMED = ("--image", "File:Castle 0 b.png", "--entity", "Q9001", "--claim", "Q9002 P571")
GERMANY = ("Germany", "Deutschland", "Duitsland")


def by_id(export):
    return {split: {row["id"]: row for row in export.table(split).to_pylist()} for split in SPLITS}


def is_gone(row, image):
    about_claim = row["entity"] == "Q9002" and row["property"] == "P571"
    return (
        row["image"] == image
        or row["entity"] == "Q9001"
        or about_claim
        or {*GERMANY} & {*row["answers"], *row["choices"]}
    )


@pytest.fixture
def moved(castles, tmp_path):
    """Return a copy of the export outside of a workspace."""
    return Path(shutil.copytree(castles / "workspace/exports/castles", tmp_path / "elsewhere/castles-1.0"))


def remove(export, *options):
    return world.pcult_json("data", "withdraw", "--export", export, *options)


def test_an_export_elsewhere_loses_the_rows_and_nothing_else(castles, moved, tmp_path):
    old = Export.open(castles / "workspace/exports/castles")
    (image,) = [row["image"] for row in old.images().to_pylist() if row["file"] == "Castle 0 b.png"]
    (moved / "notes.txt").write_text("kept")
    # Germany is a value only: no question asks for its name, so the export does not tell its names.
    germany = WithdrawnEntity(entity="Q183", names=tuple(sorted(map(name_hash, GERMANY))))
    WithdrawalList(withdrawn=(germany,)).write(tmp_path / "list.json")
    result = remove(moved, *NAMED, "--list", tmp_path / "list.json", "--reason", "asked for")
    assert result["store"] is None and result["list"] == "" and len(result["exports"]) == 1
    new = Export.open(moved)
    kept = {
        split: {id: row for id, row in found.items() if not is_gone(row, image)} for split, found in by_id(old).items()
    }
    assert by_id(new) == kept and kept != by_id(old)
    assert check(new) == [] and not (moved / image).exists() and (moved / "notes.txt").read_text() == "kept"
    assert {row["image"] for row in new.images().to_pylist()} == {
        row["image"] for found in kept.values() for row in found.values()
    }
    assert new.manifest["questions"] == {split: len(found) for split, found in kept.items()}
    assert [item["type"] for item in new.manifest["withdrawn"]] == ["entity", "image", "entity", "claim"]
    assert sorted(path.name for path in moved.parent.iterdir()) == ["castles-1.0"]
    again = remove(moved, *NAMED)
    assert again["exports"] == [] and by_id(Export.open(moved)) == kept


def test_an_export_at_a_path_with_quotes_and_patterns_loses_its_rows(moved, tmp_path):
    odd = Path(shutil.copytree(moved, tmp_path / "it's [1] *" / "castles"))
    result = remove(odd, *NAMED)
    assert len(result["exports"]) == 1 and check(Export.open(odd)) == []


def test_texts_that_are_not_unicode_end_a_removal_in_one_line(moved):
    path = moved / "questions-train.parquet"
    table = pq.read_table(path)
    texts = pa.array([b"\xff"] * len(table), pa.binary())
    garbled = pa.Array.from_buffers(pa.string(), len(table), texts.buffers())
    pq.write_table(table.set_column(table.schema.get_field_index("question"), "question", garbled), path)
    message = world.error_of("data", "withdraw", "--export", moved, "--image", "Castle 0 b.png")
    assert "cannot be read" in message and "pcult data check" in message and path.is_file()


def test_with_its_workspace_store_list_and_export_lose_the_same(castles, tmp_path):
    workspace = copy(castles / "workspace", tmp_path / "workspace")
    path = workspace / "exports/castles"
    old, before = Export.open(path), by_id(Export.open(path))
    (image,) = [row["image"] for row in old.images().to_pylist() if row["file"] == "Castle 0 b.png"]
    result = remove(path, *NAMED, "--entity", "Q183")
    kept = {split: {id: row for id, row in found.items() if not is_gone(row, image)} for split, found in before.items()}
    new = Export.open(path)
    assert by_id(new) == kept and check(new) == []
    assert Path(result["list"]) == workspace / "withdrawn.json" and result["store"]["entities"] == 1
    assert rows(workspace, "SELECT count(*) FROM question_key WHERE entity = 'Q9001'") == [(0,)]
    # Splits without such rows keep their bytes.
    same = [split for split in SPLITS if kept[split] == before[split]]
    assert all(
        new.manifest["files"][f"questions-{s}.parquet"] == old.manifest["files"][f"questions-{s}.parquet"] for s in same
    )
    world.build(castles / "world/recipe.toml", workspace)
    assert check(Export.open(path)) == []


def test_a_data_set_with_a_card_is_described_again(castles, tmp_path):
    old = Export.open(castles / "workspace/exports/castles")
    exported.write(old, "native", tmp_path / "native")
    exported.write(old, "messages", tmp_path / "messages")
    remove(tmp_path / "native", "--entity", "Q9001")
    assert check(Export.open(tmp_path / "native")) == []
    description = read_json(tmp_path / "native/dataset.json")
    assert description["files"]["export.json"] == sha256_file(tmp_path / "native/export.json")
    assert sum(description["export"]["questions"].values()) < sum(old.manifest["questions"].values())
    assert "Castle 1 " not in (tmp_path / "native/ATTRIBUTION.md").read_text()
    message = world.error_of("data", "withdraw", "--export", tmp_path / "messages", "--entity", "Q9001")
    assert "is not an export. Withdraw from the export, then write it again" in message


KILLED = """
import sys
from factory.withdraw import in_place
from pangea_cultural.cli import main
from pangea_cultural.utils import files
from tests.helpers.interrupted_writes import kill
{change}
main(sys.argv[1:])
"""
CHANGES = (
    "in_place._write_images = lambda *arguments: kill()",
    "in_place.write_json = lambda *arguments: kill()",
    "files.Path.rename = lambda old, new: (__import__('os').rename(old, new), kill())",
)


@pytest.mark.parametrize("change", CHANGES)
def test_a_killed_removal_is_finished_by_the_same_command(castles, moved, tmp_path, change):
    before = by_id(Export.open(moved))
    arguments = ["data", "withdraw", "--export", str(moved), "--entity", "Q9001"]
    assert forked.finish(arguments, tmp_path, script=KILLED.format(change=change)).returncode == -9
    if moved.exists():
        assert by_id(Export.open(moved)) == before, "the export is the old one until the new one is complete"
    remove(moved, "--entity", "Q9001")
    assert check(Export.open(moved)) == []
    assert not [
        row for found in by_id(Export.open(moved)).values() for row in found.values() if row["entity"] == "Q9001"
    ]
    assert [path.name for path in moved.parent.iterdir()] == [moved.name]


def test_a_folder_that_cannot_be_written_is_one_line(moved, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(in_place, "atomic_folder", refuse)
    message = world.error_of("data", "withdraw", "--export", moved, "--entity", "Q9001")
    assert "cannot be replaced" in message and "Permission denied" in message and message.count("\n") <= 1
    assert check(Export.open(moved)) == []
