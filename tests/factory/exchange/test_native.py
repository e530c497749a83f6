"""The native export: equal builds write equal bytes, and only what belongs to the export is removed from its folder."""

import os
import subprocess
import sys

import pytest

from pangea_cultural.dataset.check import check
from pangea_cultural.dataset.export import Export
from tests.helpers import world
from tests.helpers.store_contents import files

A_YEAR_AHEAD = """
import sys, time
real_time = time.time
time.time = lambda: real_time() + 366 * 86_400
time.time_ns = lambda: int(time.time() * 1e9)
for name in ("gmtime", "localtime"):
    setattr(time, name, lambda at=None, convert=getattr(time, name): convert(time.time() if at is None else at))
from pangea_cultural.cli import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize("zone", ["Etc/GMT+12", "Etc/GMT-14"], ids=["west", "east"])
def test_equal_builds_write_equal_bytes_at_any_time(castles, tmp_path, zone):
    # The clock of `time` is a year ahead. That of `datetime` cannot be replaced, but one of the zones has another date.
    command = [sys.executable, "-c", A_YEAR_AHEAD, "build", str(castles / "world/recipe.toml"), "--quiet"]
    command += ["--workspace", str(tmp_path)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ | {"TZ": zone})
    assert files(tmp_path / "exports/castles") == files(castles / "workspace/exports/castles")


def test_images_of_an_earlier_recipe_are_removed(castles, tmp_path):
    world.build(castles / "world/recipe.toml", tmp_path)
    images = tmp_path / "exports/castles/images"
    before = {path.name for path in images.rglob("*.png")}
    few = castles / "world/few.toml"
    few.write_text((castles / "world/recipe.toml").read_text().replace("max_per_entity = 5", "max_per_entity = 1"))
    world.build(few, tmp_path)
    listed = Export.open(tmp_path / "exports/castles").images()["image"].to_pylist()
    assert {f"images/{path.relative_to(images)}" for path in images.rglob("*.png")} == set(listed)
    assert 0 < len(listed) < len(before)
    assert all(list(subfolder.iterdir()) for subfolder in images.iterdir()), "folders without images"
    assert before == {path.name for path in (tmp_path / "images").rglob("*.png")}, "the workspace keeps its images"


def test_temporary_files_of_interrupted_writes_are_removed(castles, tmp_path):
    recipe, folder = castles / "world/recipe.toml", tmp_path / "exports/castles"
    world.build(recipe, tmp_path)
    complete = files(folder)
    (folder / "export.json").unlink()
    (folder / "README.md").write_text("the user's")
    image = next((folder / "images").rglob("*.png"))
    for path in (folder / "questions-train.parquet", folder / "images.parquet", folder / "export.json", image):
        path.with_name(f".{path.name}.k3j2h1_a").write_bytes(b"half")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/own.png").write_bytes(b"the user's")
    (folder / "images/linked").symlink_to(tmp_path / "elsewhere")
    world.build(recipe, tmp_path)
    assert files(folder) == complete | {"README.md": b"the user's"}
    assert (tmp_path / "elsewhere/own.png").exists()


def test_files_of_the_user_stay(castles, tmp_path):
    recipe, folder = castles / "world/recipe.toml", tmp_path / "exports/castles"
    world.build(recipe, tmp_path)
    complete = files(folder)
    image = next((folder / "images").rglob("*.png"))
    paths = [folder / ".export.json.swp", folder / ".images.parquet.original/a", folder / "images/general-000000.png"]
    paths += [folder / "images/mine/a.png", image.with_name("a.png"), image.with_name(f"{'g' * 64}.png")]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"the user's")
    (folder / "export.json").unlink()
    world.build(recipe, tmp_path)
    assert files(folder) == complete | {str(path.relative_to(folder)): b"the user's" for path in paths}


def test_images_in_a_linked_folder_stay(castles, tmp_path):
    recipe, folder = castles / "world/recipe.toml", tmp_path / "exports/castles"
    folder.mkdir(parents=True)
    (tmp_path / "images").mkdir()
    (tmp_path / "images/own.png").write_bytes(b"the user's")
    (folder / "images").symlink_to(tmp_path / "images")
    world.build(recipe, tmp_path)
    assert (tmp_path / "images/own.png").exists()
    assert check(Export.open(folder)) == []
