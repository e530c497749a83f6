"""Builds through the command line, on a small data set of castles."""

import os
import subprocess
import sys

import orjson
import pytest

from factory.pipeline import STAGE_NAMES
from factory.store.store import Store
from pangea_cultural.dataset.check import check
from pangea_cultural.dataset.export import SPLITS, Export
from pangea_cultural.errors import UserError
from tests.helpers import world
from tests.helpers.store_contents import differences, files


def build(recipe, workspace, *options):
    """Run `pcult build --json`; return its result."""
    return orjson.loads(world.build(recipe, workspace, "--json", *options))


@pytest.fixture
def export(castles):
    return Export.open(castles / "workspace/exports/castles")


def questions(export, **wanted):
    """Questions of all splits with certain fields."""
    rows = (row for split in SPLITS for row in export.questions(split))
    return [row for row in rows if all(getattr(row, key) == value for key, value in wanted.items())]


def imported(libraries, *arguments):
    """Return which of some libraries a build imports."""
    code = f"import atexit, sys; atexit.register(lambda: print(*sorted({set(libraries)} & set(sys.modules))))"
    start = f"{code}\nfrom pangea_cultural.cli import main\nmain({['build', *map(str, arguments)]!r})"
    result = subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, check=True)
    return result.stdout.splitlines()[-1]


def test_a_build_up_to_select_imports_no_library_of_later_stages_or_the_network(castles, tmp_path):
    unused = ("aiohttp", "SPARQLWrapper", "PIL", "lxml", "resvg_py", "regex")
    assert imported(unused, castles / "world/recipe.toml", "--stage", "select", "--workspace", tmp_path) == ""


def test_a_finished_build_imports_no_library_of_the_split_the_audit_or_of_models(castles):
    unused = ("scipy", "sklearn", "openai")
    assert imported(unused, castles / "world/recipe.toml", "--workspace", castles / "workspace") == ""


def test_the_export_passes_its_check(export):
    assert check(export) == []
    assert export.held_out_languages == ["nl"]
    assert all(export.manifest["questions"][split] > 0 for split in SPLITS)


def test_answers_are_the_best_values_in_the_questions_language(export):
    rows = questions(export, entity="Q9001", property="P17")
    assert {(row.language, row.answer) for row in rows} == {
        ("en", "France"),
        ("de", "Frankreich"),
        ("nl", "Frankrijk"),
    }
    assert {row.answer for row in questions(export, entity="Q9001", property="P571")} == {"1601"}


def test_choices_hold_one_right_answer_and_never_a_deprecated_one(export):
    rows = questions(export, question_type="choice", property="P17")
    assert rows
    for row in rows:
        assert len(row.choices) == len(set(row.choices)) == 4
        assert row.choices.count(row.answer) == 1
        if row.entity == "Q9000":
            assert not {"Brazil", "Brasilien", "Brazilië"} & set(row.choices), "Brazil is a deprecated value"


def test_right_options_stand_at_every_place(export):
    places = {row.choices.index(row.answer) for row in questions(export, question_type="choice")}
    assert places == {0, 1, 2, 3}


def test_every_document_is_kept_or_rejected(castles):
    with Store.open(castles / "workspace/store.duckdb", read_only=True) as store:
        inputs, kept = store.rows("SELECT inputs, kept FROM stage WHERE name = 'select'")[0]
        reasons = dict(
            store.rows(
                """SELECT reason, sum(items)::BIGINT FROM rejection
                   WHERE stage = 'select' AND reason NOT LIKE 'claim:%' GROUP BY reason"""
            )
        )
    assert inputs == 17
    assert kept == 6
    assert kept + sum(reasons.values()) == inputs
    assert reasons["no link to a region"] == 7  # six countries without P17, and the castle of nowhere
    assert reasons["not culture: page of a Wikimedia project"] == 1
    assert reasons["no image named"] == 1
    assert reasons["not an item"] == 1
    assert sum(n for reason, n in reasons.items() if reason.startswith("broken line")) == 1


def test_a_second_build_leaves_the_export_alone(castles):
    recipe, workspace = castles / "world/recipe.toml", castles / "workspace"
    before = (workspace / "exports/castles/export.json").stat().st_mtime_ns
    build(recipe, workspace)
    assert (workspace / "exports/castles/export.json").stat().st_mtime_ns == before


