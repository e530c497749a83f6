"""Damaged exports, through every command that reads one: exit code 0, or 1 with one line that does not blame a bug."""

import itertools
import shutil

import pytest

from factory.audit.headline import in_words
from pangea_cultural.cli import main
from pangea_cultural.dataset.check import check
from pangea_cultural.dataset.export import MANIFEST, Export
from pangea_cultural.errors import UserError
from pangea_cultural.utils.files import read_json
from tests.helpers import damaging

FORMATS = ("native", "culturalground", "parquet", "webdataset", "messages")
NO_FAULT = {(MANIFEST, "flip"), (MANIFEST, "lose_the_end"), *((name, "controls") for name in damaging.TABLES)}
"""Damage that the check need not find: other texts."""


@pytest.fixture(scope="module")
def whole(castle_export, tmp_path_factory):
    return damaging.small(castle_export, tmp_path_factory.mktemp("damaged") / "small")


@pytest.fixture
def damaged(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "export")
    return tmp_path / "export"


def commands(folder):
    """Commands that read an export. The audit takes long, so that the report, which has it, stands for it."""
    name, out = str(folder), folder.with_name("out")
    yield ["stats", "--data", name]
    yield ["import", "--format", "native", name, "--name", "new", "--overwrite", "--quiet"]
    for format in FORMATS:
        yield ["export", "--format", format, str(out / format), "--data", name, "--overwrite", "--quiet"]


def run(capsys, folder, *arguments):
    """Run a command and return its exit code. A code of 1 comes with one line."""
    workspace = [] if arguments[0] in ("check", "report", "audit") else ["--workspace", str(folder.with_name("w"))]
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main(["data", *arguments, *workspace])
    error = capsys.readouterr().err
    if stop.value.code:
        is_one_line = error.startswith("Error: ") and error.count("\n") == 1 and "\0" not in error
        assert (stop.value.code, is_one_line, "bug" in error) == (1, True, False), (arguments, error)
    return stop.value.code


def test_a_whole_export_is_read_by_every_command(capsys, damaged):
    others = [["report", str(damaged), "--out", str(damaged.with_name("page.html"))], ["audit", str(damaged)]]
    assert [run(capsys, damaged, *command) for command in (["check", str(damaged)], *others, *commands(damaged))] == (
        [0] * (3 + len(list(commands(damaged))))
    )


CASES = [
    *((name, damage) for name in (*damaging.TABLES, MANIFEST) for damage in damaging.FILES),
    *((name, damage) for name in damaging.TABLES for damage in damaging.CONTENTS),
]


@pytest.mark.parametrize(("name", "damage"), CASES, ids=[f"{name}-{damage.__name__}" for name, damage in CASES])
def test_damage_is_found_by_the_check_and_ends_commands_in_one_line(capsys, damaged, name, damage):
    damage(damaged / name)
    if damage in damaging.CONTENTS:
        damaging.seal(damaged)
    found = run(capsys, damaged, "check", str(damaged))
    assert found == 1 or (name, damage.__name__) in NO_FAULT, "the check finds it"
    number = CASES.index((name, damage))
    run(capsys, damaged, *next(itertools.islice(commands(damaged), number % 7, None)))


@pytest.mark.parametrize("damage", [damaging.halve, damaging.flip, damaging.leave_the_folder, damaging.no_choices])
@pytest.mark.parametrize("name", ["questions-train.parquet", "images.parquet"])
def test_a_report_of_a_damaged_export_ends_in_one_line(capsys, damaged, name, damage):
    damage(damaged / name)
    run(capsys, damaged, "report", str(damaged), "--out", str(damaged.with_name("page.html")))


@pytest.mark.parametrize("seed", range(5))
def test_flipped_bits_end_in_one_line(capsys, damaged, seed):
    name = damaging.TABLES[seed % len(damaging.TABLES)]
    damaging.flip(damaged / name, seed, number=1 + seed)
    damaging.seal(damaged)
    for command in (["check", str(damaged)], *itertools.islice(commands(damaged), 3, 5)):
        run(capsys, damaged, *command)


IMAGES = (damaging.empty, damaging.remove, damaging.be_a_folder, damaging.be_a_link_in_a_circle)


@pytest.mark.parametrize("damage", IMAGES)
def test_a_damaged_image_is_found_and_ends_commands_in_one_line(capsys, damaged, damage):
    damage(next((damaged / "images").rglob("*.png")))
    assert run(capsys, damaged, "check", str(damaged)) == 1
    for command in commands(damaged):
        run(capsys, damaged, *command)


def test_a_manifest_with_any_key_missing_or_of_any_type_opens_or_is_one_line(damaged):
    content = read_json(damaged / MANIFEST)
    opened = refused = 0
    for name, text in damaging.manifests(content):
        (damaged / MANIFEST).write_bytes(text)
        try:
            export = Export.of_manifest(damaged)
        except UserError as error:
            assert str(damaged) in str(error) and "\n" not in str(error), name
            refused += 1
            continue
        opened += 1
        in_words(export.manifest.get("audit") or {"accuracy": None})
        if opened % 50 == 0:
            assert all("\n" not in line for line in check(export)), name
    assert opened > 50 and refused > 100, (opened, refused)


@pytest.mark.parametrize("target", ["/proc/x", "/dev/null/x", "/dev/full", "a-file/x"])
def test_a_place_that_cannot_be_written_is_one_line(capsys, damaged, tmp_path, monkeypatch, target):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a-file").write_text("x")
    for command in (
        ["export", "--format", "messages", target, "--data", str(damaged), "--quiet"],
        ["report", str(damaged), "--out", f"{target}/page.html"],
    ):
        assert run(capsys, damaged, *command) in (1, 2), command
