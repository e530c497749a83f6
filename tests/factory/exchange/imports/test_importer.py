"""Import of published data sets: usable rows become an export, the others are listed with their reasons."""

import json
import os
import shutil
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from factory.audit.audit import audit
from factory.exchange.imports import importer
from factory.exchange.imports.importer import ImportOptions
from factory.exchange.imports.rows import ReadOptions, lettered
from pangea_cultural.dataset.check import check
from pangea_cultural.dataset.export import SPLITS, Export
from pangea_cultural.dataset.sources import reasons
from pangea_cultural.dataset.sources.fields import RowError
from pangea_cultural.errors import UserError
from pangea_cultural.utils.console import Reporter
from tests.factory.exchange import exported
from tests.helpers import tiny, world
from tests.helpers.runs.forked import Run
from tests.helpers.source_rows import chat_object, conversations, culturalground_object, messages, open_corpus


def run(path, folder, format, *, overwrite=False, read=None, **options):
    options = ImportOptions(format=format, name="imported", read=ReadOptions(**(read or {})), **options)
    return importer.run(path, folder, options, overwrite=overwrite, reporter=Reporter(quiet=True))


def rejections(folder):
    return [json.loads(line) for line in (folder / "rejections.jsonl").read_text().splitlines()]


def test_files_of_an_incomplete_or_older_pull_are_refused(in_formats, tmp_path):
    shutil.copytree(in_formats / "parquet", tmp_path / "copy")
    (file,) = (tmp_path / "copy/data").glob("train-*.parquet")
    shutil.copyfile(file, file.with_name("train-00001-of-00003.parquet"))
    with pytest.raises(UserError, match="has not the 1 files of train"):
        run(tmp_path / "copy", tmp_path / "new", "parquet")
    file.unlink()
    with pytest.raises(UserError, match="has not the 3 files of train"):
        run(tmp_path / "copy", tmp_path / "new", "parquet")


def test_hidden_files_beside_the_data_are_not_read(published, tmp_path):
    """macOS puts a binary file with the prefix `._` beside each file on foreign disks."""
    write_rows(published, culturalground_object())
    (published / "._CulturalGround-OE-Filtered-14M.json").write_bytes(b"\0\5\x16\7[")
    assert run(published, tmp_path / "new", "culturalground").rejected == {}


@pytest.fixture
def published(tmp_path):
    """A folder with rows and images as CulturalGround publishes them."""
    folder = tmp_path / "CulturalGround"
    (folder / "CultureGroundImages/japan").mkdir(parents=True)
    tiny.image("Q1", 0).save(folder / "CultureGroundImages/japan/1.jpg")
    return folder


def write_rows(folder, *rows, name="CulturalGround-OE-Filtered-14M.json"):
    (folder / name).write_text(json.dumps(rows))
    return folder


def assert_equal_rows_and_images(export, original):
    """Compare exports whose rows may have another order."""
    for split in SPLITS:
        rows = sorted(exported.rows(original, split), key=lambda row: row["id"])
        assert sorted(exported.rows(export, split), key=lambda row: row["id"]) == rows
    assert export.images().to_pylist() == original.images().to_pylist()


def test_native_round_trip_gives_equal_rows_images_and_origin(in_formats, castle_export, tmp_path):
    imported = run(in_formats / "native", tmp_path / "new", "native")
    export = Export.open(tmp_path / "new")
    assert [exported.rows(export, split) for split in SPLITS] == [
        exported.rows(castle_export, split) for split in SPLITS
    ]
    assert export.images().to_pylist() == castle_export.images().to_pylist()
    assert export.held_out_languages == castle_export.held_out_languages
    assert check(export) == [] and imported.rejected == {} and rejections(tmp_path / "new") == []


