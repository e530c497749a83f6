"""Withdrawn rows outside of the store: imports, the hub, reports, and texts that training has kept."""

import dataclasses

import orjson
import pytest
from filelock import FileLock

from factory.exchange.formats.registry import FORMATS
from factory.exchange.hub import push as pushing
from factory.exchange.imports import importer
from factory.exchange.imports.importer import ImportOptions
from factory.withdraw import caches
from pangea_cultural.dataset import withdrawn_data_sets
from pangea_cultural.dataset.check import check
from pangea_cultural.dataset.export import MANIFEST, Export
from pangea_cultural.dataset.withdrawal import (
    WithdrawalList,
    WithdrawnClaim,
    WithdrawnEntity,
    WithdrawnImage,
    WithdrawnLicense,
    name_hash,
)
from pangea_cultural.errors import UserError
from pangea_cultural.training.data.sources.open import SourceContext, open_source
from pangea_cultural.utils.console import Reporter
from pangea_cultural.utils.files import sha256_file, write_json
from pangea_cultural.workspace import Workspace
from tests.factory.exchange import exported
from tests.factory.withdraw.test_in_place import GERMANY, by_id, is_gone
from tests.factory.withdraw.test_withdraw import copy, withdraw
from tests.helpers import world
from tests.helpers.source_rows import chat_object, parse_source

NAMES = tuple(sorted(map(name_hash, GERMANY)))
LIST = WithdrawalList(
    withdrawn=(
        WithdrawnImage(file="Castle 0 b.png"),
        WithdrawnEntity(entity="Q9001"),
        WithdrawnEntity(entity="Q183", names=NAMES),
        WithdrawnClaim(entity="Q9002", property="P571"),
    )
)


def import_(path, folder, format, withdrawn, **options):
    options = ImportOptions(format=format, name="imported", **options)
    return importer.run(path, folder, options, withdrawn=withdrawn, overwrite=False, reporter=Reporter(quiet=True))


@pytest.mark.parametrize("format", ["native", "parquet"])
def test_import_leaves_withdrawn_rows_out_and_counts_them(castle_export, in_formats, tmp_path, format):
    (image,) = [row["image"] for row in castle_export.images().to_pylist() if row["file"] == "Castle 0 b.png"]
    imported = import_(in_formats / format, tmp_path / "exports/new", format, LIST)
    kept = {
        split: {id for id, row in found.items() if not is_gone(row, image)}
        for split, found in by_id(castle_export).items()
    }
    new = Export.open(tmp_path / "exports/new")
    assert {split: set(found) for split, found in by_id(new).items()} == kept
    assert imported.rejected == {
        "withdrawn": sum(map(len, by_id(castle_export).values())) - sum(map(len, kept.values()))
    }
    LIST.write(tmp_path / "withdrawn.json")
    assert check(new) == [] and not (new.path / image).exists()
    assert len(new.manifest["withdrawn"]) == len(LIST.withdrawn), "the next import knows it"


def test_import_of_published_rows_knows_withdrawn_images_by_content_title_and_license(
    castle_export, in_formats, tmp_path
):
    rows = castle_export.images().to_pylist()
    content = WithdrawnImage(images=(rows[0]["image"][-68:-4],))
    imported = import_(
        in_formats / "culturalground", tmp_path / "content", "culturalground", WithdrawalList(withdrawn=(content,))
    )
    assert set(imported.rejected) == {"withdrawn"}
    assert rows[0]["image"] not in {row["image"] for row in Export.open(tmp_path / "content").images().to_pylist()}
    assert not (tmp_path / "content" / rows[0]["image"]).exists()
    licensed = WithdrawalList(withdrawn=(WithdrawnLicense(license="cc0-1.0"),))
    with pytest.raises(UserError, match=r"has no usable row .*withdrawn"):
        import_(in_formats / "culturalground", tmp_path / "license", "culturalground", licensed)


@pytest.mark.parametrize("format", FORMATS)
def test_a_data_set_with_withdrawn_rows_is_not_pushed(in_formats, monkeypatch, format):
    monkeypatch.setenv("HF_TOKEN", "token")
    monkeypatch.setattr(pushing, "prepare", lambda **_: pytest.fail("the hub was asked"))
    for item in LIST:
        with pytest.raises(UserError, match=r"has or may have withdrawn data: .*write it with"):
            pushing.push(in_formats / format, "me/data", WithdrawalList(withdrawn=(item,)), private=False, quiet=True)
    nothing = WithdrawalList(withdrawn=(WithdrawnImage(file="Else.png"), WithdrawnClaim(entity="Q7", property="P1")))
    assert withdrawn_data_sets.problem(in_formats / format, nothing) == ""


def test_what_the_export_of_a_data_set_knew_is_not_looked_for(castle_export, tmp_path):
    known = Export(castle_export.path, castle_export.manifest | {"withdrawn": LIST.as_json()})
    exported.write(known, "messages", tmp_path / "messages")
    assert withdrawn_data_sets.problem(tmp_path / "messages", LIST) == ""
    assert withdrawn_data_sets.problem(tmp_path, LIST) == "", "another folder says nothing"


def test_a_report_is_refused_and_an_entity_counts_with_its_images(castles, tmp_path):
    workspace = copy(castles / "workspace", tmp_path / "workspace")
    cache = workspace / "cache/training"
    digest = sha256_file(workspace / f"exports/castles/{MANIFEST}")
    for name, files in (("old", {MANIFEST: digest}), ("gone", {MANIFEST: "0"}), ("chats", {"a.json": "1"})):
        write_json(cache / name / "corpus.json", {"files": files})
    result = withdraw(workspace, "--entity", "Q9001")
    (export,) = result["exports"]
    assert len(export["images"]) == 5 == result["store"]["images"]
    assert [path.name for path in cache.iterdir()] == ["chats"], "texts of old exports are gone"
    message = world.error_of("data", "report", workspace / "exports/castles", "--out", tmp_path / "page.html")
    assert "has withdrawn data: Q9001" in message and not (tmp_path / "page.html").exists()


def test_texts_of_a_running_training_are_kept_and_named(tmp_path):
    workspace = Workspace(tmp_path)
    write_json(workspace.training_cache / "old/corpus.json", {"files": {MANIFEST: "0"}})
    workspace.checkpoints.mkdir()
    with FileLock(workspace.checkpoints / ".tiny.lock"):
        assert caches.remove(workspace, set()) == caches.BUSY
    assert (workspace.training_cache / "old/corpus.json").is_file()
    assert caches.remove(workspace, set()) == "" and not list(workspace.training_cache.iterdir())


def test_training_on_chats_leaves_out_withdrawn_images(tmp_path):
    digest = "ab" + 62 * "0"
    rows = [chat_object(id="1", image=f"ab/{digest}.png"), chat_object(id="2", image="ab/other.png")]
    (tmp_path / "chat.json").write_bytes(orjson.dumps(rows))
    source = parse_source(type="chat", path="chat.json")
    context = SourceContext(tmp_path, tmp_path / "cache", Reporter(quiet=True))
    assert open_source(source, context).num_conversations == 2
    corpus = open_source(source, dataclasses.replace(context, withdrawn_images=frozenset({digest})))
    assert corpus.num_conversations == 1 and corpus.rejected == {"withdrawn": 1}
