"""Interrupted builds: after each write to the store, and by `kill -9` at random moments with every source type.

A resumed build has the same store and export as an undisturbed one.
"""

import itertools
import os
import random
import shutil
import signal
import time
from pathlib import Path

import orjson
import pytest

from factory.pipeline import STAGE_NAMES
from factory.store.store import Store
from pangea_cultural.dataset.check import check
from pangea_cultural.dataset.export import Export
from tests.helpers import wikibase, world
from tests.helpers.interrupted_writes import Interrupted, after_each_write, after_write, raise_interrupted
from tests.helpers.runs import forked
from tests.helpers.runs.forked import Run
from tests.helpers.servers import rdf_export
from tests.helpers.servers.commons_server import CommonsServer, File
from tests.helpers.servers.wikibase_server import WikibaseServer
from tests.helpers.store_contents import contents, differences

NUM_KILLS = int(os.environ.get("PCULT_KILLS", "4"))
"""Kills at random moments. Each takes some seconds; the environment variable asks for more."""
NUM_CASTLES = 60
"""Castles of each source."""
RECIPE = """
name = "castles"
languages = ["en", "de"]
held_out_languages = ["de"]
properties = ["P17", "P571", "P84"]
[[sources]]
type = "dump"
path = "dump.json"
[[sources]]
type = "sparql"
url = "{sparql}"
pause_s = 0
[[sources]]
type = "api"
url = "{wikibase}"
ids = {ids}
[[images.sources]]
type = "commons"
api = "{commons}"
[split]
dev = 0.1
test = 0.2
[network]
private_hosts = {hosts}
[network.retry]
base_s = 0.01
"""
COUNTRIES = {"Q17": "Japan", "Q142": "France", "Q183": "Germany", "Q38": "Italy"}


def castle(number, source):
    country = sorted(COUNTRIES)[number % 4]
    claims = {
        "P31": [wikibase.item("Q23413")],
        "P17": [wikibase.item(country)],
        "P571": [wikibase.time(f"+{1000 + number}-00-00T00:00:00Z", 9)],
        "P84": [wikibase.item(f"Q{7000 + number % 9}")],
        "P373": [wikibase.string(f"Castle {source}{number}")],
    }
    if number % 7:
        claims["P18"] = [wikibase.string(f"Castle {source}{number} front.jpg")]
    if number % 11 == 0:
        claims.pop("P373"), claims.pop("P18", None)
    statements = {
        name: [wikibase.statement(value, references=[wikibase.STATED]) for value in values]
        for name, values in claims.items()
    }
    return wikibase.document(f"Q{source}{number:05}", statements, labels=(("en", f"Castle {source}{number}"),))


def values():
    for name, label in COUNTRIES.items():
        yield wikibase.document(
            name,
            {"P31": [wikibase.statement(wikibase.item("Q6256"))]},
            labels=(("en", label), ("de", label)),
        )
    for number in range(9):
        yield wikibase.document(f"Q{7000 + number}", {}, labels=(("en", f"Architect {number}"),))


@pytest.fixture(scope="module")
def services(oxigraph):
    sources = [[castle(number, source) for number in range(NUM_CASTLES)] for source in (1, 2, 3)]
    files = []
    for source in (1, 2, 3):
        for number in range(NUM_CASTLES):
            name = f"Castle {source}{number}"
            # Every castle has a front. Some share an image, and some files of the category are too small.
            files.append(File(title=f"{name} front.jpg", categories=(name,), image=f"{number % 50}"))
            files += [File(title=f"{name} side.jpg", categories=(name,), width=1600 if number % 3 else 300)]
    oxigraph.load(rdf_export.triples([*sources[1], *values()]))
    with (
        WikibaseServer([*sources[2], *values()]).running() as wikibase,
        CommonsServer(files, fault_share=0.03, seed=4, latency_s=0.004) as commons,
    ):
        commons.retry_after_s = 0
        yield sources[0], sources[2], oxigraph, wikibase, commons


def write(folder, services):
    dump, listed, oxigraph, wikibase, commons = services
    folder.mkdir(parents=True)
    rows = [*map(orjson.dumps, [*dump, *values()]), b'{"type":"item","id":"Q1","claims"']
    (folder / "dump.json").write_bytes(b"[\n" + b",\n".join(rows) + b"\n]\n")
    hosts = [oxigraph.host, wikibase.host, *commons.hosts]
    text = RECIPE.format(
        sparql=oxigraph.url,
        wikibase=wikibase.url,
        commons=commons.api,
        ids=orjson.dumps([row["id"] for row in listed]).decode(),
        hosts=orjson.dumps(hosts).decode(),
    )
    (folder / "recipe.toml").write_text(text)
    return ["build", str(folder / "recipe.toml"), "--quiet", "--workspace", str(folder / "workspace")]