def test_parquet_round_trip_gives_equal_rows_images_and_origin(in_formats, castle_export, tmp_path):
    imported = run(in_formats / "parquet", tmp_path / "new", "parquet")
    export = Export.open(tmp_path / "new")
    assert_equal_rows_and_images(export, castle_export)
    assert export.held_out_languages == castle_export.held_out_languages
    assert check(export) == [] and imported.rejected == {}


def test_credits_of_images_that_are_not_named_by_their_content_are_kept(castle_export, tmp_path):
    """Exports of others name their images as they like."""
    folder = exported.changed(castle_export, tmp_path / "others").path
    renamed = {}
    for number, row in enumerate(castle_export.images().to_pylist()):
        renamed[row["image"]] = f"images/castle {number}.png"
        (folder / row["image"]).rename(folder / renamed[row["image"]])
    for name in ("images.parquet", *(f"questions-{split}.parquet" for split in SPLITS)):
        table = pq.read_table(folder / name)
        names = pa.array([renamed[image] for image in table["image"].to_pylist()], pa.string())
        pq.write_table(table.set_column(table.column_names.index("image"), "image", names), folder / name)
    run(folder, tmp_path / "new", "native")
    assert Export.open(tmp_path / "new").images().to_pylist() == castle_export.images().to_pylist()


def test_the_license_of_the_user_is_only_that_of_images_without_one(castle_export, tmp_path):
    folder = exported.changed(castle_export, tmp_path / "others").path
    table = castle_export.images().drop_columns(["license_code", "author"])
    licenses = ["", *table["license"].to_pylist()[1:]]
    table = table.set_column(table.column_names.index("license"), "license", pa.array(licenses, pa.string()))
    pq.write_table(table, folder / "images.parquet")
    run(folder, tmp_path / "new", "native", license="CC BY 2.0", author="N. N.")
    first, *others = Export.open(tmp_path / "new").images().to_pylist()
    assert (first["license"], first["license_code"], first["free_license"]) == ("CC BY 2.0", "cc-by-2.0", True)
    assert [row["license"] for row in others] == licenses[1:] and {row["author"] for row in others} == {"N. N."}
    assert {(row["license_code"], row["free_license"]) for row in others} == {("", False)}


def test_a_path_with_quotes_and_patterns_is_read_and_written(in_formats, castle_export, tmp_path):
    odd = tmp_path / "it's [1] *"
    shutil.copytree(in_formats / "native", odd / "a=b")
    run(odd / "a=b", odd / "new", "native")
    assert Export.open(odd / "new").images().to_pylist() == castle_export.images().to_pylist()


def test_killed_import_leaves_no_export(in_formats, tmp_path):
    command = ["data", "import", "--format", "culturalground", "--quiet", str(in_formats / "culturalground")]
    command += ["--name", "new", "--workspace", str(tmp_path)]
    assert Run(command, tmp_path).kill_when(tmp_path / "exports/.new.partial/.import/rows.parquet")
    assert not (tmp_path / "exports/new").exists()
    world.run(*command)
    assert [path.name for path in (tmp_path / "exports").iterdir()] == ["new"]
    assert check(Export.open(tmp_path / "exports/new")) == []


def test_culturalground_round_trip_gives_equal_rows_credits_and_origin(in_formats, castle_export, tmp_path):
    imported = run(in_formats / "culturalground", tmp_path / "new", "culturalground")
    export = Export.open(tmp_path / "new")
    assert_equal_rows_and_images(export, castle_export)
    assert export.held_out_languages == castle_export.held_out_languages != []
    assert export.manifest["recipe"] == castle_export.manifest["recipe"]
    assert check(export) == [] and imported.rejected == {}


