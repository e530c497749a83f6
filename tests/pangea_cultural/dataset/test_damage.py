"""Broken exports, through `pcult data check`: one line for each problem, never a traceback."""

import shutil
import subprocess
import sys

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pangea_cultural.cli import main
from pangea_cultural.dataset.export import MANIFEST, SPLITS, Export
from pangea_cultural.errors import UserError
from tests.pangea_cultural.dataset.test_check import question, write

TABLES = [*(f"questions-{split}.parquet" for split in SPLITS), "images.parquet"]


@pytest.fixture
def folder(tmp_path):
    write(tmp_path)
    return tmp_path


def check(folder, capsys):
    """Return the printed problems and the error."""
    with pytest.raises(SystemExit) as stop:
        main(["data", "check", str(folder)])
    printed = capsys.readouterr()
    if stop.value.code == 0:
        return [], ""
    assert stop.value.code == 1
    assert printed.err.count("\n") == 1 and printed.err.startswith("Error: ") and "bug" not in printed.err
    return printed.out.splitlines(), printed.err


def edit(folder, change):
    """Change the manifest."""
    content = orjson.loads((folder / MANIFEST).read_bytes())
    change(content)
    (folder / MANIFEST).write_bytes(orjson.dumps(content))


def test_a_whole_export_is_verified(folder, capsys):
    assert check(folder, capsys) == ([], "")


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("content", [None, b"", b"PAR1", b"garbage" * 100, "truncated"])
def test_a_missing_or_garbled_table_is_one_line(folder, capsys, name, content):
    path = folder / name
    whole = path.read_bytes()
    path.unlink()
    if content is not None:
        path.write_bytes(whole[: len(whole) // 2] if content == "truncated" else content)
    problems, error = check(folder, capsys)
    assert len(problems) == 1 and problems[0].startswith(f"{name}: ")
    assert "failed verification (1 problems)" in error


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe"])
def test_a_garbled_manifest_is_refused(folder, capsys, content):
    (folder / MANIFEST).write_bytes(content)
    problems, error = check(folder, capsys)
    assert problems == [] and "is not a manifest" in error


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("files", value) for value in (None, [], {}, {"images.parquet": 3})),
        *(("held_out_languages", value) for value in ("nl", 5, [3], None)),
        *(("questions", value) for value in (7, {}, {"train": "1"}, dict.fromkeys(SPLITS, -1))),
        *(("recipe", value) for value in (None, "r", {}, {"name": 3}, {"name": "r", "seed": 0.5})),
        ("recipe", {"name": "r", "split": {"held_out_types": "food"}}),
        ("recipe", {"name": "r", "audit": {"max_guesser": "0.3"}}),
        ("recipe", {"name": "r", "refine": "m"}),
        *(("recipe", {"name": "r", "refine": value}) for value in ({}, {"model": "m"}, {"model": "m", "prompt": 1})),
        ("recipe", {"name": "r", "relevance": {"model": "m", "prompt": "p", "threshold": "0.5"}}),
        *(("audit", value) for value in (3, {}, {"accuracy": "high"})),
        *(("entities", value) for value in (None, "1", -1)),
        ("held_out", {"answers_in_train": "2"}),
        ("unreviewed_languages", "nl"),
    ],
)
def test_a_manifest_of_another_shape_is_refused_with_file_and_key(folder, capsys, key, value):
    edit(folder, lambda content: content.update({key: value}))
    problems, error = check(folder, capsys)
    assert problems == [] and f"{folder / MANIFEST}: {key}" in error
    with pytest.raises(UserError, match=key):
        Export.open(folder)


@pytest.mark.parametrize("key", ["files", "held_out_languages", "questions", "recipe", "entities", "images", "format"])
def test_a_manifest_without_a_key_is_refused_with_file_and_key(folder, capsys, key):
    edit(folder, lambda content: content.pop(key))
    _, error = check(folder, capsys)
    assert str(folder / MANIFEST) in error and key in error


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/hostname", "images/../../secret", "a\\b", "C:secret", "x\0y", "link", "x" * 300]
)
def test_a_file_of_the_manifest_outside_the_export_is_a_fault_and_not_opened(folder, capsys, monkeypatch, name):
    (folder / "link").symlink_to("/etc/hostname")
    edit(folder, lambda content: content["files"].update({name: "0" * 64}))
    opened = []
    monkeypatch.setattr("pangea_cultural.dataset.check.sha256_file", lambda path: opened.append(path) or "")
    problems, _ = check(folder, capsys)
    assert sum(line.startswith(f"{MANIFEST}: ") for line in problems) == 1
    assert all(path.resolve().is_relative_to(folder.resolve()) and path.name != "link" for path in opened)


def test_tables_outside_the_manifest_are_named(folder, capsys):
    edit(folder, lambda content: content.update(files={"README.md": "0"}))
    assert check(folder, capsys)[0] == [f"{name}: not in the manifest" for name in TABLES]


def test_other_columns_and_counts_are_named(folder, capsys):
    table = pq.read_table(folder / "questions-test.parquet")
    numbers = table.set_column(0, "id", pa.array([1] * table.num_rows))
    pq.write_table(numbers.drop_columns(["answers"]), folder / "questions-test.parquet")
    images = pq.read_table(folder / "images.parquet").to_pylist()
    pq.write_table(pa.Table.from_pylist([row | {"license": None} for row in images]), folder / "images.parquet")
    edit(folder, lambda content: content["questions"].update(dev=5))
    assert check(folder, capsys)[0] == [
        "questions-dev.parquet: 0 rows, but the manifest counts 5",
        "questions-test.parquet: column id is int64, not string",
        "questions-test.parquet: no column answers",
        "images.parquet: column license is null, not string",
    ]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"question_type": "essay"}, "1 rows are neither open nor choice questions"),
        *(({name: "\u3000 "}, f"column {name} is blank in 1 rows") for name in ("id", "question", "answer")),
        (
            {"question_type": "choice", "choices": ["Peru"]},
            "the answers of 1 choice questions are not among their options",
        ),
        (
            {"question_type": "choice", "choices": ["Japan", "Japan"]},
            "the options of 1 choice questions are not distinct",
        ),
        ({"answers": ["Japan", None]}, "column answers is empty in 1 rows"),
    ],
)
def test_rows_that_cannot_be_asked_or_answered_are_named(tmp_path, capsys, fields, problem):
    write(tmp_path, train=[question(**fields)])
    assert f"questions-train.parquet: {problem}" in check(tmp_path, capsys)[0]


def test_a_path_that_leaves_the_export_is_named(folder, capsys):
    images = pq.read_table(folder / "images.parquet").to_pylist()
    rows = [images[0] | {"image": "../secret.png"}, images[1] | {"image": "/etc/hostname"}]
    pq.write_table(pa.Table.from_pylist(rows), folder / "images.parquet")
    problems, _ = check(folder, capsys)
    assert {"../secret.png: not below images/", "/etc/hostname: not below images/"} <= set(problems)


def test_a_folder_in_place_of_a_file_is_named(folder, capsys):
    (folder / "questions-dev.parquet").unlink()
    (folder / "questions-dev.parquet").mkdir()
    assert check(folder, capsys)[0] == ["questions-dev.parquet: missing"]
    shutil.rmtree(folder)
    assert "No complete export" in check(folder, capsys)[1]


def test_the_exit_code_of_a_process_is_one(folder):
    (folder / "images.parquet").write_bytes(b"x")
    command = [sys.executable, "-m", "pangea_cultural", "data", "check", str(folder)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert (result.returncode, result.stdout.count("\n"), result.stderr.count("\n")) == (1, 1, 1)
