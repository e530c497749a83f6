"""Worker processes give the rows of one process, in the same order."""

import orjson
import pytest

from factory.entities import parallel, stage
from factory.entities.sources import dump
from factory.entities.sources.config import DumpConfig
from factory.recipe import Recipe
from factory.store.store import Store
from pangea_cultural.utils.console import Reporter
from tests.helpers.world import documents

RECIPE = Recipe.model_validate(
    {
        "name": "r",
        "languages": ["en", "de"],
        "properties": ["P17", "P571", "P19"],
        "sources": [{"type": "dump", "path": "dump.json"}],
    }
)


@pytest.fixture
def started(monkeypatch):
    """Use worker processes for any dump. Has an entry for each batch that they get."""
    monkeypatch.setattr(parallel, "FEW_CORES", 0)
    monkeypatch.setattr(parallel, "SMALL_BYTES", 0)
    monkeypatch.setattr(dump, "BATCH_LINES", 3)
    batches = []
    start = parallel.Workers.start
    monkeypatch.setattr(parallel.Workers, "start", lambda self: batches.append(1) or start(self))
    return batches


def test_worker_processes_give_the_same_rows_in_the_same_order(tmp_path, started, monkeypatch):
    (tmp_path / "dump.json").write_bytes(b"\n".join(map(orjson.dumps, documents())))
    sources = [DumpConfig(type="dump", path=tmp_path / "dump.json")]
    results = []
    for name in ("processes", "single"):
        with Store.open(tmp_path / f"{name}.duckdb") as store:
            stage.run(store, sources, RECIPE.network, RECIPE.scope, Reporter(quiet=True))
            results.append([store.rows(f"SELECT * FROM {t} ORDER BY ALL") for t in ("entity", "claim", "rejection")])
            results[-1].append(store.rows("SELECT entity FROM entity WHERE selected ORDER BY rowid"))
        assert bool(started) == (name == "processes")
        started.clear()
        monkeypatch.setattr(parallel, "FEW_CORES", 1000)
    assert results[0] == results[1] and all(results[0])