def test_rewritten_rows_of_several_answers_and_a_path_survive_culturalground(castle_export, tmp_path):
    changes = {"answers": ["A", "B"], "answer": "A", "property": "P131/P17", "sentence": "", "region": ""}
    changes |= {"rewritten_by": "m/1", "template_question": "T?", "template_sentence": "T.", "entity_type": "food"}
    changes |= {"question_type": "choice", "choices": ["A", "Z"]}
    export = exported.changed(castle_export, tmp_path / "changed", split="dev", questions=changes)
    exported.write(export, "culturalground", tmp_path / "published")
    run(tmp_path / "published", tmp_path / "new", "culturalground")
    rows = {row["id"]: row for row in exported.rows(Export.open(tmp_path / "new"), "dev")}
    assert rows == {row["id"]: row for row in exported.rows(export, "dev")}


def test_own_columns_that_others_changed_are_rejected(published, tmp_path):
    write_rows(
        published,
        culturalground_object(),
        culturalground_object(pangea_cultural=3),
        culturalground_object(pangea_cultural={"id": "x", "answers": []}),
    )
    assert run(published, tmp_path / "new", "culturalground").rejected == {reasons.OWN_COLUMNS: 2}


def mcq(text, answer):
    return culturalground_object(conversations=messages(f"<image>\n{text}", answer))


def test_choice_questions_without_exactly_one_right_option_are_counted(published, tmp_path):
    write_rows(
        published,
        mcq("Who?\nA. Peru\nB. Japan", "B"),
        mcq("Who?\nA. Peru\nB. peru ", "B"),
        mcq("Who?\nA. Peru\u0301\nB. Per\u00fa", "B"),
        mcq("Who?\nA. Peru\nB. Japan", "C"),
        mcq("Who?", "B"),
        name="CulturalGround-MCQs-Filtered-7M.json",
    )
    imported = run(published, tmp_path / "new", "culturalground")
    assert imported.questions["train"] == 1
    counts = {reasons.EQUAL_CHOICES: 2, reasons.ANSWER_NOT_A_CHOICE: 1, reasons.NO_OPTIONS: 1}
    assert imported.rejected == counts


def test_a_choice_text_is_a_choice_question_whatever_its_file_is_named(published, tmp_path):
    write_rows(published, mcq("Who?\nA. Peru\nB. Japan\nChoose.", "B. Japan"))
    run(published, tmp_path / "new", "culturalground")
    (row,) = exported.rows(Export.open(tmp_path / "new"), "train")
    assert (row["question_type"], row["choices"], row["answer"]) == ("choice", ["Peru", "Japan"], "Japan")


CONTROLS = ["\0", "\x1b[31m", "\x85", "\x7f", "\ufffe"]


@pytest.mark.parametrize("control", CONTROLS)
def test_texts_with_control_characters_are_rejected_by_every_importer(castle_export, tmp_path, control):
    bad = f"a{control}b"
    chats, articles = tmp_path / "chats", tmp_path / "M3LS/bbcindonesia"
    for folder in (chats, articles / "articles", articles / "imagefolder"):
        folder.mkdir(parents=True)
    write_rows(chats, chat_object(image=None, conversations=messages(bad, "Das.")), name="a.json")
    (articles / "articles/1.json").write_text(json.dumps({"summary": bad, "0": {"para": ["Satu."]}}))
    native = exported.changed(castle_export, tmp_path / "native", split="dev", questions={"sentence": bad})
    exported.write(native, "parquet", tmp_path / "parquet")
    exported.write(native, "culturalground", tmp_path / "culturalground")
    for name, path in {"llava": chats, "m3ls": tmp_path / "M3LS"}.items():
        with pytest.raises(UserError, match=f"no usable row .1 {reasons.TEXT_WITH_CONTROLS}"):
            run(path, tmp_path / "new", name, read={"instruction": "Summarize."})
    for name in ("native", "parquet", "culturalground"):
        imported = run(tmp_path / name, tmp_path / f"new-{name}", name)
        assert imported.rejected == {reasons.TEXT_WITH_CONTROLS: 42}, name