def test_a_build_until_a_stage_ends_after_it_and_resumes_there(castles, tmp_path):
    recipe = castles / "world/recipe.toml"
    build(recipe, tmp_path, "--stage", "images")
    with Store.open(tmp_path / "store.duckdb", read_only=True) as store:
        assert store.rows("SELECT name, done FROM stage WHERE name NOT LIKE '% %' ORDER BY name") == [
            ("images", True),
            ("select", True),
        ]
    build(recipe, tmp_path)
    assert differences(castles / "workspace", tmp_path) == []


def test_an_unknown_stage_is_refused(castles, tmp_path):
    with pytest.raises(UserError, match=r"Unknown stage 'image'\. Did you mean images\?"):
        build(castles / "world/recipe.toml", tmp_path, "--stage", "image")


def test_rejections_name_known_stages(castles):
    with Store.open(castles / "workspace/store.duckdb", read_only=True) as store:
        stages = {row[0] for row in store.rows("SELECT DISTINCT stage FROM rejection")}
    assert "select" in stages and stages <= set(STAGE_NAMES)


def test_another_seed_gives_another_export(castles, tmp_path):
    build(castles / "world/recipe.toml", tmp_path, "--seed", "1")
    assert files(tmp_path / "exports/castles") != files(castles / "workspace/exports/castles")


def test_another_held_out_language_changes_train(castles, tmp_path):
    recipe = castles / "world/recipe.toml"
    build(recipe, tmp_path)
    build(recipe, tmp_path, "--hold-out", "de")
    opened = Export.open(tmp_path / "exports/castles")
    assert {row.language for row in opened.questions("train")} == {"en", "nl"}
    assert check(opened) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("P571", "P5711"), "Unknown property 'P5711'. Did you mean P571"),
        (('"nl"]\nheld_out', '"qq"]\nheld_out'), "wrong.toml: languages: Unknown language 'qq'. Known: af, ak, "),
        (("dump.json", "dumb.json"), "dumb.json does not exist. Check the path."),
        (("max_per_entity", "max_per_entities"), "Did you mean max_per_entity"),
        (('type = "folder"', 'type = "folders"'), "wrong.toml: images.sources[1]: Input tag 'folders' found"),
    ],
)
def test_an_invalid_recipe_is_refused_in_one_line_before_anything_is_written(castles, tmp_path, change, message):
    path = castles / "world/wrong.toml"
    path.write_text((castles / "world/recipe.toml").read_text().replace(*change))
    assert message in world.error_of("build", path, "--workspace", tmp_path / "none")
    assert not (tmp_path / "none").exists(), "a partial workspace"


HOLD_STORE = """
import duckdb, sys, time
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
time.sleep(60)
"""


def test_a_store_in_use_is_refused_in_one_line(castles, tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_STORE, str(tmp_path / "store.duckdb")], stdout=subprocess.PIPE
    )
    try:
        holder.stdout.readline()
        error = world.error_of("build", castles / "world/recipe.toml", "--workspace", tmp_path)
    finally:
        holder.kill()
        holder.wait()
    assert "Another process is using the store" in error


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
@pytest.mark.parametrize("kilobytes", [24, 60, 120, 180, 240])
def test_a_build_resumes_after_a_full_disk_was_reported_in_one_line(castles, tmp_path, kilobytes):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "tmpfs", disk, "-o"]
    if subprocess.run([*mount, f"size={kilobytes}k"], capture_output=True).returncode:
        pytest.skip("no small disk can be mounted here")
    try:
        command = [sys.executable, "-m", "pangea_cultural", "build", str(castles / "world/recipe.toml"), "--quiet"]
        command += ["--workspace", str(disk / "workspace")]
        full = subprocess.run(command, capture_output=True, text=True)
        assert full.returncode == 1
        assert full.stderr.startswith("Error: The disk is full") and full.stderr.count("\n") == 1, full.stderr
        subprocess.run([*mount, "remount,size=100M"], check=True)
        world.build(castles / "world/recipe.toml", disk / "workspace")
        assert files(disk / "workspace/exports/castles") == files(castles / "workspace/exports/castles")
    finally:
        subprocess.run(["umount", disk], check=True)
