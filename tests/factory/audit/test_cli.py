"""The command `pcult data audit`."""

import json
import tempfile

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from factory.audit.audit import audit, headline
from factory.pipeline import audit_again
from pangea_cultural.cli import pcult
from pangea_cultural.dataset.export import FORMAT, SPLITS
from pangea_cultural.errors import UserError
from pangea_cultural.utils.files import read_json, write_json
from tests.factory.audit.exports import rows, tables


def write(folder, *several):
    """An export without images."""
    for split, table in tables(*several).items():
        pq.write_table(table, folder / f"questions-{split}.parquet")
    manifest = {"format": FORMAT, "held_out_languages": ["fr"], "recipe": {"name": "texts", "seed": 3}}
    manifest |= {"questions": dict.fromkeys(SPLITS, 0), "entities": 0, "images": 0, "files": {"x": ""}}
    write_json(folder / "export.json", manifest)
    return folder


def run(folder, *options):
    result = CliRunner().invoke(pcult, ["data", "audit", str(folder), *options], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    faulty = rows(0, property="P2", entities=48, values=12, options=lambda draw, answer, values: values[:3])
    for split in faulty.values():
        for row in split:
            row["choices"] = [row["answer"], "B", "C", "D"] if row["choices"] else []
    return write(tmp_path_factory.mktemp("export"), rows(1, entities=24, values=12), faulty)


def test_worst_group_comes_first_with_a_verdict(folder, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    lines = run(folder).splitlines()
    groups = [line for line in lines if " trained " in line or " held-out " in line]
    assert "P2" in groups[0] and "over" in groups[0] and "P1" in groups[-1]
    assert any(line.startswith("Without the images, ") for line in lines)


def test_groups_by_language_are_printed(folder):
    output = run(folder, "--by", "language")
    assert "Groups by language" in output and "Rows by language" in output and "Rows by property" not in output


def test_json_has_the_headline_that_a_build_has(folder):
    result = json.loads(run(folder, "--json"))
    assert result["headline"] == headline(audit(folder, held_out_languages=("fr",), seed=3))
    assert result["seed"] == 3 and result["rows"] == sum(pq.read_table(path).num_rows for path in _files(folder))
    assert {found["held_out"] for found in result["languages"] if found["language"] == "fr"} == {True}


def test_temporary_data_of_a_build_is_in_the_export_that_it_writes(folder, monkeypatch):
    """The folder of an unfinished export is removed by the next build, and `TMPDIR` can be small."""
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    before = sorted(folder.iterdir())
    assert audit_again(folder, read_json(folder / "export.json"))["rows"] > 0
    assert sorted(folder.iterdir()) == before


def test_new_columns_are_read_by_name(tmp_path):
    folder = write(tmp_path, rows(1, entities=4, images=4))
    for path in _files(folder):
        table = pq.read_table(path)
        table = table.append_column("entity_type", [["bridge"] * table.num_rows])
        sentences = [f"It is {answer}." if i else "It is." for i, answer in enumerate(table["answer"].to_pylist())]
        pq.write_table(table.append_column("sentence", [sentences]), path)
    result = json.loads(run(folder, "--json"))
    assert [found["name"] for found in result["entity_types"]] == ["bridge"]
    faults = {fault["fault"]: fault["rows"] for fault in result["faults"]}
    assert faults["sentences without the answer"] == 4, "one of each split"


def test_texts_of_the_export_cannot_command_the_terminal(tmp_path):
    content = rows(1, entities=4, images=4, property="P1\x1b[31m")
    assert "\x1b[31m" not in run(write(tmp_path, content))


@pytest.mark.parametrize("damage", ["missing", "garbled", "without a column"])
def test_a_damaged_export_is_one_error(tmp_path, damage):
    folder = write(tmp_path, rows(1, entities=4, images=4))
    path = folder / "questions-test.parquet"
    if damage == "missing":
        path.unlink()
    elif damage == "garbled":
        path.write_bytes(b"PAR1")
    else:
        pq.write_table(pq.read_table(path).drop_columns(["choices"]), path)
    with pytest.raises(UserError, match=r"cannot be read|no column choices") as error:
        CliRunner().invoke(pcult, ["data", "audit", str(folder)], catch_exceptions=False, standalone_mode=False)
    assert "\n" not in str(error.value)


def _files(folder):
    return [folder / f"questions-{split}.parquet" for split in SPLITS]