def test_line_breaks_and_tabs_are_kept(published, tmp_path):
    write_rows(published, culturalground_object(conversations=messages("<image>\nWho,\twhere?\r\nWhen?", "Now.")))
    run(published, tmp_path / "new", "culturalground")
    (row,) = exported.rows(Export.open(tmp_path / "new"), "train")
    assert row["question"] == "Who,\twhere?\r\nWhen?"


@pytest.mark.parametrize(
    "name",
    ["..\\..\\1.jpg", "C:1.jpg", "C:/1.jpg", "japan\\1.jpg", "/japan/1.jpg", "a/../../1.jpg", "1\0.jpg", "1\n.jpg"],
)
def test_an_image_path_outside_the_folder_is_rejected_by_every_reader_of_chats(tmp_path, name):
    (tmp_path / "data").mkdir()
    (tmp_path / "1.jpg").write_bytes(b"secret")
    text = chat_object(image=None, conversations=messages("Was?", "Das."))
    write_rows(tmp_path / "data", text, chat_object(image=name), name="a.json")
    imported = run(tmp_path / "data", tmp_path / "new", "llava")
    assert sum(imported.rejected.values()) == 1 and imported.images == 0
    assert set(imported.rejected) <= {reasons.IMAGE_PATH_OUTSIDE_FOLDER, reasons.INVALID_IMAGE_PATH}


def test_a_data_set_without_a_description_is_refused_because_held_out_languages_are_unknown(in_formats, tmp_path):
    shutil.copytree(in_formats / "parquet", tmp_path / "copy")
    (tmp_path / "copy/dataset.json").unlink()
    with pytest.raises(UserError, match="held-out languages are unknown"):
        run(tmp_path / "copy", tmp_path / "new", "parquet")


@pytest.mark.parametrize("format", ["parquet", "culturalground"])
@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"export": 3}', b'{"export": {"held_out_languages": 5}}', b"\xff"]
)
def test_a_description_of_another_shape_is_one_line(in_formats, tmp_path, format, content):
    shutil.copytree(in_formats / format, tmp_path / "copy")
    (tmp_path / "copy/dataset.json").write_bytes(content)
    with pytest.raises(UserError, match=r"dataset\.json") as error:
        run(tmp_path / "copy", tmp_path / "new", format)
    assert "\n" not in str(error.value) and not (tmp_path / "new").exists()


def test_embedded_images_of_one_name_and_several_contents_are_rejected(in_formats, castle_export, tmp_path):
    """Data sets of others often name every image the same."""
    shutil.copytree(in_formats / "parquet", tmp_path / "copy")
    (file,) = (tmp_path / "copy/data").glob("test-*.parquet")
    table = pq.read_table(file)
    images = [row | {"path": "image.png"} for row in table["image"].to_pylist()]
    unnamed = images[0] | {"path": None}
    place = table.column_names.index("image")
    assert len({image["bytes"] for image in images[1:]}) > 1
    column = pa.array([unnamed, *images[1:]], table.schema.field("image").type)
    pq.write_table(table.set_column(place, "image", column), file)
    imported = run(tmp_path / "copy", tmp_path / "new", "parquet")
    assert imported.rejected == {reasons.IMAGE_WITHOUT_NAME: 1, reasons.SEVERAL_CONTENTS: table.num_rows - 1}
    assert check(Export.open(tmp_path / "new")) == []


def test_imported_export_is_read_by_training_audit_and_export(in_formats, tmp_path):
    run(in_formats / "culturalground", tmp_path / "new", "culturalground")
    corpus = open_corpus(tmp_path, type="export", path="new")
    assert len(conversations(corpus)) == 112 and corpus.rejected == {}
    assert audit(tmp_path / "new", held_out_languages=()).rows == 208
    assert exported.write(Export.open(tmp_path / "new"), "parquet", tmp_path / "again").questions == 208


