"""The recipes for the live services, built from local servers of the same kinds."""

import subprocess
import sys
from importlib import resources

import orjson
import pytest

from factory.recipe import RECIPES, load
from factory.store.store import Store
from pangea_cultural.config import find
from pangea_cultural.dataset.check import check
from pangea_cultural.dataset.export import SPLITS, Export
from tests.helpers import world
from tests.helpers.servers import rdf_export
from tests.helpers.servers.commons_server import CommonsServer, File
from tests.helpers.servers.wikibase_server import WikibaseServer

SAMPLE = [
    orjson.loads(line)
    for line in resources.files("factory").joinpath("sample/entities.jsonl").read_text("utf-8").splitlines()
]


def categories():
    for row in SAMPLE:
        for claim in row["claims"].get("P373", []):
            yield claim["mainsnak"]["datavalue"]["value"]


@pytest.fixture(scope="module")
def services(oxigraph):
    """Wikidata's query service, its entity API, and Commons."""
    files = [File(title=f"{name} {n}.jpg", categories=(name,)) for name in sorted(set(categories())) for n in range(4)]
    oxigraph.load(rdf_export.triples(SAMPLE))
    with WikibaseServer(SAMPLE).running() as wikibase, CommonsServer(files) as commons:
        yield oxigraph, wikibase, commons


def localized(name, services, folder, **changes):
    """Write a shipped recipe with the URLs of the local servers; return its path."""
    oxigraph, wikibase, commons = services
    text = find("recipe", name, RECIPES).read_text("utf-8")
    for old, new in {
        "https://www.wikidata.org/w/api.php": wikibase.url,
        'type = "sparql"': f'type = "sparql"\nurl = "{oxigraph.url}"\npause_s = 0',
        'type = "commons"': f'type = "commons"\napi = "{commons.api}"',
        **changes,
    }.items():
        assert old in text, old
        text = text.replace(old, new)
    hosts = [oxigraph.host, wikibase.host, *commons.hosts]
    path = folder / f"{name}.toml"
    path.write_text(f"{text}\n[network]\nprivate_hosts = {hosts}\n".replace("'", '"'))
    return path


@pytest.fixture(scope="module")
def live(services, tmp_path_factory):
    folder = tmp_path_factory.mktemp("live")
    recipe = localized("live", services, folder, **{"per_region = 80": "per_region = 2"})
    done = world.finish("build", recipe, "--workspace", folder / "workspace", "--json")
    assert done.returncode == 0, done.stderr
    return folder / "workspace", orjson.loads(done.stdout)


def test_the_live_recipe_gives_a_valid_export_with_images_of_commons(live):
    workspace, _ = live
    export = Export.open(workspace / "exports/live")
    assert check(export) == []
    assert export.manifest["questions"]["train"] > 100
    assert {row.region for split in SPLITS for row in export.questions(split)} <= set(live_regions())
    assert set(export.images()["attribution"].to_pylist()) == {"A. Photographer"}


def live_regions():
    return load(find("recipe", "live", RECIPES)).regions


def test_per_region_limits_the_entities_and_counts_the_others(live):
    workspace, totals = live
    assert 0 < totals["entities"] <= 2 * len(live_regions())
    with Store.open(workspace / "store.duckdb", read_only=True) as store:
        assert store.value("SELECT items FROM rejection WHERE reason = 'not sampled: per_region'") > 0
        inputs, kept = store.rows("SELECT inputs, kept FROM stage WHERE name = 'select'")[0]
        rejected = store.value("SELECT sum(items) FROM rejection WHERE stage = 'select' AND reason NOT LIKE 'claim:%'")
    assert kept + rejected == inputs


def test_a_dry_run_estimates_and_writes_nothing(services, tmp_path):
    recipe = localized("live", services, tmp_path)
    done = world.finish("build", recipe, "--workspace", tmp_path / "none", "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    result = orjson.loads(done.stdout)
    source = result["sources"][0]
    assert source["basis"].startswith("counted") and source["entities"] > 10
    assert source["queries"] == 5 * 6 + 1, "one query per region and link, and one call for all documents"
    assert result["images"] == 3 * source["entities"]
    assert not (tmp_path / "none").exists()


CONTACT_MISSING = "Give --contact or set PCULT_CONTACT"


@pytest.mark.parametrize("recipe", ["one-region", "full"])
def test_the_live_services_require_a_contact_before_any_request(recipe, tmp_path, monkeypatch):
    monkeypatch.delenv("PCULT_CONTACT", raising=False)
    assert CONTACT_MISSING in world.error_of("build", recipe, "--workspace", tmp_path / "w", "--quiet")
    assert not list((tmp_path).rglob("*.duckdb"))


def test_a_live_quickstart_requires_a_contact_before_any_request(tmp_path):
    arguments = [sys.executable, "-m", "pangea_cultural", "quickstart", "--live", "--workspace", str(tmp_path / "w")]
    done = subprocess.run(arguments, capture_output=True, text=True, env={"PATH": "", "PYTHONPATH": "."})
    assert done.returncode == 1, done.stdout
    assert CONTACT_MISSING in done.stderr and "Traceback" not in done.stderr
    assert not list((tmp_path).rglob("*.duckdb"))


def test_a_dump_replaces_the_sources_of_a_recipe(services, tmp_path):
    (tmp_path / "dump.json").write_bytes(b"\n".join(orjson.dumps(row) for row in SAMPLE))
    recipe = localized("full", services, tmp_path)
    arguments = (
        "build",
        recipe,
        "--workspace",
        tmp_path,
        "--dump",
        tmp_path / "dump.json",
        "--stage",
        "select",
        "--json",
    )
    done = world.finish(*arguments)
    assert done.returncode == 0, done.stderr
    assert orjson.loads(done.stdout)["entities"] == 85
