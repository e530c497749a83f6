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
        "entity_type": "place",
        "property": "P17",
        "image": f"images/{sha(image)}.png",
        "question": "?",
        "answer": "Japan",
        "answers": ["Japan"],
        "sentence": "The country is called Japan.",
        "instruction": "Answer briefly.",
        **dict.fromkeys(("template_question", "template_sentence", "rewritten_by"), ""),
        "choices": [],
        "template": "t",
        **fields,
    }


def sha(name):
    return hashlib.sha256(name.encode()).hexdigest()


def write(folder, *, license="CC0-1.0", code="cc0-1.0", author="x", **splits):
    """An export with images a (in train by default) and b (in test)."""
    splits = {"train": [question()], "test": [question(image="b")]} | splits
    (folder / "images").mkdir()
    images = []
    for name in "ab":
        path = f"images/{sha(name)}.png"
        (folder / path).write_bytes(name.encode())
        images.append({"image": path, "license": license, "license_code": code, "author": author, "source": "y"})
    files = {}
    pq.write_table(pa.Table.from_pylist(images), folder / "images.parquet")
    files["images.parquet"] = sha256_file(folder / "images.parquet")
    for split in export.SPLITS:
        table = pa.Table.from_pylist(splits.get(split, []), schema=vqa.QUESTION_SCHEMA)
        pq.write_table(table, folder / f"questions-{split}.parquet")
        files[f"questions-{split}.parquet"] = sha256_file(folder / f"questions-{split}.parquet")
    counts = {split: len(splits.get(split, [])) for split in export.SPLITS}
    manifest = {"format": export.FORMAT, "held_out_languages": ["nl"], "files": files, "questions": counts}
    write_json(folder / export.MANIFEST, manifest | {"recipe": {"name": "two"}, "entities": 1, "images": 2})
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


@pytest.mark.parametrize(
    ("license", "code", "author", "problem"),
    [
        ("", "", "x", "no license"),
        ("All rights reserved", "", "x", "non-free license ('All rights reserved')"),
        ("All rights reserved", "cc0-1.0", "x", "non-free license ('All rights reserved')"),
        ("CC0", "false", "x", "unknown license ('false')"),
        ("CC0", "", "x", "unknown license ('CC0 without a code')"),
        ("CC0", "CC BY 4.0", "x", "unknown license ('code CC BY 4.0')"),
        ("CC BY 4.0", "cc-by-4.0", "", "license asks to name the author, but no author is given ('cc-by-4.0')"),
    ],
)
def test_check_tells_what_is_wrong_with_the_licenses_in_one_line(tmp_path, license, code, author, problem):
    problems = check(write(tmp_path, license=license, code=code, author=author))
    first = min(f"images/{sha(name)}.png" for name in "ab")
    assert problems == [f"images.parquet: {problem}: 2 images, such as {first}"]


def test_check_of_an_export_without_license_codes_names_them(tmp_path):
    opened = write(tmp_path)
    table = opened.images().drop_columns("license_code")
    pq.write_table(table, tmp_path / "images.parquet")
    assert any("without a code" in problem for problem in check(opened))


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
    assert row.prompt() == "?\nA. Peru\nB. Japan\nC. Chad\nD. Fiji\nAnswer briefly."
    assert row.prompt(instructed=False) == "?\nA. Peru\nB. Japan\nC. Chad\nD. Fiji"
    assert row.target() == "B"
    assert vqa.from_row(question()).target() == "Japan"


@pytest.mark.parametrize(
    ("limit", "figures", "problems"),
    [
        (None, {"guesser": "ratio", "accuracy": 0.6}, 0),
        (0.3, {"guesser": "ratio", "accuracy": 0.6}, 1),
        (0.3, {"guesser": "ratio", "accuracy": 0.29}, 0),
        (0.3, {"guesser": None, "accuracy": None}, 0),
        (0.3, None, 1),
    ],
    ids=["no limit", "above", "below", "no choice questions", "no audit"],
)
def test_guesser_above_the_limit_of_the_recipe_is_found(tmp_path, limit, figures, problems):
    opened = write(tmp_path)
    opened.manifest["recipe"] = {"audit": {"max_guesser": limit}}
    if figures is not None:
        opened.manifest["audit"] = figures
    found = check(opened)
    assert len(found) == problems and all("max_guesser" in line for line in found)