def test_faults_of_published_rows_are_repaired_or_counted(published, tmp_path):
    write_rows(
        published,
        culturalground_object(),
        culturalground_object(),
        culturalground_object(id="Q2_P17", image="/home/author/japan/absent.jpg"),
        culturalground_object(id="Q3_P17", language="xx"),
        culturalground_object(id="Q4_P17", conversations=messages("<image>\nWho?", '""')),
        culturalground_object(id="Q5_P17", image="x/mars/1.jpg"),
        culturalground_object(id="Q6_P17", image="../../1.jpg"),
        "text",
    )
    imported = run(published, tmp_path / "new", "culturalground")
    (row,) = exported.rows(Export.open(tmp_path / "new"), "train")
    assert row["id"].startswith("Q1_None-") and (row["entity"], row["property"]) == ("Q1", "label")
    assert (row["question"], row["answer"], row["language"]) == ("Which town is this?", "The town is Espoo.", "he")
    assert imported.rejected == {
        reasons.UNKNOWN_LANGUAGE: 1,
        reasons.EMPTY_TEXT: 1,
        reasons.IMAGE_PATH_OUTSIDE_FOLDER: 1,
        reasons.NOT_AN_OBJECT: 1,
        reasons.DUPLICATE: 1,
        reasons.IMAGE_MISSING: 2,
    }
    assert imported.remarks == {reasons.REMARK_UNKNOWN_REGION: 1}
    listed = rejections(tmp_path / "new")
    assert len(listed) == 7 and {row["file"] for row in listed} == {"CulturalGround-OE-Filtered-14M.json"}
    assert Export.open(tmp_path / "new").manifest["imported"]["rejected"] == imported.rejected


def test_refined_rows_replace_chats_of_open_questions(published, tmp_path):
    write_rows(published, culturalground_object())
    refined = published / "CulturalGround-Recipes/CulturalGround-Refined-OE"
    refined.mkdir(parents=True)
    row = {"id": "Q1", "property_id": "P17", "language": "no", "label": "Japan", "media": "1.jpg", "image": "None"}
    row |= {"reformulated_question": '"Where?"', "reformulated_answer": "In Japan."}
    row |= {"original_question": "Where is it?", "original_answer": "In Japan."}
    (refined / "japan_refined.jsonl").write_text(json.dumps(row))
    options = messages("<image>\nWhere?\nA. Peru\nB. Japan\nChoose.", "B")
    write_rows(published, culturalground_object(conversations=options), name="CulturalGround-MCQs-Filtered-7M.json")
    run(published, tmp_path / "new", "culturalground")
    first, second = exported.rows(Export.open(tmp_path / "new"), "train")
    assert (first["property"], first["answer"], first["sentence"]) == ("P17", "Japan", "In Japan.")
    assert (first["question"], first["template_question"], first["rewritten_by"]) == (
        "Where?",
        "Where is it?",
        "unknown",
    )
    assert (second["question"], second["choices"], second["answer"]) == ("Where?", ["Peru", "Japan"], "Japan")
    assert second["instruction"] == "Choose."


def test_archives_are_read_without_unpacking(published, tmp_path):
    images = published / "CultureGroundImages"
    (images / "japan/broken.jpg").write_bytes(b"not an image")
    with tarfile.open(images / "japan.tar.gz", "w:gz") as archive:
        archive.add(images / "japan", "data/japan")
    shutil.rmtree(images / "japan")
    write_rows(published, culturalground_object(), culturalground_object(image="x/japan/broken.jpg"))
    imported = run(published, tmp_path / "new", "culturalground", license="CC BY 4.0", author="N. N.")
    assert (imported.images, imported.rejected) == (1, {"not a readable image": 1})
    (credit,) = Export.open(tmp_path / "new").images().to_pylist()
    assert (credit["license_code"], credit["author"], credit["width"], credit["height"]) == (
        "cc-by-4.0",
        "N. N.",
        120,
        70,
    )
    assert check(Export.open(tmp_path / "new")) == []