def finish(arguments, folder):
    result = forked.finish(arguments, folder)
    assert result.returncode == 0, result.stderr


@pytest.fixture(scope="module")
def undisturbed(services, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    forked.finish(["--version"], folder.parent)  # The fork server has imported everything.
    began = time.monotonic()
    finish(write(folder, services), folder)
    return folder / "workspace", time.monotonic() - began


def test_the_undisturbed_build_uses_every_source(undisturbed):
    workspace, _ = undisturbed
    tables, _ = contents(workspace)
    assert check(Export.open(workspace / "exports/castles")) == []
    assert {row[4] for row in tables["entity"] if row[1]} >= {"dump.json", "sparql 127.0.0.1", "api 127.0.0.1"}
    assert len(tables["image"]) > 100 and len(tables["question"]) > 500


def test_inputs_of_each_stage_are_kept_or_rejected(undisturbed):
    with Store.open(undisturbed[0] / "store.duckdb", read_only=True) as store:
        stages = {row[0]: row[1:] for row in store.rows("SELECT name, inputs, kept FROM stage")}
        for name in STAGE_NAMES:
            sql = f"SELECT coalesce(sum(items), 0) FROM rejection WHERE stage = '{name}' AND unit = ''"
            inputs, kept = stages[name]
            assert kept + store.value(sql) == inputs, name
        assert stages["export"][0] == stages["questions"][1]


def test_a_build_that_ended_after_any_write_resumes_to_the_same_result(castles, tmp_path):
    """Random moments seldom hit the end of a certain write. A copy has the files that a killed build leaves there."""
    recipe, whole, copies = castles / "world/recipe.toml", tmp_path / "whole", tmp_path / "copies"
    with after_each_write(lambda number: shutil.copytree(whole, copies / str(number))):
        world.build(recipe, whole)
    moments = sorted(int(folder.name) for folder in copies.iterdir())
    assert len(moments) > 15
    expected = contents(castles / "workspace")
    for number in moments:
        world.build(recipe, copies / str(number))
        if contents(copies / str(number)) != expected:
            assert differences(castles / "workspace", copies / str(number)) == [], f"ended after write {number}"


@pytest.mark.parametrize("write", [4, 12])
def test_a_build_interrupted_after_a_write_resumes_to_the_same_result(castles, tmp_path, write):
    with pytest.raises(Interrupted), after_write(write, raise_interrupted):
        world.build(castles / "world/recipe.toml", tmp_path)
    world.build(castles / "world/recipe.toml", tmp_path)
    assert differences(castles / "workspace", tmp_path) == []


KILL_AFTER_WRITE = """
import sys
from pangea_cultural.cli import main
from tests.helpers.interrupted_writes import after_write, kill
with after_write(int(sys.argv[1]), kill):
    main(sys.argv[2:])
"""


@pytest.mark.parametrize("write", [2, 8, 15])
def test_a_build_killed_after_a_write_resumes_to_the_same_result(castles, tmp_path, write):
    workspace = tmp_path / "workspace"
    arguments = ["build", str(castles / "world/recipe.toml"), "--workspace", str(workspace), "--quiet"]
    killed = forked.finish([str(write), *arguments], tmp_path, script=KILL_AFTER_WRITE)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    world.build(castles / "world/recipe.toml", workspace)
    assert differences(castles / "workspace", workspace) == []


def test_a_build_killed_at_random_moments_resumes_to_the_same_result(services, undisturbed, tmp_path):
    workspace, seconds = undisturbed
    arguments = write(tmp_path / "run", services)
    rng, kills, folders, began = random.Random(11), 0, itertools.count(1), time.monotonic()
    while kills < NUM_KILLS:
        run = Run(arguments, tmp_path)
        if run.kill_after(rng.uniform(0.3, 0.6) * seconds):
            kills += 1
            continue
        finished = run.finish()
        assert finished.returncode == 0, finished.stderr
        # The build ended before the last kill: kill another build of the same recipe.
        assert differences(workspace, Path(arguments[-1])) == []
        # The machine may have become faster: later kills would come after the end.
        seconds = min(seconds, time.monotonic() - began)
        arguments, began = write(tmp_path / f"run{next(folders)}", services), time.monotonic()
    finish(arguments, tmp_path)
    last = arguments[-1]
    assert differences(workspace, Path(last)) == []
