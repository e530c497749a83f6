"""The check of an export: every kind of damage is found."""

import hashlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pangea_cultural.dataset import export
from pangea_cultural.dataset import question as vqa
from pangea_cultural.dataset.check import check
from pangea_cultural.errors import UserError
from pangea_cultural.utils.files import sha256_file, write_json


def question(language="en", image="a", **fields):
    return {
        "id": f"{language}-{image}",
        "question_type": "open",
        "language": language,
        "region": "japan",
        "entity": "Q1",
        "property": "P17",
        "image": f"images/{sha(image)}.png",
        "question": "?",
        "answer": "Japan",
        "answers": ["Japan"],
        "choices": [],
        "template": "t",
        **fields,
    }


def sha(name):
    return hashlib.sha256(name.encode()).hexdigest()


def write(folder, *, license="CC0-1.0", **splits):
    """An export with images a (in train by default) and b (in test)."""
    splits = {"train": [question()], "test": [question(image="b")]} | splits
    (folder / "images").mkdir()
    images = []
    for name in "ab":
        path = f"images/{sha(name)}.png"
        (folder / path).write_bytes(name.encode())
        images.append({"image": path, "license": license, "author": "x", "source": "y"})
    files = {}
    pq.write_table(pa.Table.from_pylist(images), folder / "images.parquet")
    for split in export.SPLITS:
        table = pa.Table.from_pylist(splits.get(split, []), schema=vqa.QUESTION_SCHEMA)
        pq.write_table(table, folder / f"questions-{split}.parquet")
        files[f"questions-{split}.parquet"] = sha256_file(folder / f"questions-{split}.parquet")
    manifest = {"format": export.FORMAT, "held_out_languages": ["nl"], "files": files}
    write_json(folder / export.MANIFEST, manifest)
    return export.Export.open(folder)


def test_valid_export_has_no_problems(tmp_path):
    assert check(write(tmp_path)) == []


def test_check_finds_held_out_language_in_train(tmp_path):
    problems = check(write(tmp_path, train=[question("nl")]))
    assert problems == ["train: rows in held-out language nl"]


def test_check_finds_training_image_in_test(tmp_path):
    problems = check(write(tmp_path, test=[question("nl", "a")]))
    assert len(problems) == 1 and "1 images are also in train" in problems[0]


def test_check_finds_changed_image(tmp_path):
    opened = write(tmp_path)
    (tmp_path / f"images/{sha('a')}.png").write_bytes(b"other")
    assert check(opened) == [f"images/{sha('a')}.png: content differs from its name"]


def test_check_finds_missing_license(tmp_path):
    assert len(check(write(tmp_path, license=""))) == 2


def test_check_finds_image_without_credits(tmp_path):
    problems = check(write(tmp_path, dev=[question(image="c")]))
    assert problems == [f"dev: image images/{sha('c')}.png is not in images.parquet"]


def test_check_finds_changed_file(tmp_path):
    opened = write(tmp_path)
    table = pa.Table.from_pylist([question("de")], schema=vqa.QUESTION_SCHEMA)
    pq.write_table(table, tmp_path / "questions-train.parquet")
    assert "questions-train.parquet: content differs from the manifest" in check(opened)


def test_open_rejects_incomplete_export(tmp_path):
    with pytest.raises(UserError, match="No complete export"):
        export.Export.open(tmp_path)


def test_prompt_letters_the_options_and_target_is_the_letter():
    row = vqa.from_row(question(question_type="choice", choices=["Peru", "Japan", "Chad", "Fiji"]))
    assert row.prompt() == "?\nA. Peru\nB. Japan\nC. Chad\nD. Fiji"
    assert row.target() == "B"
    assert vqa.from_row(question()).target() == "Japan"