def test_images_without_a_license_are_named_by_the_check(published, tmp_path):
    run(write_rows(published, culturalground_object()), tmp_path / "new", "culturalground")
    (problem,) = check(Export.open(tmp_path / "new"))
    assert "no license" in problem


def test_hostile_archive_leaves_no_export(published, tmp_path):
    write_rows(published, culturalground_object(image="x/japan/2.jpg"))
    with tarfile.open(published / "CultureGroundImages/japan.tar.gz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../evil.jpg"))
    with pytest.raises(UserError, match="leaves the folder"):
        run(published, tmp_path / "new", "culturalground")
    assert [path.name for path in tmp_path.iterdir()] == ["CulturalGround"]


def test_link_to_a_file_outside_is_not_an_image(published, tmp_path):
    tiny.image("Q2", 0).save(tmp_path / "secret.png")
    (published / "CultureGroundImages/japan/2.jpg").symlink_to(tmp_path / "secret.png")
    write_rows(published, culturalground_object(), culturalground_object(image="x/japan/2.jpg"))
    assert run(published, tmp_path / "new", "culturalground").rejected == {reasons.IMAGE_MISSING: 1}


def test_broken_array_is_one_line_and_leaves_no_export(published, tmp_path):
    write_rows(published, culturalground_object())
    file = published / "CulturalGround-OE-Filtered-14M.json"
    file.write_text(file.read_text()[:-5])
    with pytest.raises(UserError, match="broken JSON after row"):
        run(published, tmp_path / "new", "culturalground")
    assert not (tmp_path / "new").exists()


def test_data_without_a_usable_row_is_an_error(published, tmp_path):
    with pytest.raises(UserError, match="no usable row"):
        run(write_rows(published, culturalground_object(language="xx")), tmp_path / "new", "culturalground")
    with pytest.raises(UserError, match="No llava data"):
        run(published / "CultureGroundImages", tmp_path / "new", "llava")


def test_existing_export_is_kept_without_overwrite(published, tmp_path):
    write_rows(published, culturalground_object())
    run(published, tmp_path / "new", "culturalground")
    with pytest.raises(UserError, match="--overwrite"):
        run(published, tmp_path / "new", "culturalground")
    run(published, tmp_path / "new", "culturalground", overwrite=True, split="dev")
    assert Export.open(tmp_path / "new").manifest["questions"] == {"train": 0, "dev": 1, "test": 0, "unseen": 0}


def test_chats_of_llava(tmp_path):
    (tmp_path / "data").mkdir()
    tiny.image("Q1", 0).save(tmp_path / "data/1.png")
    four = messages("<image>\nWas?", "Das.", "Und?", "Dies.")
    rows = [
        chat_object(),
        chat_object(id="turns", conversations=four),
        chat_object(id="text", image=None, conversations=messages("Was?", "Das.")),
        chat_object(id="many", image=["1.png", "1.png"], conversations=messages("<image><image>Was?", "Das.")),
        {key: value for key, value in chat_object(id="language").items() if key != "language"},
    ]
    (tmp_path / "data/a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    imported = run(tmp_path / "data", tmp_path / "new", "llava")
    faults = {reasons.SEVERAL_TURNS: 1, reasons.SEVERAL_IMAGES: 1, reasons.NO_LANGUAGE: 1}
    assert imported.rejected == faults and imported.questions["train"] == 2 and imported.images == 1
    read = {"split_turns": True, "default_language": "en"}
    imported = run(tmp_path / "data", tmp_path / "divided", "llava", read=read)
    assert imported.rejected == {reasons.SEVERAL_IMAGES: 1}
    asked = [row["question"] for row in exported.rows(Export.open(tmp_path / "divided"), "train")]
    assert asked == ["Was?", "Was?", "Und?", "Was?", "Was?"]


def test_a_file_whose_name_is_not_unicode_is_named_readably(tmp_path):
    folder = tmp_path / os.fsdecode(b"chats\xfe")
    folder.mkdir()
    content = [chat_object(image=None), chat_object(image=None, language="xx")]
    (folder / os.fsdecode(b"\xff.json")).write_text(json.dumps(content).replace("<image>", ""))
    assert run(folder, tmp_path / "new", "llava").questions["train"] == 1
    assert [row["file"] for row in rejections(tmp_path / "new")] == ["\\xff.json"]


def test_an_export_in_a_folder_that_no_database_can_be_in_is_refused(published, tmp_path):
    with pytest.raises(UserError, match="Choose another folder"):
        run(published, tmp_path / "what?" / "new", "culturalground")
    assert not (tmp_path / "what?").exists()


def test_articles_of_m3ls(tmp_path):
    folder = tmp_path / "M3LS/bbcindonesia"
    (folder / "articles").mkdir(parents=True)
    (folder / "imagefolder").mkdir()
    tiny.image("Q1", 0).save(folder / "imagefolder/1.png")
    article = {"title": "t", "summary": "Ringkasan.", "0": {"para": ["Satu.", "Dua."], "images": [["1.png", ""]]}}
    (folder / "articles/1.json").write_text(json.dumps(article))
    (folder / "articles/2.json").write_text("{")
    imported = run(tmp_path / "M3LS", tmp_path / "new", "m3ls", read={"instruction": "Summarize."})
    (row,) = exported.rows(Export.open(tmp_path / "new"), "train")
    assert (row["language"], row["answer"], imported.images) == ("id", "Ringkasan.", 1)
    assert row["question"] == "Summarize.\n\nSatu.\nDua." and imported.rejected == {reasons.NOT_JSON: 1}


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("question", " ", reasons.EMPTY_TEXT),
        ("language", "xx", reasons.UNKNOWN_LANGUAGE),
        ("question_type", "essay", reasons.UNKNOWN_QUESTION_TYPE),
        ("image", "../x.png", reasons.IMAGE_PATH_OUTSIDE_FOLDER),
        ("image", "images/absent.png", reasons.IMAGE_MISSING),
        ("id", "same", reasons.ID_TAKEN),
    ],
)
def test_invalid_native_rows_are_listed(castle_export, tmp_path, field, value, reason):
    export = exported.changed(castle_export, tmp_path / "export", split="dev", questions={field: value})
    imported = run(export.path, tmp_path / "new", "native")
    kept = 1 if field == "id" else 0
    assert imported.questions["dev"] == kept and imported.rejected == {reason: 42 - kept}
    assert len(rejections(tmp_path / "new")) == 42 - kept


def test_unknown_license_of_the_user_is_an_error(published, tmp_path):
    write_rows(published, culturalground_object())
    with pytest.raises(UserError, match="Name a license"):
        run(published, tmp_path / "new", "culturalground", license="mine")


@pytest.mark.parametrize(
    ("text", "answer", "choices", "right"),
    [
        ("Who?\nA. X\nB. Y", "B", ["X", "Y"], "Y"),
        ("Who?\n(see below)\nA) X\nB) Y\nAnswer.", "B) Y", ["X", "Y"], "Y"),
        ("Who?\nA. X\nB. Y", "X", ["X", "Y"], "X"),
    ],
)
def test_lettered_options(text, answer, choices, right):
    columns = lettered({"question": text, "answer": answer})
    assert (columns["choices"], columns["answer"]) == (choices, right)


@pytest.mark.parametrize("text", ["Who?", "Who?\nA. X", "Who?\nB. X\nC. Y", "A. X\nB. Y", "Who?\nA. X\nor\nB. Y"])
def test_text_without_options_is_no_choice_question(text):
    with pytest.raises(RowError):
        lettered({"question": text, "answer": "A"})


def test_answer_that_is_not_an_option_is_rejected():
    with pytest.raises(RowError, match=reasons.ANSWER_NOT_A_CHOICE):
        lettered({"question": "Who?\nA. X\nB. Y", "answer": "Z"})
